/* SPDX-License-Identifier: BSD-2-Clause */
/* matrix.c - every scenario of faults.h on every scheduler, with nothing expected; see matrix.sh. */
#include "faults.h"

#define CELL(scenario, fault, topology_, ...)                                                      \
	KTSTR_TEST(scenario##__##fault, .scheduler = &fault, .topology = topology_,                \
		   .duration_ms = 1000, .checks = {__VA_ARGS__})                                   \
	{                                                                                          \
		return scenario(ctx, verdict, err);                                                \
	}

KTSTR_SCHEDULER(eevdf);

#define ROW(scenario, topology, kind, matching, ...)                                               \
	CELL(scenario, eevdf, topology, __VA_ARGS__)                                               \
	CELL(scenario, sane, topology, __VA_ARGS__)                                                \
	CELL(scenario, global_fifo, topology, __VA_ARGS__)                                         \
	CELL(scenario, one_llc, topology, __VA_ARGS__)                                             \
	CELL(scenario, ignore_weights, topology, __VA_ARGS__)                                      \
	CELL(scenario, late_wake, topology, __VA_ARGS__)                                           \
	CELL(scenario, sleeper_penalty, topology, __VA_ARGS__)                                     \
	CELL(scenario, scatter, topology, __VA_ARGS__)

FAULT_SCENARIOS(ROW)
