/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * victim WHAT ... - a process to be probed. Prints "ready" and stays, until it is killed or its stdin
 * ends. Thread i (the first is 0) has 1000000 + i bytes allocated and i freed, by fake_jemalloc.
 *
 *	threads N [OBJECT]     N threads more, named tI; OBJECT is dlopen()ed by a thread after start
 *	orphan N               the same without the first thread, which has ended
 *	exec MS PROGRAM...     execute that after some milliseconds
 *	zombie                 have a child that has ended; prints its pid
 *	gaps N                 watch the clock until SIGTERM, then print the N longest times, in ns, at
 *	                       which it was not running
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static void (*set)(uint64_t allocated, uint64_t deallocated);
static pthread_barrier_t all_set;

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "victim: %s\n", what);
	exit(1);
}

static void take_number(uintptr_t i)
{
	if (set)
		set(1000000 + i, i);
}

static void *stand(void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "t%d", (int)(intptr_t)arg);
	prctl(PR_SET_NAME, name);
	take_number((uintptr_t)arg);
	pthread_barrier_wait(&all_set);
	while (pause() < 0)
		;
	return NULL;
}

static void find_set(void)
{
	set = (void (*)(uint64_t, uint64_t))dlsym(RTLD_DEFAULT, "fake_jemalloc_set");
}

static void start(long count)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_barrier_init(&all_set, NULL, (unsigned)count + 1);
	for (long i = 1; i <= count; i++) {
		if (pthread_create(&thread, &attr, stand, (void *)i))
			fail("pthread_create");
	}
	take_number(0);
	pthread_barrier_wait(&all_set);
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* Killed, or the test has gone. */
static void wait_for_end(void)
{
	struct pollfd in = {.fd = 0, .events = 0};

	while (poll(&in, 1, -1) < 0 && errno == EINTR)
		;
	exit(0);
}

static void *watch_stdin(void *unused)
{
	wait_for_end();
	return unused;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int descending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y) - (x > y);
}

static volatile sig_atomic_t enough;

static void end_watch(int sig)
{
	enough = sig;
}

static void watch(size_t want)
{
	static uint64_t gaps[1 << 20];
	const size_t max = sizeof(gaps) / sizeof(gaps[0]);
	uint64_t last;
	size_t count = 0;

	signal(SIGTERM, end_watch);
	ready();
	last = now_ns();
	while (!enough) {
		uint64_t now = now_ns();

		if (now - last > 1000 && count < max)
			gaps[count++] = now - last;
		last = now;
	}
	qsort(gaps, count, sizeof(*gaps), descending);
	for (size_t i = 0; i < want && i < count; i++)
		printf("%llu\n", (unsigned long long)gaps[i]);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	pthread_t thread;
	pid_t child;

	find_set();
	if (strcmp(what, "threads") == 0 && argc >= 3) {
		if (argc > 3 && !dlopen(argv[3], RTLD_NOW | RTLD_GLOBAL))
			fail(dlerror());
		find_set();
		start(atol(argv[2]));
		ready();
		wait_for_end();
	}
	if (strcmp(what, "orphan") == 0 && argc == 3) {
		if (pthread_create(&thread, NULL, watch_stdin, NULL))
			fail("pthread_create");
		start(atol(argv[2]));
		ready();
		pthread_exit(NULL);
	}
	if (strcmp(what, "exec") == 0 && argc >= 4) {
		take_number(0);
		ready();
		usleep((useconds_t)atol(argv[2]) * 1000);
		execvp(argv[3], argv + 3);
		fail("exec");
	}
	if (strcmp(what, "zombie") == 0) {
		child = fork();
		if (child == 0)
			_exit(0);
		printf("%d\n", (int)child);
		ready();
		wait_for_end();
	}
	if (strcmp(what, "gaps") == 0 && argc == 3) {
		watch((size_t)atol(argv[2]));
		return 0;
	}
	fail("unknown words");
}
