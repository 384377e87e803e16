/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/cpuset.h"

#include <errno.h>
#include <string.h>

#define WORDS (CPUSET_CPU_MAX / 64)

unsigned cpuset_count(const struct cpuset *set)
{
	unsigned count = 0;

	for (unsigned i = 0; i < WORDS; i++)
		count += (unsigned)__builtin_popcountll(set->word[i]);
	return count;
}

bool cpuset_equal(const struct cpuset *a, const struct cpuset *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool cpuset_covers(const struct cpuset *outer, const struct cpuset *inner)
{
	for (unsigned i = 0; i < WORDS; i++) {
		if (inner->word[i] & ~outer->word[i])
			return false;
	}
	return true;
}

void cpuset_union(struct cpuset *into, const struct cpuset *from)
{
	for (unsigned i = 0; i < WORDS; i++)
		into->word[i] |= from->word[i];
}

int cpuset_next(const struct cpuset *set, unsigned from)
{
	for (unsigned cpu = from; cpu < CPUSET_CPU_MAX; cpu++) {
		uint64_t rest = set->word[cpu / 64] >> (cpu % 64);

		if (rest)
			return (int)(cpu + (unsigned)__builtin_ctzll(rest));
		cpu |= 63;
	}
	return -1;
}

int cpuset_parse(struct sv list, struct cpuset *ret_set, struct ktstr_error *err)
{
	struct cpuset set = {0};
	struct sv rest = sv_trim(list);

	while (rest.len) {
		struct sv range = sv_split(&rest, ',');
		struct sv first_text = sv_split(&range, '-');
		uint32_t first, last;

		if (sv_u32(first_text, CPUSET_CPU_MAX - 1, &first) < 0)
			return error_set(err, -EINVAL, "CPU list \"%.*s\": \"%.*s\" is no CPU below %d",
					 SV_ARG(list), SV_ARG(first_text), CPUSET_CPU_MAX);
		last = first;
		if (range.data && (sv_u32(range, CPUSET_CPU_MAX - 1, &last) < 0 || last < first))
			return error_set(err, -EINVAL, "CPU list \"%.*s\": bad end of range \"%.*s\"",
					 SV_ARG(list), SV_ARG(range));
		for (uint32_t cpu = first; cpu <= last; cpu++)
			cpuset_add(&set, cpu);
		if (rest.data && rest.len == 0)
			return error_set(err, -EINVAL, "CPU list \"%.*s\": ends with a comma",
					 SV_ARG(list));
	}
	*ret_set = set;
	return 0;
}

void cpuset_format(const struct cpuset *set, struct buf *buf)
{
	const char *comma = "";

	for (int first = cpuset_next(set, 0); first >= 0;) {
		int last = first;

		while (cpuset_has(set, (unsigned)last + 1))
			last++;
		buf_printf(buf, "%s%d", comma, first);
		if (last > first)
			buf_printf(buf, "-%d", last);
		comma = ",";
		first = cpuset_next(set, (unsigned)last + 1);
	}
}
