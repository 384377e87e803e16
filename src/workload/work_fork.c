/* SPDX-License-Identifier: BSD-2-Clause */
/* ForkExit and PageFaultChurn: what makes the kernel build things up and tear them down. */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload/kinds.h"
#include "workload/measure.h"

#define TOUCHES_PER_CHECKPOINT 64

/* --- ForkExit ---------------------------------------------------------------------------------------- */

/*
 * The wait for the child is over when it ends, which it says itself just before. One that does not
 * get to run is killed when the stop comes, and waited for all the same.
 */
static bool wait_child(pid_t child)
{
	while (waitpid(child, NULL, 0) < 0) {
		if (errno != EINTR)
			return false;
		if (stopped())
			(void)kill(child, SIGKILL);
	}
	return true;
}

void work_fork_exit(struct ktstr_worker *worker)
{
	while (!stopped()) {
		pid_t child;

		begin_wait(worker);
		child = fork();
		if (child == 0) {
			(void)due_now(worker->slot);
			_exit(0);
		}
		if (child < 0)
			return;
		if (!wait_child(child))
			return;
		end_wait(worker);
		worker->report->work_units++;
		worker->report->iterations++;
		checkpoint(worker);
	}
}

/* --- PageFaultChurn ------------------------------------------------------------------------------------ */

size_t memory_of_faults(const struct ktstr_work *work)
{
	return work->bytes;
}

/* A unit is a write to a page; most of them are not there. */
static void touch_pages(struct ktstr_worker *worker)
{
	size_t pages = worker->memory_bytes / (size_t)sysconf(_SC_PAGESIZE) ?: 1;
	size_t page_bytes = worker->memory_bytes / pages;

	for (unsigned i = 1; i <= worker->work->operations && !stopped(); i++) {
		size_t page = random_below(worker, pages);

		((volatile unsigned char *)worker->memory)[page * page_bytes] = 1;
		worker->report->work_units++;
		if (i % TOUCHES_PER_CHECKPOINT == 0)
			checkpoint(worker);
	}
}

void work_page_fault_churn(struct ktstr_worker *worker)
{
	while (!stopped()) {
		if (madvise(worker->memory, worker->memory_bytes, MADV_DONTNEED) < 0)
			return;
		touch_pages(worker);
		turn_loop(jittered(worker, worker->work->iterations));
		checkpoint(worker);
		if (!stopped())
			worker->report->iterations++;
	}
}
