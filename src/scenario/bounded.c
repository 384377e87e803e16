/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/bounded.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int cgroup_act(enum cgroup_act act, const char *path, const char *text, struct ktstr_error *err)
{
	switch (act) {
	case CGROUP_WRITE:
		return file_poke(AT_FDCWD, path, text, err);
	case CGROUP_MKDIR:
		return mkdir(path, 0755) < 0 ? error_sys(err, "mkdir %s", path) : 0;
	case CGROUP_RMDIR:
		return rmdir(path) < 0 ? error_sys(err, "rmdir %s", path) : 0;
	}
	return error_set(err, -EINVAL, "%s: there is no act %d", path, (int)act);
}

enum job_state { JOB_NONE, JOB_WAITS, JOB_DONE, JOB_QUIT };

/* Whoever comes last frees it: the user, or the thread when it was left behind. */
struct bounded_thread {
	pthread_t id;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum job_state state;
	bool left_behind;
	cgroup_act_fn *act_fn;
	enum cgroup_act act;
	char *path, *text;
	int result;
	struct ktstr_error err;
};

static void thread_free(struct bounded_thread *thread)
{
	pthread_mutex_destroy(&thread->lock);
	pthread_cond_destroy(&thread->changed);
	free(thread->path);
	free(thread->text);
	free(thread);
}

static void do_job(struct bounded_thread *thread)
{
	pthread_mutex_unlock(&thread->lock);
	thread->result = thread->act_fn(thread->act, thread->path, thread->text, &thread->err);
	pthread_mutex_lock(&thread->lock);
	thread->state = JOB_DONE;
	pthread_cond_signal(&thread->changed);
}

static void *thread_main(void *arg)
{
	struct bounded_thread *thread = arg;
	bool left_behind;

	pthread_mutex_lock(&thread->lock);
	while (thread->state != JOB_QUIT && !thread->left_behind) {
		if (thread->state == JOB_WAITS)
			do_job(thread);
		else
			pthread_cond_wait(&thread->changed, &thread->lock);
	}
	left_behind = thread->left_behind;
	pthread_mutex_unlock(&thread->lock);
	if (left_behind)
		thread_free(thread);
	return NULL;
}

/* A scheduler under test that runs nothing must not keep this thread from a CPU either. */
static void rank_like_us(pthread_t id)
{
	int policy = sched_getscheduler(0);
	struct sched_param param;

	if (policy < 0 || sched_getparam(0, &param) < 0)
		return;
	policy &= ~SCHED_RESET_ON_FORK;
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		(void)pthread_setschedparam(id, policy, &param);        /* we have it, so we may */
}

static int thread_start(struct bounded *bounded, struct ktstr_error *err)
{
	struct bounded_thread *thread = xcalloc(1, sizeof(*thread));
	sigset_t all, before;
	int r;

	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->changed, NULL);
	/* signals are for the thread that everybody knows */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread->id, NULL, thread_main, thread);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		thread_free(thread);
		errno = r;
		return error_sys(err, "start a thread");
	}
	rank_like_us(thread->id);
	bounded->thread = thread;
	return 0;
}

/* With the lock held. Whether the job was done in time. */
static bool wait_done(struct bounded_thread *thread, uint64_t timeout_ns)
{
	uint64_t until_ns = clock_ns() + timeout_ns;
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / NS_PER_S),
		.tv_nsec = (long)(until_ns % NS_PER_S),
	};

	while (thread->state != JOB_DONE) {
		if (pthread_cond_clockwait(&thread->changed, &thread->lock, CLOCK_MONOTONIC, &until))
			return thread->state == JOB_DONE;
	}
	return true;
}

static void leave_behind(struct bounded *bounded)
{
	struct bounded_thread *thread = TAKE_PTR(bounded->thread);

	thread->left_behind = true;
	(void)pthread_detach(thread->id);
	pthread_mutex_unlock(&thread->lock);
	bounded->left_behind++;
}

static void give_job(struct bounded_thread *thread, cgroup_act_fn *act_fn, enum cgroup_act act,
		     const char *path, const char *text)
{
	free(thread->path);
	free(thread->text);
	thread->path = xstrdup(path);
	thread->text = xstrdup(text ?: "");
	thread->act_fn = act_fn;
	thread->act = act;
	thread->err = (struct ktstr_error){0};
	thread->state = JOB_WAITS;
	pthread_cond_signal(&thread->changed);
}

int bounded_do(struct bounded *bounded, cgroup_act_fn *act_fn, enum cgroup_act act,
	       const char *path, const char *text, uint64_t timeout_ns, struct ktstr_error *err)
{
	struct bounded_thread *thread;
	int r = 0;

	if (bounded->left_behind == BOUNDED_LEFT_BEHIND_MAX)
		return error_set(err, -EDEADLK, "%s: not tried: %u changes of cgroups hang already",
				 path, bounded->left_behind);
	if (!bounded->thread)
		r = thread_start(bounded, err);
	if (r < 0)
		return r;
	thread = bounded->thread;
	pthread_mutex_lock(&thread->lock);
	give_job(thread, act_fn, act, path, text);
	if (!wait_done(thread, timeout_ns)) {
		leave_behind(bounded);
		return error_set(err, -ETIMEDOUT, "%s: the kernel has not done it after %.1f s",
				 path, (double)timeout_ns / NS_PER_S);
	}
	thread->state = JOB_NONE;
	r = thread->result;
	if (r < 0 && err)
		*err = thread->err;
	pthread_mutex_unlock(&thread->lock);
	return r;
}

void bounded_done(struct bounded *bounded)
{
	struct bounded_thread *thread = TAKE_PTR(bounded->thread);

	if (!thread)
		return;
	pthread_mutex_lock(&thread->lock);
	thread->state = JOB_QUIT;
	pthread_cond_signal(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
	(void)pthread_join(thread->id, NULL);
	thread_free(thread);
}
