/* SPDX-License-Identifier: BSD-2-Clause */
/* shares.c - who got how much: CPU time among equals, CPU time by weight, pages on nodes. */
#include "verdict/arithmetic.h"

/* --- among the workers of a role --- */

static bool is_compared(const struct worker_report *report, double *ret_pct)
{
	return !report->is_messenger && !report->is_host && worker_off_cpu_pct(report, ret_pct);
}

/* The first worker of a role stands for it. */
static bool is_first_of_role(const struct worker_report *reports, size_t i)
{
	for (size_t before = 0; before < i; before++) {
		if (reports[before].role == reports[i].role)
			return false;
	}
	return true;
}

static struct spread spread_of_role(const struct worker_report *reports, size_t count,
				    uint32_t role)
{
	struct spread spread = {0};
	double pct;

	for (size_t i = 0; i < count; i++) {
		if (reports[i].role != role || !is_compared(&reports[i], &pct))
			continue;
		if (spread.count == 0 || pct < spread.min_pct)
			spread.min_pct = pct;
		if (spread.count == 0 || pct > spread.max_pct)
			spread.max_pct = pct;
		spread.count++;
	}
	spread.pct = spread.max_pct - spread.min_pct;
	return spread;
}

struct spread spread_of(const struct worker_report *reports, size_t count)
{
	struct spread worst = {0};

	for (size_t i = 0; i < count; i++) {
		struct spread spread;

		if (!is_first_of_role(reports, i))
			continue;
		spread = spread_of_role(reports, count, reports[i].role);
		if (spread.count >= 2 && (worst.count == 0 || spread.pct > worst.pct))
			worst = spread;
	}
	return worst;
}

/* --- among the workers of a role, as far as the scheduler made them wait --- */

static double waited_pct(const struct worker_report *report)
{
	return ratio_of((double)report->run_delay_ns, (double)report->wall_ns) * 100;
}

/* count 0: they are not compared. */
static struct spread spread_of_pair(const struct worker_report *behind,
				    const struct worker_report *ahead)
{
	struct spread spread = {0};
	double waited = waited_pct(behind) - waited_pct(ahead);

	if (behind->role != ahead->role || !is_compared(behind, &spread.max_pct) ||
	    !is_compared(ahead, &spread.min_pct))
		return spread;
	spread.count = 2;
	spread.pct = spread.max_pct - spread.min_pct;
	if (waited < spread.pct)
		spread.pct = waited;
	return spread;
}

struct spread spread_by_waiting(const struct worker_report *reports, size_t count)
{
	struct spread worst = {0}, pair;
	uint32_t role = 0;

	for (size_t behind = 0; behind < count; behind++) {
		for (size_t ahead = 0; ahead < count; ahead++) {
			pair = spread_of_pair(&reports[behind], &reports[ahead]);
			if (pair.pct <= worst.pct)
				continue;
			worst = pair;
			role = reports[behind].role;
		}
	}
	if (worst.count > 0)
		worst.count = spread_of_role(reports, count, role).count;
	return worst;
}

/* --- among cgroups, by weight --- */

static bool fits(const struct competitor *competitor, double left, double weights)
{
	return (double)competitor->wanted_ns <= left * competitor->weight / weights;
}

/* Who wants less than its share gets what it wants and is out; once a round, until none does. */
static bool settle_one(const struct competitor *competitors, size_t count, double *granted,
		       double *left, double *weights)
{
	for (size_t i = 0; i < count; i++) {
		if (granted[i] >= 0 || !fits(&competitors[i], *left, *weights))
			continue;
		granted[i] = (double)competitors[i].wanted_ns;
		*left -= granted[i];
		*weights -= competitors[i].weight;
		return true;
	}
	return false;
}

void fair_shares(const struct competitor *competitors, size_t count, double *ret_pct)
{
	double left = 0, weights = 0, ran;

	for (size_t i = 0; i < count; i++) {
		left += (double)competitors[i].ran_ns;
		weights += competitors[i].weight;
		ret_pct[i] = -1;        /* not granted yet */
	}
	ran = left;
	while (settle_one(competitors, count, ret_pct, &left, &weights))
		;
	for (size_t i = 0; i < count; i++) {
		if (ret_pct[i] < 0)
			ret_pct[i] = left * ratio_of(competitors[i].weight, weights);
		ret_pct[i] = ratio_of(ret_pct[i], ran) * 100;
	}
}

/* --- pages on nodes --- */

struct pages pages_of(const struct cgroup_facts *facts, const struct worker_report *reports,
		      size_t count)
{
	struct pages pages = {.expected = cpuset_count(&facts->nodes) > 0};

	for (size_t i = 0; i < count; i++) {
		if (!reports[i].pages_known)
			continue;
		for (unsigned node = 0; node < WORKER_NODES_MAX; node++) {
			double on_node = (double)reports[i].pages[node];

			pages.total += on_node;
			if (cpuset_has(&facts->nodes, node))
				pages.local += on_node;
			if (cpuset_has(&facts->cpuless_nodes, node))
				pages.slow += on_node;
		}
	}
	return pages;
}
