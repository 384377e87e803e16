/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trace/plugin/plugin.h"

#define CHUNK (4ull << 20) /* bytes of disk that are asked for at once */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct trace_header *header;
static struct trace_record *records;
static int file = -1;
static uint64_t allocated; /* bytes of the file that surely have a place on the disk */

/* Writing to a page of a full disk would end QEMU with SIGBUS. */
static bool reserve(uint64_t end)
{
	while (allocated < end) {
		if (posix_fallocate(file, (off_t)allocated, (off_t)CHUNK) != 0)
			return false;
		allocated += CHUNK;
	}
	return true;
}

int output_open(const char *path)
{
	uint64_t size = TRACE_HEADER_SIZE + plan.capacity * sizeof(*records);

	size = (size + CHUNK - 1) / CHUNK * CHUNK;
	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (file < 0 || ftruncate(file, (off_t)size) < 0)
		return -errno;
	if (!reserve(TRACE_HEADER_SIZE))
		return -ENOSPC;
	header = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
	if (header == MAP_FAILED)
		return -errno;
	records = (struct trace_record *)((char *)header + TRACE_HEADER_SIZE);
	header->record_size = sizeof(*records);
	header->det = plan.det;
	header->capacity = plan.capacity;
	header->tracer = TRACE_BY_PLUGIN;
	memcpy(header->magic, TRACE_MAGIC, sizeof(header->magic));
	return 0;
}

void output_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void output_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

struct trace_record *output_next(void)
{
	uint64_t count = atomic_load_explicit(&header->count, memory_order_relaxed);

	if (count < plan.capacity && reserve(TRACE_HEADER_SIZE + (count + 1) * sizeof(*records))) {
		memset(&records[count], 0, sizeof(*records));
		return &records[count];
	}
	atomic_fetch_add_explicit(&header->lost, 1, memory_order_relaxed);
	return NULL;
}

void output_commit(void)
{
	atomic_fetch_add_explicit(&header->count, 1, memory_order_release);
}

void output_count_unread(void)
{
	if (header)
		atomic_fetch_add_explicit(&header->unread, 1, memory_order_relaxed);
}

void output_count_untimed(void)
{
	atomic_fetch_add_explicit(&header->untimed, 1, memory_order_relaxed);
}
