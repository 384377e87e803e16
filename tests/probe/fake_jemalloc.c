/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_jemalloc.c - a shared object that answers mallctl() as jemalloc does, with numbers that a test
 * sets. Its thread-local variables may be in dynamic TLS, which Debian's jemalloc has not.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);
void fake_jemalloc_set(uint64_t allocated, uint64_t deallocated);

static __thread struct {
	char before[200];
	uint64_t allocated, between, deallocated;
} numbers;

int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size)
{
	uint64_t *where;

	(void)old_size, (void)new, (void)new_size;
	if (strcmp(name, "thread.allocatedp") == 0)
		where = &numbers.allocated;
	else if (strcmp(name, "thread.deallocatedp") == 0)
		where = &numbers.deallocated;
	else
		return ENOENT;
	memcpy(old, &where, sizeof(where));
	return 0;
}

void fake_jemalloc_set(uint64_t allocated, uint64_t deallocated)
{
	numbers.allocated = allocated;
	numbers.deallocated = deallocated;
}
