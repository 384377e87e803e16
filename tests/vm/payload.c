/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * payload.c - programs as part of a test, in guests: those of Debian packages that are declared in
 * <ktstr/payloads.h>, the contracts of handles (P4 to P10), and the closed loop of the jemalloc
 * worker and probe (J2 to J11; the worker's tid is its pid, A9).
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define FAIL(...) ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, __VA_ARGS__)
#define MIB (1024u * 1024)
#define RUN(...)                                                                                   \
	ktstr_payload_run(ctx, verdict, err, &(struct ktstr_payload_config){__VA_ARGS__}, &metrics)
#define SPAWN(...)                                                                                 \
	ktstr_payload_spawn(ctx, &(struct ktstr_payload_config){__VA_ARGS__}, &handle, err)

/* --- programs that people use ---------------------------------------------------------------------- */

static void expect_positive(struct ktstr_verdict *verdict, const struct ktstr_payload_metrics *metrics,
			    const char *name)
{
	double value = 0;

	if (!ktstr_find_metric(metrics, name, &value) || value <= 0) {
		char *dump = ktstr_flat_metrics_dump(metrics);

		FAIL("%s: no metric %s above 0; stdout \"%.300s\", stderr \"%.300s\", metrics: %.800s",
		     metrics->payload, name, metrics->stdout_tail, metrics->stderr_tail, dump);
		free(dump);
	}
}

KTSTR_TEST(stress_ng_counts_its_operations, .payload = &ktstr_stress_ng)
{
	const struct ktstr_payload_metrics *metrics;
	int r = RUN(.payload = &ktstr_stress_ng, .cgroup = "load");

	if (r == 0)
		expect_positive(verdict, metrics, "metrics.bogo_ops");
	return r;
}

KTSTR_TEST(hackbench_says_how_long_it_took, .payload = &ktstr_hackbench)
{
	const struct ktstr_payload_metrics *metrics;
	int r = RUN(.payload = &ktstr_hackbench);

	if (r == 0)
		expect_positive(verdict, metrics, "time");
	return r;
}

KTSTR_TEST(cyclictest_measures_latencies, .payload = &ktstr_cyclictest)
{
	const struct ktstr_payload_metrics *metrics;
	int r = RUN(.payload = &ktstr_cyclictest);

	if (r == 0)
		expect_positive(verdict, metrics, "thread.0.max");
	return r;
}

KTSTR_TEST(fio_reports_its_jobs, .payload = &ktstr_fio)
{
	const struct ktstr_payload_metrics *metrics;
	int r = RUN(.payload = &ktstr_fio);

	if (r == 0)
		expect_positive(verdict, metrics, "jobs.0.read.iops");
	return r;
}

KTSTR_TEST(sysbench_reports_its_rate, .payload = &ktstr_sysbench)
{
	const struct ktstr_payload_metrics *metrics;
	int r = RUN(.payload = &ktstr_sysbench);

	if (r == 0)
		expect_positive(verdict, metrics, "cpu_speed.events_per_second");
	return r;
}

/* --- handles ---------------------------------------------------------------------------------------- */

KTSTR_PAYLOAD(sleeper, .binary = "busybox", .default_args = KTSTR_ARGS("sleep", "100"));

KTSTR_PAYLOAD(shell, .binary = "busybox", .default_args = KTSTR_ARGS("sh", "-c"));

KTSTR_TEST(P5_a_killed_handle_is_consumed, .workloads = KTSTR_PAYLOADS(&sleeper))
{
	const struct ktstr_payload_metrics *metrics;
	struct ktstr_payload_handle *handle;
	struct ktstr_error again = {0};
	int code, r = SPAWN(.payload = &sleeper);

	if (r < 0)
		return r;
	if (ktstr_payload_pid(handle) <= 0 || ktstr_payload_try_wait(handle, &code) != 0)
		FAIL("it does not run: pid %d", ktstr_payload_pid(handle));
	r = ktstr_payload_kill(handle, verdict, err, &metrics);
	if (r == 0 && metrics->exit_code != -SIGKILL)
		FAIL("exit code %d after a kill", metrics->exit_code);
	if (ktstr_payload_pid(handle) != 0)
		FAIL("pid %d after it was consumed", ktstr_payload_pid(handle));
	if (ktstr_payload_wait(handle, verdict, &again, NULL) != -ESRCH)
		FAIL("a consumed handle could be waited for");
	ktstr_payload_free(handle);
	return r;
}

/* "0::/ktstr/forgotten", as in /proc/PID/cgroup; empty when it cannot be read */
static void cgroup_of(pid_t pid, char *text, int size)
{
	char path[32];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	file = fopen(path, "re");
	text[0] = '\0';
	if (file && !fgets(text, size, file))
		text[0] = '\0';
	if (file)
		fclose(file);
}

KTSTR_TEST(P8_a_body_may_forget_a_handle, .workloads = KTSTR_PAYLOADS(&sleeper))
{
	struct ktstr_payload_handle *handle;
	char cgroup[256];
	int r = SPAWN(.payload = &sleeper, .cgroup = "forgotten");

	if (r < 0)
		return r;
	cgroup_of(ktstr_payload_pid(handle), cgroup, sizeof(cgroup));
	printf("forgot %d in %s", ktstr_payload_pid(handle), cgroup);
	return 0;
}

/* the test above in a process of its own: when that has ended, nothing of its payload is left */
KTSTR_TEST(P8_a_forgotten_payload_ends_with_its_body, .workloads = KTSTR_PAYLOADS(&sleeper, &shell))
{
	char self[256] = "", command[512], cgroup[256], path[512];
	const struct ktstr_payload_metrics *metrics;
	pid_t pid;
	int r;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return ktstr_error_sys(err, "readlink /proc/self/exe");
	snprintf(command, sizeof(command), "exec %s --ktstr-test-fn P8_a_body_may_forget_a_handle", self);
	r = RUN(.payload = &shell, .args = KTSTR_ARGS(command));
	if (r < 0)
		return r;
	if (metrics->exit_code != 0 ||
	    sscanf(metrics->stdout_tail, "forgot %d in 0::%255s", &pid, cgroup) != 2) {
		FAIL("exit code %d: %s%s", metrics->exit_code, metrics->stdout_tail, metrics->stderr_tail);
		return 0;
	}
	if (kill(pid, 0) == 0 || errno != ESRCH)
		FAIL("process %d is still there", pid);
	if (!strstr(cgroup, "/forgotten"))
		FAIL("it ran in cgroup %s", cgroup);
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s", cgroup);
	if (access(path, F_OK) == 0 || errno != ENOENT)
		FAIL("cgroup %s is still there", cgroup);
	return 0;
}

KTSTR_TEST(P7_an_exit_code_is_no_error_without_a_check, .workloads = KTSTR_PAYLOADS(&shell))
{
	const struct ktstr_payload_metrics *metrics;
	int r = RUN(.payload = &shell, .args = KTSTR_ARGS("exit 7"));

	if (r == 0 && metrics->exit_code != 7)
		FAIL("exit code %d, not 7", metrics->exit_code);
	return r;
}

KTSTR_TEST(P7_an_exit_code_check_fails_the_test, .workloads = KTSTR_PAYLOADS(&shell),
	   .expect_kind = KTSTR_KIND_OTHER)
{
	const struct ktstr_payload_metrics *metrics;

	return RUN(.payload = &shell, .args = KTSTR_ARGS("exit 7"),
		   .checks = KTSTR_METRIC_CHECKS(KTSTR_EXIT_CODE_IS(0)));
}

KTSTR_TEST(P6_payload_indices_increase, .workloads = KTSTR_PAYLOADS(&shell))
{
	const struct ktstr_payload_metrics *metrics;

	for (unsigned i = 0; i < 3; i++) {
		int r = RUN(.payload = &shell, .args = KTSTR_ARGS("true"));

		if (r < 0)
			return r;
		if (metrics->payload_index != i)
			FAIL("payload_index %u, not %u", metrics->payload_index, i);
	}
	return 0;
}

KTSTR_TEST(PM3_a_payload_runs_in_its_cgroup, .workloads = KTSTR_PAYLOADS(&shell))
{
	const struct ktstr_payload_metrics *metrics;
	int r = RUN(.payload = &shell, .cgroup = "box", .args = KTSTR_ARGS("cat /proc/self/cgroup"));

	if (r == 0 && !strstr(metrics->stdout_tail, "/box\n"))
		FAIL("its cgroup is %s", metrics->stdout_tail);
	return r;
}

KTSTR_TEST(a_payload_past_its_deadline_is_an_error_that_names_it, .workloads = KTSTR_PAYLOADS(&sleeper))
{
	const struct ktstr_payload_metrics *metrics;
	struct ktstr_error late = {0};
	int r = ktstr_payload_run(ctx, verdict, &late,
				  &(struct ktstr_payload_config){.payload = &sleeper,
								 .timeout_ns = 100 * 1000 * 1000},
				  &metrics);

	if (r != -ETIMEDOUT || !strstr(late.msg, "payload sleeper"))
		FAIL("it returned %d: %s", r, late.msg);
	return 0;
}

/* OP-3: a payload beside workers, in their cgroup */
KTSTR_TEST(a_step_runs_a_payload, .workloads = KTSTR_PAYLOADS(&sleeper, &shell), .cores = 2)
{
	return ktstr_run_scenario(ctx, verdict, err, &(const struct ktstr_scenario){
		KTSTR_CGROUPS({.name = "cg_0", .workers = 1}, {.name = "cg_1", .empty = true}),
		KTSTR_STEPS({.name = "started", .hold = KTSTR_FIXED(100000000),
			     KTSTR_OPS(KTSTR_RUN_PAYLOAD("cg_1", &sleeper, "1"),
				       KTSTR_RUN_PAYLOAD("cg_0", &shell, "exit 0"))},
			    {.name = "ended", .hold = KTSTR_FIXED(100000000),
			     KTSTR_OPS(KTSTR_WAIT_PAYLOAD(&shell), KTSTR_KILL_PAYLOAD(&sleeper))})});
}

/* --- the jemalloc worker and probe (seed 004) -------------------------------------------------------- */

#define KNOWN_BYTES (16ull * MIB)
#define KNOWN_TEXT "16777216"
#define MAX_SLOP (4ull * MIB)
#define DEALLOC_CAP (1ull * MIB)
#define READY_NS 5000000000ull

static int start_worker(struct ktstr_ctx *ctx, const struct ktstr_payload *payload, const char *bytes,
			const char *role, const char *legend, struct ktstr_payload_handle **ret_handle,
			struct ktstr_error *err)
{
	struct ktstr_payload_handle *handle;
	int r = SPAWN(.payload = payload, .args = KTSTR_ARGS(bytes));

	if (r < 0)
		return r;
	r = ktstr_wait_for_worker_ready(handle, (uint32_t)ktstr_payload_pid(handle), READY_NS, role,
					legend, err);
	if (r < 0)
		ktstr_payload_free(handle);
	else
		*ret_handle = handle;
	return r;
}

/* P8: whatever the probe said, the worker is gone before anything is judged */
static int probe_worker(struct ktstr_ctx *ctx, struct ktstr_verdict *verdict, const char *const *more,
			pid_t *ret_pid, const struct ktstr_payload_metrics **ret_metrics,
			struct ktstr_error *err)
{
	struct ktstr_payload_handle *worker;
	const char *args[16] = {"--pid", NULL, "--json"};
	char pid_text[16];
	int r = start_worker(ctx, &ktstr_jemalloc_alloc_worker, KNOWN_TEXT, "worker", KTSTR_WORKER_LEGEND,
			     &worker, err);

	if (r < 0)
		return r;
	*ret_pid = ktstr_payload_pid(worker);
	snprintf(pid_text, sizeof(pid_text), "%d", *ret_pid);
	args[1] = pid_text;
	for (size_t i = 0; more && more[i]; i++)
		args[3 + i] = more[i];
	r = ktstr_payload_run(ctx, verdict, err,
			      &(struct ktstr_payload_config){.payload = &ktstr_jemalloc_probe, .args = args},
			      ret_metrics);
	ktstr_payload_free(worker);
	return r;
}

KTSTR_TEST(J9_the_probe_observes_a_known_allocation, .cores = 1,
	   .workloads = KTSTR_PAYLOADS(&ktstr_jemalloc_alloc_worker, &ktstr_jemalloc_probe))
{
	const struct ktstr_payload_metrics *metrics;
	struct ktstr_thread_lookup found;
	pid_t pid;
	int r = probe_worker(ctx, verdict, NULL, &pid, &metrics, err);

	if (r < 0)
		return r;
	found = ktstr_lookup_thread(metrics, pid);
	if (found.state != KTSTR_THREAD_FOUND) {
		FAIL("tid %d: lookup %d among %zu threads; stderr \"%s\"", pid, (int)found.state,
		     ktstr_thread_count(metrics), metrics->stderr_tail);
		return 0;
	}
	if (found.allocated_bytes < KNOWN_BYTES || found.allocated_bytes > KNOWN_BYTES + MAX_SLOP)
		FAIL("worker (tid=%d) allocated_bytes=%" PRIu64 ", expected %llu to %llu", pid,
		     found.allocated_bytes, KNOWN_BYTES, KNOWN_BYTES + MAX_SLOP);
	if (found.has_deallocated && found.deallocated_bytes >= DEALLOC_CAP)
		FAIL("worker (tid=%d) deallocated_bytes=%" PRIu64, pid, found.deallocated_bytes);
	ktstr_verdict_note(verdict, "jemalloc_probe_external_target: n_threads=%zu for worker pid=%d",
			   ktstr_thread_count(metrics), pid);
	return 0;
}

KTSTR_TEST(J5_a_nonexistent_pid_is_fatal_without_json, .cores = 1,
	   .workloads = KTSTR_PAYLOADS(&ktstr_jemalloc_probe_no_exit_check))
{
	const struct ktstr_payload_metrics *metrics;
	int r = RUN(.payload = &ktstr_jemalloc_probe_no_exit_check,
		    .args = KTSTR_ARGS("--pid", "999999999", "--json"));

	if (r < 0)
		return r;
	if (metrics->exit_code != 1 || metrics->metric_count != 0)
		FAIL("exit code %d, %zu metrics, stderr \"%s\"", metrics->exit_code,
		     metrics->metric_count, metrics->stderr_tail);
	return 0;
}

static bool saw_an_error(const struct ktstr_payload_metrics *metrics)
{
	for (size_t i = 0; i < ktstr_thread_count(metrics); i++) {
		char name[64];

		snprintf(name, sizeof(name), "snapshots.0.threads.%zu.allocated_bytes", i);
		if (!ktstr_has_metric(metrics, name))
			return true;
	}
	return false;
}

/* P11: two cores with two threads, so that worker and probe run side by side */
KTSTR_TEST(J8_the_probe_survives_thread_churn, .cores = 2, .threads = 2,
	   .workloads = KTSTR_PAYLOADS(&ktstr_jemalloc_alloc_worker_churn,
				       &ktstr_jemalloc_probe_no_exit_check))
{
	struct ktstr_payload_handle *worker;
	unsigned wide = 0, errors = 0;
	char pid_text[16];
	int r = start_worker(ctx, &ktstr_jemalloc_alloc_worker_churn, "1048576", "churn worker",
			     KTSTR_WORKER_LEGEND_CHURN, &worker, err);

	if (r < 0)
		return r;
	snprintf(pid_text, sizeof(pid_text), "%d", ktstr_payload_pid(worker));
	for (int i = 0; r == 0 && i < 10; i++) {
		const struct ktstr_payload_metrics *metrics;

		r = RUN(.payload = &ktstr_jemalloc_probe_no_exit_check,
			.args = KTSTR_ARGS("--pid", pid_text, "--json"));
		if (r < 0)
			break;
		if (metrics->exit_code != 0)
			FAIL("invocation %d: probe exit_code=%d, stderr \"%s\"", i, metrics->exit_code,
			     metrics->stderr_tail);
		wide += ktstr_thread_count(metrics) > 1;
		errors += saw_an_error(metrics);
	}
	ktstr_payload_free(worker);
	if (r == 0 && wide == 0)
		FAIL("none of 10 probe invocations saw more than one thread");
	ktstr_verdict_note(verdict, "%u of 10 probe invocations saw several threads, %u a dying one", wide,
			   errors);
	return r;
}

static void judge_snapshots(struct ktstr_verdict *verdict, const struct ktstr_payload_metrics *metrics,
			    pid_t pid)
{
	uint64_t started = 0, before = 0, allocated_before = 0;

	if (!ktstr_find_metric_u64(metrics, "started_at_unix_sec", &started))
		FAIL("no started_at_unix_sec");
	before = started;
	for (size_t i = 0; i < 3; i++) {
		struct ktstr_thread_lookup found = ktstr_snapshot_worker_allocated(metrics, i, pid);
		uint64_t at = 0;
		char name[64];

		snprintf(name, sizeof(name), "snapshots.%zu.timestamp_unix_sec", i);
		if (!ktstr_find_metric_u64(metrics, name, &at) || at < before)
			FAIL("snapshot %zu at %" PRIu64 " after %" PRIu64, i, at, before);
		if (found.state != KTSTR_THREAD_FOUND || found.allocated_bytes < KNOWN_BYTES ||
		    found.allocated_bytes > KNOWN_BYTES + MAX_SLOP ||
		    found.allocated_bytes < allocated_before)
			FAIL("snapshot %zu: lookup %d, allocated_bytes=%" PRIu64 " after %" PRIu64, i,
			     (int)found.state, found.allocated_bytes, allocated_before);
		before = at;
		allocated_before = found.allocated_bytes;
	}
}

KTSTR_TEST(J10_snapshots_are_monotone, .cores = 1,
	   .workloads = KTSTR_PAYLOADS(&ktstr_jemalloc_alloc_worker, &ktstr_jemalloc_probe))
{
	const struct ktstr_payload_metrics *metrics;
	pid_t pid;
	int r = probe_worker(ctx, verdict, KTSTR_ARGS("--snapshots", "3", "--interval-ms", "50"), &pid,
			     &metrics, err);

	if (r < 0)
		return r;
	if (ktstr_snapshot_count(metrics) != 3)
		FAIL("%zu snapshots, expected 3; stderr \"%s\"", ktstr_snapshot_count(metrics),
		     metrics->stderr_tail);
	else
		judge_snapshots(verdict, metrics, pid);
	if (!ktstr_has_metric(metrics, "interval_ms"))
		FAIL("no interval_ms although there were several snapshots");
	return 0;
}
