/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/steps.h"

#include "ctview/ctview.h"

#define JSON_BYTES_MAX (16u << 20)       /* of one capture: some 10,000 threads */
#define LABEL_BYTES 200
#define PAIRS_MAX 4                      /* whose changes are told */
#define ROWS_OF_ONE 8
#define ROWS_OF_MANY 3
#define WIDTH 110

#define START ": start"
#define END ": end"

struct pair {
	size_t start, end;               /* indices of captures */
};

/* --- which captures belong together ------------------------------------------------------------------- */

static bool is_same_step(const char *start, const char *end)
{
	size_t len = strlen(start);

	if (len < strlen(START) || strcmp(start + len - strlen(START), START) != 0)
		return false;
	len -= strlen(START);
	return strncmp(start, end, len) == 0 && strcmp(end + len, END) == 0;
}

/* Each start with the first end of its step behind it; at most `max`, returns how many there are. */
static size_t find_pairs(const struct strings *labels, struct pair *pairs, size_t max)
{
	size_t count = 0;

	for (size_t start = 0; start < labels->len; start++) {
		for (size_t end = start + 1; end < labels->len; end++) {
			if (!is_same_step(labels->at[start], labels->at[end]))
				continue;
			if (count < max)
				pairs[count] = (struct pair){start, end};
			count++;
			break;
		}
	}
	return count;
}

/* --- whom nobody tests ---------------------------------------------------------------------------------- */

#define TASK_COMM_BYTES 15               /* include/linux/sched.h, TASK_COMM_LEN, without the NUL */

/* What the kernel calls a process of this program. */
static bool is_called(const char *comm, const char *program)
{
	const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;
	size_t len = strlen(name) < TASK_COMM_BYTES ? strlen(name) : TASK_COMM_BYTES;

	return strncmp(comm, name, len) == 0 && comm[len] == '\0';
}

/* The capturing process, and the body: its workers have names and cgroups of their own. */
static bool is_own(const struct ctprof_thread *thread, const char *program)
{
	return is_called(thread->pcomm, STEPS_AGENT) ||
	       (is_called(thread->pcomm, program) && is_called(thread->comm, program) && strcmp(thread->cgroup, "/") == 0);
}

/* A thread of the kernel never had memory of its own, in a capture that knows of any. */
static bool is_kernels(const struct ctprof_snapshot *snapshot, const struct ctprof_thread *thread)
{
	return snapshot->taskstats_summary.ok_count > 0 && thread->hiwater_vm_bytes == 0;
}

static void drop_unasked(struct ctprof_snapshot *snapshot, const char *program)
{
	size_t kept = 0;

	vec_each(thread, &snapshot->threads) {
		if (is_own(thread, program) || is_kernels(snapshot, thread))
			ctprof_thread_done(thread);
		else
			snapshot->threads.at[kept++] = *thread;
	}
	snapshot->threads.len = kept;
}

/* --- telling ------------------------------------------------------------------------------------------- */

static void put_changes(const struct ctprof_snapshot *a, const struct ctprof_snapshot *b, size_t rows, struct buf *out)
{
	AUTO(ctview_done) struct ctview view = {0};
	const struct ctview_config config = {
		.group_by = CTVIEW_BY_ALL,
		.no_cg_normalize = true,         /* a test's cgroups differ in numbers alone */
		.sections = 1u << CTVIEW_PRIMARY | 1u << CTVIEW_CGROUP_STATS,
		.columns = 1u << CTVIEW_GROUP | 1u << CTVIEW_METRIC | 1u << CTVIEW_BASELINE | 1u << CTVIEW_CANDIDATE |
			   1u << CTVIEW_DELTA | 1u << CTVIEW_PERCENT,
		.limit = rows,
	};
	const struct table_look look = {.width = WIDTH};

	ctview_build(&config, a, b, &view);
	ctview_print_rows(&view, &config, &look, out);
	if (view.rows.len == 0)
		buf_str(out, "nothing changed\n");
}

/* What is told, and of what. */
struct telling {
	const struct ctprof_series *series;
	const struct strings *labels;
	const char *program, *path;
	size_t rows;
};

static void put_pair(const struct telling *telling, const struct pair *pair, struct buf *out)
{
	AUTO(ctprof_snapshot_done) struct ctprof_snapshot a = {0}, b = {0};
	const struct strings *labels = telling->labels;
	struct ktstr_error err = {0};

	buf_printf(out, "%s to %s (ktstr ctprof compare %s@%zu..%zu --no-cg-normalize)\n", labels->at[pair->start],
		   labels->at[pair->end], telling->path, pair->start + 1, pair->end + 1);
	if (ctprof_series_get(telling->series, pair->start, &a, &err) < 0 ||
	    ctprof_series_get(telling->series, pair->end, &b, &err) < 0) {
		buf_printf(out, "%s\n", err.msg);
		return;
	}
	drop_unasked(&a, telling->program);
	drop_unasked(&b, telling->program);
	put_changes(&a, &b, telling->rows, out);
}

void steps_changes(const struct ctprof_series *series, const struct strings *labels, const char *program,
		   const char *path, struct buf *ret_text)
{
	struct telling telling = {.series = series, .labels = labels, .program = program, .path = path};
	struct pair pairs[PAIRS_MAX];
	size_t count = find_pairs(labels, pairs, PAIRS_MAX), told;

	if (count == 0 && labels->len >= 2)
		pairs[count++] = (struct pair){0, labels->len - 1};
	told = count < PAIRS_MAX ? count : PAIRS_MAX;
	telling.rows = count > 1 ? ROWS_OF_MANY : ROWS_OF_ONE;
	for (size_t i = 0; i < told; i++)
		put_pair(&telling, &pairs[i], ret_text);
	if (told < count)
		buf_printf(ret_text, "and of %zu more steps\n", count - told);
}

void steps_labels(const struct ctprof_series *series, struct strings *ret_labels)
{
	for (size_t i = 0; i < series->frames.len; i++) {
		AUTO(ctprof_snapshot_done) struct ctprof_snapshot snapshot = {0};
		struct ktstr_error err = {0};
		char *label;

		if (ctprof_series_get(series, i, &snapshot, &err) < 0)
			log_warn("captures of steps: %s", err.msg);
		label = text_clean(sv_of(snapshot.label ?: "?"), LABEL_BYTES);
		for (char *c = label; *c; c++)
			if (*c == '\n' || *c == '\t')
				*c = '?';
		strings_push(ret_labels, label);
	}
}

/* --- keeping ------------------------------------------------------------------------------------------- */

static int keep(const struct session *session, struct result *result, struct ktstr_error *err)
{
	const struct buf *bytes = &session->steps.bytes;
	AUTO(ctprof_series_done) struct ctprof_series series = {0};
	AUTO(buf_done) struct buf changes = {0};
	AUTO(free) char *path = xasprintf("%s/" STEPS_FILE, result->run.dir);
	int r;

	if (session->steps.trouble)
		return error_set(err, -EIO, "%s", session->steps.trouble);
	if (bytes->len == 0)
		return error_set(err, -ENODATA, "the test had no step");
	if (!session->steps.whole)
		return error_set(err, -EIO, "they did not come whole");
	r = ctprof_series_unpack(bytes->data, bytes->len, &series, err);
	if (r == 0)
		r = file_write_atomic(path, bytes->data, bytes->len, 0644, err);
	if (r < 0)
		return r;
	series.json_max = JSON_BYTES_MAX;
	result->run.steps_file = xstrdup(STEPS_FILE);
	steps_labels(&series, &result->run.steps_labels);
	steps_changes(&series, &result->run.steps_labels, result->identity.binary, path, &changes);
	result->steps_changes = changes.len ? buf_take(&changes) : NULL;
	return 0;
}

void steps_keep(const struct test_plan *plan, const struct session *session, struct result *result)
{
	struct ktstr_error err = {0};

	if (plan->ctprof && keep(session, result, &err) < 0)
		log_warn("%s: no captures of steps: %s", plan->name, err.msg);
}
