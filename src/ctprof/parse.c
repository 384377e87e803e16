/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stddef.h>

#include "ctprof/parse.h"

#define AT(field) offsetof(struct ctprof_thread, field)

static uint64_t *u64_at(struct ctprof_thread *thread, size_t offset)
{
	return (uint64_t *)((char *)thread + offset);
}

/* Words are separated by single spaces or more. */
static struct sv next_word(struct sv *rest)
{
	struct sv word;

	while (rest->len && (*rest->data == ' ' || *rest->data == '\t'))
		*rest = sv_skip(*rest, 1);
	word = *rest;
	for (word.len = 0; word.len < rest->len; word.len++)
		if (word.data[word.len] == ' ' || word.data[word.len] == '\t' || word.data[word.len] == '\n')
			break;
	*rest = sv_skip(*rest, word.len);
	return word;
}

static int read_i32(struct sv word, int32_t *ret_value)
{
	bool negative = word.len > 1 && word.data[0] == '-';
	uint32_t size;

	if (sv_u32(negative ? sv_skip(word, 1) : word, INT32_MAX, &size) < 0)
		return -EINVAL;
	*ret_value = negative ? -(int32_t)size : (int32_t)size;
	return 0;
}

/* stat writes a newline as \n and a backslash as \\ (fs/proc/array.c, proc_task_name) */
static void unescape_comm(struct sv text, char comm[CTPROF_COMM_MAX])
{
	size_t len = 0;

	memset(comm, 0, CTPROF_COMM_MAX);
	for (size_t i = 0; i < text.len && len < CTPROF_COMM_MAX - 1; i++) {
		char c = text.data[i];

		if (c == '\\' && i + 1 < text.len && (text.data[i + 1] == 'n' || text.data[i + 1] == '\\'))
			c = text.data[++i] == 'n' ? '\n' : '\\';
		if (c == '\0')
			break;
		comm[len++] = c;
	}
}

/* "TID (comm) S …": Documentation/filesystems/proc.rst, table 1-4; the comm may contain anything */
int parse_stat(struct sv text, struct ctprof_thread *thread, struct parse_stat_extra *ret_extra)
{
	static const struct {
		unsigned field;
		size_t offset;
	} numbers[] = {
		{10, AT(minflt)}, {12, AT(majflt)}, {14, AT(utime_clock_ticks)}, {15, AT(stime_clock_ticks)},
		{22, AT(start_time_clock_ticks)},
	}, words[] = {
		{18, AT(priority)}, {19, AT(nice)}, {39, AT(processor)}, {40, AT(rt_priority)},
	};
	const char *open = text.len ? memchr(text.data, '(', text.len) : NULL;
	const char *close = text.len ? memrchr(text.data, ')', text.len) : NULL;
	size_t number = 0, small = 0;
	struct sv rest;

	if (!open || !close || close < open)
		return -EINVAL;
	rest = sv_skip(text, (size_t)(close - text.data) + 1);
	*ret_extra = (struct parse_stat_extra){0};
	for (unsigned field = 3; field <= 41; field++) {
		struct sv word = next_word(&rest);

		if (!word.len)
			return -EINVAL;
		if (field == 3)
			thread->state = *word.data;
		else if (field == 9 && sv_u32(word, UINT32_MAX, &ret_extra->flags) < 0)
			return -EINVAL;
		else if (field == 20 && sv_u64(word, UINT64_MAX, &ret_extra->num_threads) < 0)
			return -EINVAL;
		else if (field == 41 && sv_u32(word, CTPROF_POLICY_MAX, &thread->policy) < 0)
			return -EINVAL;
		if (number < sizeof(numbers) / sizeof(*numbers) && numbers[number].field == field &&
		    sv_u64(word, UINT64_MAX, u64_at(thread, numbers[number++].offset)) < 0)
			return -EINVAL;
		if (small < sizeof(words) / sizeof(*words) && words[small].field == field &&
		    read_i32(word, (int32_t *)((char *)thread + words[small++].offset)) < 0)
			return -EINVAL;
	}
	unescape_comm(sv_bytes(open + 1, (size_t)(close - open) - 1), thread->comm);
	return 0;
}

int parse_schedstat(struct sv text, struct ctprof_thread *thread)
{
	uint64_t value[3];

	for (size_t i = 0; i < 3; i++)
		if (sv_u64(next_word(&text), UINT64_MAX, &value[i]) < 0)
			return -EINVAL;
	thread->run_time_ns = value[0];
	thread->wait_time_ns = value[1];
	thread->timeslices = value[2];
	return 0;
}

struct key {
	const char *name;
	size_t offset;
};

static const struct key *find_key(const struct key *keys, size_t count, struct sv name)
{
	for (size_t i = 0; i < count; i++)
		if (sv_eq(name, keys[i].name))
			return &keys[i];
	return NULL;
}

int parse_io(struct sv text, struct ctprof_thread *thread)
{
	static const struct key keys[] = {
		{"rchar", AT(rchar)}, {"wchar", AT(wchar)}, {"syscr", AT(syscr)}, {"syscw", AT(syscw)},
		{"read_bytes", AT(read_bytes)}, {"write_bytes", AT(write_bytes)},
		{"cancelled_write_bytes", AT(cancelled_write_bytes)},
	};
	unsigned found = 0;
	struct sv line;

	while (sv_line(&text, &line)) {
		const struct key *key = find_key(keys, sizeof(keys) / sizeof(*keys), sv_split(&line, ':'));

		if (key && sv_u64(sv_trim(line), UINT64_MAX, u64_at(thread, key->offset)) == 0)
			found++;
	}
	return found ? 0 : -EINVAL;
}

int parse_status(struct sv text, struct ctprof_thread *thread, struct parse_status_extra *ret_extra)
{
	unsigned found = 0;
	struct sv line;

	*ret_extra = (struct parse_status_extra){0};
	while (sv_line(&text, &line)) {
		struct sv key = sv_split(&line, ':'), value = sv_trim(line);

		if (sv_eq(key, "voluntary_ctxt_switches"))
			found += sv_u64(value, UINT64_MAX, &thread->voluntary_csw) == 0;
		else if (sv_eq(key, "nonvoluntary_ctxt_switches"))
			found += sv_u64(value, UINT64_MAX, &thread->nonvoluntary_csw) == 0;
		else if (sv_eq(key, "Threads"))
			found += sv_u64(value, UINT64_MAX, &ret_extra->threads) == 0;
		else if (sv_eq(key, "Cpus_allowed_list"))
			found += cpuset_parse(value, &ret_extra->allowed, NULL) == 0;
	}
	return found ? 0 : -EINVAL;
}

uint64_t parse_signed_ns(int64_t ns, uint64_t *negatives)
{
	if (ns >= 0)
		return (uint64_t)ns;
	if (ns > -1000000)
		return (uint64_t)-ns;
	++*negatives;
	return 0;
}

/* "12.345678": milliseconds with six digits; false for anything else */
static bool dotted_ns(struct sv text, uint64_t *ret_ns, uint64_t *negatives)
{
	struct sv low = text, high = sv_split(&low, '.');
	bool negative = high.len > 1 && high.data[0] == '-';
	uint64_t ms, ns;

	if (low.len != 6 || sv_u64(low, 999999, &ns) < 0)
		return false;
	if (sv_u64(negative ? sv_skip(high, 1) : high, UINT64_MAX / 1000000 - 1, &ms) < 0)
		return false;
	*negatives += negative;
	*ret_ns = negative ? 0 : ms * 1000000 + ns;
	return true;
}

/*
 * Lines "name   :   value". Before Linux 5.16 the counters were members of the scheduling entity
 * and their names start with "se.statistics.".
 */
int parse_sched(struct sv text, struct ctprof_thread *thread, uint64_t *negatives)
{
	static const struct key counts[] = {
		{"nr_wakeups", AT(nr_wakeups)}, {"nr_wakeups_local", AT(nr_wakeups_local)},
		{"nr_wakeups_remote", AT(nr_wakeups_remote)}, {"nr_wakeups_sync", AT(nr_wakeups_sync)},
		{"nr_wakeups_migrate", AT(nr_wakeups_migrate)}, {"nr_wakeups_affine", AT(nr_wakeups_affine)},
		{"nr_wakeups_affine_attempts", AT(nr_wakeups_affine_attempts)},
		{"se.nr_migrations", AT(nr_migrations)}, {"nr_forced_migrations", AT(nr_forced_migrations)},
		{"nr_failed_migrations_affine", AT(nr_failed_migrations_affine)},
		{"nr_failed_migrations_running", AT(nr_failed_migrations_running)},
		{"nr_failed_migrations_hot", AT(nr_failed_migrations_hot)},
		{"wait_count", AT(wait_count)}, {"iowait_count", AT(iowait_count)}, {"se.slice", AT(fair_slice_ns)},
	}, times[] = {
		{"wait_sum", AT(wait_sum)}, {"wait_max", AT(wait_max)}, {"sleep_max", AT(sleep_max)},
		{"sum_sleep_runtime", AT(voluntary_sleep_ns)}, {"sum_block_runtime", AT(block_sum)},
		{"block_max", AT(block_max)}, {"iowait_sum", AT(iowait_sum)}, {"exec_max", AT(exec_max)},
		{"slice_max", AT(slice_max)}, {"core_forceidle_sum", AT(core_forceidle_sum)},
	};
	uint64_t sleep_ns = 0;
	unsigned found = 0;
	struct sv line;

	while (sv_line(&text, &line)) {
		struct sv value = line, name = sv_trim(sv_split(&value, ':'));
		const struct key *key;

		value = sv_trim(value);
		if (sv_starts(name, "se.statistics."))
			name = sv_skip(name, strlen("se.statistics."));
		if (sv_eq(name, "ext.enabled")) {
			thread->ext_enabled = sv_eq(value, "1");
		} else if ((key = find_key(times, sizeof(times) / sizeof(*times), name))) {
			found += dotted_ns(value, u64_at(thread, key->offset), negatives);
		} else if ((key = find_key(counts, sizeof(counts) / sizeof(*counts), name))) {
			found += sv_u64(value, INT64_MAX, u64_at(thread, key->offset)) == 0;
		}
	}
	/* asleep, but not blocked: the kernel counts blocking as sleeping too */
	sleep_ns = thread->voluntary_sleep_ns;
	thread->voluntary_sleep_ns = sleep_ns > thread->block_sum ? sleep_ns - thread->block_sum : 0;
	return found ? 0 : -EINVAL;
}

int parse_cgroup(struct sv text, struct sv *ret_path)
{
	struct sv line;

	while (sv_line(&text, &line)) {
		if (!sv_starts(line, "0::/"))
			continue;
		*ret_path = sv_skip(line, strlen("0::"));
		return 0;
	}
	return -EINVAL;
}

int parse_smaps_rollup(struct sv text, struct ctprof_snapshot *snapshot, struct ctprof_pairs *ret_kib)
{
	struct sv line;

	while (sv_line(&text, &line)) {
		struct sv rest = line, key = sv_split(&rest, ':'), number = next_word(&rest);
		uint64_t kib;

		if (!rest.data || !sv_eq(sv_trim(rest), "kB") || sv_u64(number, UINT64_MAX, &kib) < 0)
			continue;
		ctprof_pairs_push(ret_kib, (struct ctprof_pair){ctprof_snapshot_name(snapshot, key), kib});
	}
	return ret_kib->len ? 0 : -EINVAL;
}

void parse_flat_keyed(struct sv text, struct ctprof_snapshot *snapshot, struct ctprof_pairs *ret_pairs)
{
	struct sv line;

	while (sv_line(&text, &line)) {
		struct sv rest = line, key = sv_split(&rest, ' ');
		uint64_t value;

		if (key.len && sv_u64(sv_trim(rest), UINT64_MAX, &value) == 0)
			ctprof_pairs_push(ret_pairs,
					  (struct ctprof_pair){ctprof_snapshot_name(snapshot, key), value});
	}
}

/* "12.34" as 1234 (kernel/sched/psi.c, psi_show: two digits always) */
static int read_centi(struct sv text, uint64_t *ret_centi)
{
	struct sv low = text, high = sv_split(&low, '.');
	uint64_t whole, part;

	if (low.len != 2 || sv_u64(low, 99, &part) < 0 || sv_u64(high, 1000000, &whole) < 0)
		return -EINVAL;
	*ret_centi = whole * 100 + part;
	return 0;
}

static int read_pressure_line(struct sv words, struct ctprof_psi_line *ret_line)
{
	struct ctprof_psi_line line = {0};
	struct sv word;
	int r = 0;

	while (r == 0 && (word = next_word(&words)).len) {
		struct sv value = word, key = sv_split(&value, '=');

		if (sv_eq(key, "avg10"))
			r = read_centi(value, &line.avg10);
		else if (sv_eq(key, "avg60"))
			r = read_centi(value, &line.avg60);
		else if (sv_eq(key, "avg300"))
			r = read_centi(value, &line.avg300);
		else if (sv_eq(key, "total"))
			r = sv_u64(value, UINT64_MAX, &line.total_usec);
	}
	if (r < 0)
		return -EINVAL;
	*ret_line = line;
	return 0;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0": Documentation/accounting/psi.rst */
int parse_pressure(struct sv text, struct ctprof_psi_line *ret_some, struct ctprof_psi_line *ret_full)
{
	unsigned found = 0;
	struct sv line;

	while (sv_line(&text, &line)) {
		struct sv rest = line, kind = next_word(&rest);

		if (sv_eq(kind, "some"))
			found += read_pressure_line(rest, ret_some) == 0;
		else if (sv_eq(kind, "full"))
			found += read_pressure_line(rest, ret_full) == 0;
	}
	return found ? 0 : -EINVAL;
}
