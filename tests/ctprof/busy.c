/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * busy [MIB] - says "ready" and does nothing; at the first SIGUSR1 it starts a thread that only computes, or allocates
 * MIB in pieces and keeps them. Ends with its parent, or after two minutes.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LIFE_S 120
#define PIECE (1u << 20)

static void *compute(void *arg)
{
	for (volatile unsigned long turns = 0;; turns++)
		;
	return arg;
}

static int allocate(unsigned long mib)
{
	for (unsigned long i = 0; i < mib; i++) {
		char *piece = malloc(PIECE);

		if (!piece)
			return 1;
		memset(piece, 1, PIECE);
	}
	return 0;
}

int main(int argc, char **argv)
{
	sigset_t set;
	pthread_t thread;
	int came;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIFE_S);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("ready");
	fflush(stdout);
	sigwait(&set, &came);
	if (argc > 1 && allocate(strtoul(argv[1], NULL, 10)) != 0)
		return 1;
	if (argc == 1 && pthread_create(&thread, NULL, compute, NULL) != 0)
		return 1;
	sigwait(&set, &came);
	return 0;
}
