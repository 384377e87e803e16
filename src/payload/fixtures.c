/* SPDX-License-Identifier: BSD-2-Clause */
/* fixtures.c - <ktstr/payloads.h>. The options are those of Debian 12's versions. */
#include <ktstr/payloads.h>
#include <ktstr/test.h>

#include "base/export.h"

#define SUCCEEDS KTSTR_METRIC_CHECKS(KTSTR_EXIT_CODE_IS(0))

EXPORT const struct ktstr_payload ktstr_stress_ng = {
	.name = "stress_ng",
	.binary = "stress-ng",
	.output = KTSTR_OUTPUT_LINES,
	.default_args = KTSTR_ARGS("--yaml", "/dev/stdout", "--metrics-brief", "--cpu", "1", "--timeout", "1"),
	.default_checks = SUCCEEDS,
	.metrics = KTSTR_METRIC_HINTS(
		{.name = "metrics.bogo_ops", .polarity = KTSTR_HIGHER_IS_BETTER},
		{.name = "metrics.bogo_ops_per_second_usr_sys_time", .polarity = KTSTR_HIGHER_IS_BETTER, .unit = "1/s"},
		{.name = "metrics.bogo_ops_per_second_real_time", .polarity = KTSTR_HIGHER_IS_BETTER, .unit = "1/s"}),
};

EXPORT const struct ktstr_payload ktstr_hackbench = {
	.name = "hackbench",
	.binary = "hackbench",
	.output = KTSTR_OUTPUT_LINES,
	.default_args = KTSTR_ARGS("-g", "2", "-f", "4", "-l", "100"),
	.default_checks = SUCCEEDS,
	.metrics = KTSTR_METRIC_HINTS({.name = "time", .polarity = KTSTR_LOWER_IS_BETTER, .unit = "s"}),
};

EXPORT const struct ktstr_payload ktstr_cyclictest = {
	.name = "cyclictest",
	.binary = "cyclictest",
	.output = KTSTR_OUTPUT_JSON,
	.default_args = KTSTR_ARGS("--quiet", "--json=/dev/stdout", "--interval=1000", "--loops=200"),
	.default_checks = SUCCEEDS,
	.metrics = KTSTR_METRIC_HINTS(
		{.name = "thread.0.min", .polarity = KTSTR_LOWER_IS_BETTER, .unit = "us"},
		{.name = "thread.0.avg", .polarity = KTSTR_LOWER_IS_BETTER, .unit = "us"},
		{.name = "thread.0.max", .polarity = KTSTR_LOWER_IS_BETTER, .unit = "us"}),
};

EXPORT const struct ktstr_payload ktstr_fio = {
	.name = "fio",
	.binary = "fio",
	.output = KTSTR_OUTPUT_JSON,
	.default_args = KTSTR_ARGS("--name=ktstr", "--output-format=json", "--ioengine=sync",
				   "--rw=randread", "--size=1M", "--bs=4k", "--filename=/tmp/ktstr.fio"),
	.default_checks = SUCCEEDS,
	.metrics = KTSTR_METRIC_HINTS(
		{.name = "jobs.0.read.iops", .polarity = KTSTR_HIGHER_IS_BETTER, .unit = "1/s"},
		{.name = "jobs.0.write.iops", .polarity = KTSTR_HIGHER_IS_BETTER, .unit = "1/s"},
		{.name = "jobs.0.read.clat_ns.mean", .polarity = KTSTR_LOWER_IS_BETTER, .unit = "ns"},
		{.name = "jobs.0.write.clat_ns.mean", .polarity = KTSTR_LOWER_IS_BETTER, .unit = "ns"}),
};

EXPORT const struct ktstr_payload ktstr_sysbench = {
	.name = "sysbench",
	.binary = "sysbench",
	.output = KTSTR_OUTPUT_LINES,
	.default_args = KTSTR_ARGS("cpu", "--time=1", "run"),
	.default_checks = SUCCEEDS,
	.metrics = KTSTR_METRIC_HINTS(
		{.name = "cpu_speed.events_per_second", .polarity = KTSTR_HIGHER_IS_BETTER, .unit = "1/s"},
		{.name = "latency_ms.avg", .polarity = KTSTR_LOWER_IS_BETTER, .unit = "ms"},
		{.name = "latency_ms.95th_percentile", .polarity = KTSTR_LOWER_IS_BETTER, .unit = "ms"}),
};

EXPORT const struct ktstr_payload ktstr_jemalloc_alloc_worker = {
	.name = "jemalloc_alloc_worker",
	.binary = "ktstr-jemalloc-alloc-worker",
};

EXPORT const struct ktstr_payload ktstr_jemalloc_alloc_worker_churn = {
	.name = "jemalloc_alloc_worker_churn",
	.binary = "ktstr-jemalloc-alloc-worker",
	.default_args = KTSTR_ARGS("--churn"),
};

EXPORT const struct ktstr_payload ktstr_jemalloc_probe = {
	.name = "jemalloc_probe",
	.binary = "ktstr-jemalloc-probe",
	.output = KTSTR_OUTPUT_JSON,
	.default_checks = SUCCEEDS,
};

EXPORT const struct ktstr_payload ktstr_jemalloc_probe_no_exit_check = {
	.name = "jemalloc_probe_no_exit_check",
	.binary = "ktstr-jemalloc-probe",
	.output = KTSTR_OUTPUT_JSON,
};
