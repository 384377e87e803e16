/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ktstr-jemalloc-alloc-worker [--churn] BYTES - allocate BYTES once, say so, and stay: a process
 * whose numbers are known, for those who test what reads jemalloc's counters. With --churn it starts
 * and joins threads for ever besides.
 *
 * <ktstr/jemalloc_worker_contract.h> is what it promises. It links jemalloc statically, with debug
 * information, and nothing of ktstr: constructors of others would be in the numbers.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ktstr/jemalloc_worker_contract.h>

#define CHURN_SLEEP_NS 100000

struct arguments {
	unsigned long long bytes;
	int churn;
};

__attribute__((format(printf, 2, 3), noreturn))
static void fail(enum worker_exit status, const char *fmt, ...)
{
	va_list args;

	fputs(WORKER_STDERR_PREFIX " ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit((int)status);
}

/* --churn may stand anywhere; the first other word is the number, and there is no further one. */
static struct arguments parse(int argc, char **argv)
{
	struct arguments arguments = {0};
	const char *number = NULL;
	char *end;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--churn") == 0)
			arguments.churn = 1;
		else if (argv[i][0] == '-' && !isdigit((unsigned char)argv[i][1]))
			fail(WORKER_EXIT_USAGE, "unknown option %s; usage: [--churn] BYTES", argv[i]);
		else if (!number)
			number = argv[i];
		else
			fail(WORKER_EXIT_USAGE, "one number of bytes, not %s too", argv[i]);
	}
	if (!number)
		fail(WORKER_EXIT_USAGE, "how many bytes? usage: [--churn] BYTES");
	errno = 0;
	arguments.bytes = strtoull(number, &end, 10);
	if (!isdigit((unsigned char)number[0]) || *end || errno || arguments.bytes > SIZE_MAX)
		fail(WORKER_EXIT_USAGE, "%s is no decimal number of bytes", number);
	if (arguments.bytes == 0)
		fail(WORKER_EXIT_NO_BYTES, "0 bytes: there would be nothing to see");
	return arguments;
}

static unsigned count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned count = 0;

	if (!dir)
		fail(WORKER_EXIT_TASKS_UNREADABLE, "open /proc/self/task: %s", strerror(errno));
	errno = 0;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (errno)
		fail(WORKER_EXIT_TASKS_UNREADABLE, "read /proc/self/task: %s", strerror(errno));
	closedir(dir);
	return count;
}

/* jemalloc starts background threads when it is first used: that must be over before counting. */
static void check_alone(void)
{
	unsigned count = count_threads();

	if (count != 1)
		fail(WORKER_EXIT_THREADS,
		     "/proc/self/task has %u threads, not 1: jemalloc has started some; "
		     "is background_thread:true in MALLOC_CONF?", count);
}

/* The compiler must not know what becomes of the pointer, the length or the first byte. */
static void touch(volatile char *buffer, size_t bytes)
{
	buffer[0] = 1;
	__asm__ volatile("" : "+r"(buffer), "+r"(bytes) : : "memory");
}

static void write_marker(void)
{
	struct worker_ready_path standard = worker_ready_marker_path((uint32_t)getpid());
	const char *path = getenv(WORKER_READY_MARKER_OVERRIDE_ENV);
	const size_t len = strlen(WORKER_READY_MARKER_CONTENT);
	int fd, wrong;

	if (!path || !path[0])
		path = standard.text;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	wrong = fd < 0 || write(fd, WORKER_READY_MARKER_CONTENT, len) != (ssize_t)len;
	if (wrong || close(fd) < 0)
		fail(WORKER_EXIT_MARKER, "failed to write ready marker %s: %s", path, strerror(errno));
}

static void *sleep_shortly(void *unused)
{
	nanosleep(&(struct timespec){.tv_nsec = CHURN_SLEEP_NS}, NULL);
	return unused;
}

/* One helper at a time, so that one or two threads are there at any moment. */
static void churn_once(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, sleep_shortly, NULL);

	if (r)
		fail(WORKER_EXIT_INTERNAL, "pthread_create: %s", strerror(r));
	r = pthread_join(thread, NULL);
	if (r)
		fail(WORKER_EXIT_INTERNAL, "pthread_join: %s", strerror(r));
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	char *buffer;

	free(malloc(1));
	arguments = parse(argc, argv);
	if (!arguments.churn)
		check_alone();
	buffer = malloc(arguments.bytes);
	if (!buffer)
		fail(WORKER_EXIT_INTERNAL, "%llu bytes: %s", arguments.bytes, strerror(errno));
	touch(buffer, arguments.bytes);
	write_marker();
	printf("%s pid=%d bytes=%llu\n", WORKER_STDOUT_READY_PREFIX, (int)getpid(), arguments.bytes);
	fflush(stdout);
	for (;;) {
		touch(buffer, arguments.bytes);
		if (arguments.churn)
			churn_once();
		else
			pause();
	}
}
