/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ending.c - how a scheduler ended: from what the kernel says of it, sched_ext's dump, which may be in
 * the scheduler's own log (kernel/sched/ext.c: scx_dump_state()), and how its process went. All of it
 * is a guest's text, which may be anything.
 */
#include "report/format.h"

static const char *find(struct sv text, const char *part)
{
	return text.len ? memmem(text.data, text.len, part, strlen(part)) : NULL;
}

/* What follows `mark` in the line that has it; empty: no line does. */
static struct sv after(struct sv text, const char *mark)
{
	const char *at = find(text, mark);
	struct sv rest, line = {0};

	if (!at)
		return line;
	rest = sv_bytes(at, text.len - (size_t)(at - text.data));
	rest = sv_skip(rest, strlen(mark));
	sv_line(&rest, &line);
	return line;
}

/*
 * From "COMM[PID] triggered exit kind" to a ruler of the kernel's user_exit_info.h, or to the end.
 * Schedulers print it that have that file's output, as ours does.
 */
struct sv find_scx_dump(struct sv log)
{
	const char *mark = find(log, "] triggered exit kind ");
	const char *start = mark, *end;

	if (!mark)
		return (struct sv){0};
	while (start > log.data && start[-1] != '\n')
		start--;
	end = memmem(mark, log.len - (size_t)(mark - log.data), "\n====", 5);
	return sv_bytes(start, (size_t)((end ?: log.data + log.len) - start));
}

struct sv scx_dump_of(const struct result *result)
{
	return result->exit_dump ? sv_of(result->exit_dump) : find_scx_dump(sv_of(result->scheduler_log ?: ""));
}

/* --- what: "the kernel put it out: runnable task stall: spin[12] failed to run for 1.060s" ------- */

static struct sv kernel_log_of(const struct result *result)
{
	return sv_of(json_string_value(json_object_get(result->outcome.scheduler, "kernel_log")) ?: "");
}

static void put_put_out(struct buf *out, struct sv reason, struct sv kernel_log)
{
	struct sv message = after(kernel_log, "\" disabled (");

	buf_printf(out, "the kernel put the scheduler out: %.*s", SV_ARG(reason));
	/* the next line: "sched_ext: OPS: MESSAGE" */
	kernel_log = sv_skip(kernel_log, (size_t)(message.data + message.len - kernel_log.data));
	message = after(kernel_log, "\nsched_ext: ");
	sv_split(&message, ' ');
	if (message.len)
		buf_printf(out, ": %.*s", SV_ARG(message));
}

static void put_own_end(struct buf *out, const char *what, const struct result *result)
{
	const char *status = json_string_value(json_object_get(result->outcome.scheduler, "ended_early"));
	struct sv words = sv_trim(last_lines(result->scheduler_log ?: "", 1));

	buf_printf(out, "%s: %s", what, status);
	if (words.len)
		buf_printf(out, "; it said last: %.*s", SV_ARG(words));
}

static bool was_enabled(const struct result *result)
{
	const json_t *start = json_object_get(result->outcome.scheduler, "start");
	const char *state = json_string_value(json_object_get(start, "state"));

	return state && strcmp(state, "enabled") == 0;
}

char *ending_what(const struct result *result)
{
	AUTO(buf_done) struct buf out = {0};
	struct sv kernel_log = kernel_log_of(result);
	struct sv line = after(kernel_log, "\" disabled (");
	struct sv reason = sv_split(&line, ')');

	if (reason.len && !sv_eq(reason, "unregistered from user space"))
		put_put_out(&out, reason, kernel_log);
	else if (!json_is_string(json_object_get(result->outcome.scheduler, "ended_early")))
		return NULL;
	else if (was_enabled(result))
		put_own_end(&out, "the scheduler's process ended by itself", result);
	else
		put_own_end(&out, "the scheduler did not start", result);
	return one_line(buf_text(&out));
}

/* --- where: the program that raised the error, or the task that did not run ---------------------- */

/* "bpf_prog_8c1f..._NAME+0x92/0xfc" is NAME, "balance_scx+0x23e/0x590" itself. */
static struct sv function_of(struct sv frame)
{
	struct sv name = sv_trim(frame);

	name = sv_split(&name, '+');
	if (sv_starts(name, "bpf_prog_")) {
		name = sv_skip(name, strlen("bpf_prog_"));
		sv_split(&name, '_');
	}
	return name;
}

static bool is_trampoline(struct sv function)
{
	return sv_starts(function, "bpf__") || sv_starts(function, "bpf_trampoline") ||
	       sv_starts(function, "0x");
}

/* The innermost BPF program of the backtrace, and the function of the kernel that called it. */
static bool put_program(struct buf *out, struct sv dump)
{
	const char *trace = find(dump, "Backtrace:\n");
	struct sv rest, line, program = {0};

	if (!trace)
		return false;
	rest = sv_skip(dump, (size_t)(trace - dump.data));
	while (sv_line(&rest, &line)) {
		struct sv function = function_of(line);

		if (!function.len || sv_starts(function, "CPU states"))
			break;
		if (program.len && !is_trampoline(function) && !find(line, "bpf_prog_")) {
			buf_printf(out, ", called by %.*s", SV_ARG(function));
			break;
		}
		if (!program.len && find(line, "bpf_prog_")) {
			program = function;
			buf_printf(out, "BPF program %.*s", SV_ARG(program));
		}
	}
	return program.len > 0;
}

/* " R NAME[PID] -1060ms" of scx_dump_task(), a mark before the R for who runs. */
static bool is_entry_of(struct sv line, struct sv task)
{
	line = sv_trim(line);
	if (sv_starts(line, "*"))
		line = sv_skip(line, 1);
	if (!sv_starts(line, "R "))
		return false;
	line = sv_skip(line, 2);
	return line.len > task.len && memcmp(line.data, task.data, task.len) == 0 &&
	       line.data[task.len] == ' ';
}

static void put_queue(struct buf *out, struct sv entry)
{
	struct sv queue = after(entry, "dsq_id=");
	struct sv state = after(entry, "ops_state/qseq=");

	queue = sv_split(&queue, ' ');
	state = sv_split(&state, '/');
	if (queue.len && !sv_eq(queue, "(n/a)"))
		buf_printf(out, ", in DSQ %.*s", SV_ARG(queue));
	else if (sv_eq(state, "2"))        /* SCX_OPSS_QUEUED */
		buf_str(out, ", in no DSQ: the BPF scheduler was given it and kept it");
}

/*
 * What the verifier says of the program that it refuses, as libbpf prints it: the line before
 * "processed N insns", and the last "; SOURCE @ FILE:LINE" before that.
 */
static bool put_refused(struct buf *out, struct sv log)
{
	static const char end[] = "-- END PROG LOAD LOG --";
	/* of a long one only the end is here */
	const char *at = find(log, "-- BEGIN PROG LOAD LOG --") ?: (find(log, end) ? log.data : NULL);
	struct sv rest, line, program, source = {0}, words = {0};

	if (!at)
		return false;
	program = after(log, "prog '");
	program = sv_split(&program, '\'');
	rest = sv_bytes(at, log.len - (size_t)(at - log.data));
	sv_line(&rest, &line);
	while (sv_line(&rest, &line) && !sv_starts(line, "processed ") && !find(line, end)) {
		struct sv place = after(line, " @ ");

		if (place.len && sv_starts(line, ";"))
			source = place;
		else if (sv_trim(line).len)
			words = sv_trim(line);
	}
	buf_printf(out, "BPF program %.*s", SV_ARG(program));
	if (source.len)
		buf_printf(out, ", %.*s", SV_ARG(source));
	buf_printf(out, ": the verifier says: %.*s", SV_ARG(words));
	return true;
}

/* The task that failed to run, and on whose queue the dump has it. */
static bool put_task(struct buf *out, struct sv dump, struct sv kernel_log)
{
	const char *failed = find(kernel_log, "] failed to run for ");
	const char *start = failed;
	struct sv task, line, cpu = {0};

	while (start && start > kernel_log.data && start[-1] != '\n' && start[-1] != ' ')
		start--;
	if (!failed)
		return false;
	task = sv_bytes(start, (size_t)(failed + 1 - start));
	buf_printf(out, "task %.*s", SV_ARG(task));
	while (sv_line(&dump, &line)) {
		if (sv_starts(line, "CPU "))
			cpu = sv_skip(line, strlen("CPU "));
		if (!is_entry_of(line, task))
			continue;
		cpu = sv_trim(sv_split(&cpu, ':'));
		if (cpu.len)
			buf_printf(out, " on CPU %.*s", SV_ARG(cpu));
		put_queue(out, sv_bytes(line.data, line.len + dump.len));
		break;
	}
	return true;
}

/* "failed to run for 1.060s" */
double ending_stalled_ns(const struct result *result)
{
	struct sv seconds = after(kernel_log_of(result), "] failed to run for ");
	AUTO(free) char *text = xstrndup(seconds.data ?: "", seconds.len);
	double value = strtod(text, NULL);

	return value > 0 && value < 1e6 ? value * NS_PER_S : 0;
}

char *ending_where(const struct result *result)
{
	AUTO(buf_done) struct buf out = {0};
	struct sv dump = scx_dump_of(result), first, rest = dump;

	if (!was_enabled(result) && put_refused(&out, sv_of(result->scheduler_log ?: "")))
		return one_line(buf_text(&out));
	if (put_program(&out, dump)) {
		sv_line(&rest, &first);
		buf_printf(&out, ", while %.*s ran", (int)(sv_split(&first, ']').len + 1), dump.data);
	} else if (!put_task(&out, dump, kernel_log_of(result))) {
		return NULL;
	}
	return one_line(buf_text(&out));
}
