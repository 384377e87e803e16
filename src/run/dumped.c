/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dumped.c - when a guest is looked at. It stands still where its kernel died, where the host's own
 * deadline ran out, and where PID 1 rings because the scheduler ended or the body ran out of its time.
 *
 * In det a ring would change what comes after it: other CPUs run on for as long as the host takes to
 * stop them. So there the first run is not stopped, and a failed one is run again up to the failing
 * moment, which by then is the same, and ended there. A plugin halts that run at the instruction at which
 * sched_ext loses its scheduler; that changes nothing, so where a dump is always wanted the first run has it.
 * If it lost none, it is stopped when the load ends, which is the last moment to see what a verdict found
 * fault with: workers are gone when it is known.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "dump/dump.h"
#include "run/one.h"

#define EXCERPT_MAX (16u << 10)

static const char *const words[] = {
	[DUMP_ON_FAILURE] = "failure", [DUMP_ALWAYS] = "always", [DUMP_NEVER] = "never"};

bool dump_wish_parse(struct sv word, enum dump_wish *ret_wish)
{
	for (int i = 0; i < 3; i++) {
		if (!sv_eq(word, words[i]))
			continue;
		*ret_wish = (enum dump_wish)i;
		return true;
	}
	return false;
}

void dumped_done(struct dumped *dumped)
{
	free(dumped->path);
	free(dumped->tracer);
	free(dumped->plugin);
	free(dumped->halt);
	json_decref(dumped->dump);
	*dumped = (struct dumped){0};
}

static uint64_t hash_more(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3;
	return hash;
}

/* FNV-1a, 64 bits: what makes two results of one test different runs. */
static uint64_t variant_of(const struct identity *identity)
{
	AUTO(free) char *text = xasprintf("%s|%s|%s|%s|%llu|%llu|%llu|%d", identity->binary, identity->topology ?: "",
					  identity->scheduler, identity->mode, (unsigned long long)identity->seed,
					  (unsigned long long)identity->memory_mib,
					  (unsigned long long)identity->duration_ms, identity->disturbed);
	uint64_t hash = hash_more(0xcbf29ce484222325, text);

	vec_each(flag, &identity->active_flags)
		hash = hash_more(hash_more(hash, "|"), *flag);
	return hash;
}

/* All guests of a run have one kernel, and reading its symbols takes some tenths of a second. */
static int find_halt(const struct kernel *kernel, struct trace_halt *ret_halt, struct ktstr_error *err)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static struct trace_halt known;
	static const struct kernel *of;
	int r = 0;

	pthread_mutex_lock(&mutex);
	if (of != kernel)
		r = trace_halt_find(kernel, &known, err);
	of = r == 0 ? kernel : NULL;
	*ret_halt = known;
	pthread_mutex_unlock(&mutex);
	return r;
}

/* With a plugin the guest stands still at the instruction; without, PID 1 rings soon after it. */
static void prepare_halt(struct dumped *dumped)
{
	struct ktstr_error err = {0};
	struct trace_halt halt;
	int r;

	if (dumped->halt || !dumped->plan->has_scheduler)
		return;
	r = plugin_find(dumped->config->qemu, &dumped->plugin, &err);
	if (r == 0)
		r = find_halt(dumped->config->kernel, &halt, &err);
	if (r == 0)
		dumped->halt = trace_halt_option(&halt, VM_HALT_FD);
	else
		log_warn("%s: a dump is of some moments after its scheduler's end: %s", dumped->plan->name, err.msg);
}

void dumped_prepare(const struct run_config *config, size_t index, const struct result *result,
		    struct dumped *dumped)
{
	*dumped = (struct dumped){.config = config, .plan = run_plan(config, index)};
	if (config->dump == DUMP_NEVER)
		return;
	dumped->path = xasprintf("%s/%s-%016llx.failure-dump.json", result->run.dir, dumped->plan->name,
				 (unsigned long long)variant_of(&result->identity));
	dumped->wants_load_end = config->dump == DUMP_ALWAYS && config->mode != VM_DET;
	if (config->mode == VM_TCG || (config->mode == VM_DET && config->dump == DUMP_ALWAYS))
		prepare_halt(dumped);
	if (unlink(dumped->path) < 0 && errno != ENOENT)
		log_warn("remove %s: %s", dumped->path, strerrordesc_np(errno));
}

/*
 * The registers, and then the memory of a guest in which no CPU runs: all stand at a bell, in det also in
 * the plugin. Under tcg only one of them is in the plugin, and the others run until all of QEMU is stopped.
 */
static json_t *look(const struct dumped *dumped, struct vm *vm, const char *reason, uint64_t guest_ns)
{
	AUTO(buf_done) struct buf registers = {0};
	AUTO(buf_done) struct buf blocks = {0};
	struct dump_config config = {
		.kernel = dumped->config->kernel,
		.test = dumped->plan->name,
		.reason = reason,
		.guest_ns = guest_ns,
		.qemu = vm_pid(vm),
	};
	json_t *dump;

	/* what is missing is one of the dump's problems */
	(void)vm_monitor(vm, "info registers -a", &registers, NULL);
	(void)vm_monitor(vm, "info ramblock", &blocks, NULL);
	config.registers = sv_bytes(buf_text(&registers), registers.len);
	config.ramblocks = sv_bytes(buf_text(&blocks), blocks.len);
	if (!dumped->halt || dumped->config->mode == VM_DET)
		return dump_take(&config);
	(void)kill(config.qemu, SIGSTOP);        /* a QEMU that has ended cannot be read, which the dump says */
	dump = dump_take(&config);
	(void)kill(config.qemu, SIGCONT);
	return dump;
}

bool dumped_take(void *arg, struct vm *vm, const char *reason, uint64_t guest_ns)
{
	struct dumped *dumped = arg;
	uint64_t began = clock_ns();

	if (dumped->dump)
		return dumped->ends_run;
	dumped->dump = look(dumped, vm, reason, guest_ns);
	dumped->took_ns = clock_ns() - began;
	log_debug("%s: dump in %.1f ms", dumped->plan->name, (double)dumped->took_ns / NS_PER_MS);
	return dumped->ends_run;
}

static bool scheduler_ended(const struct test_plan *plan, const struct outcome *outcome)
{
	json_t *during = json_object_get(outcome->scheduler, "during");
	const char *state = json_string_value(json_object_get(during, "state"));

	return plan->has_scheduler && (json_is_string(json_object_get(outcome->scheduler, "ended_early")) ||
				       (state && strcmp(state, "enabled") != 0));
}

/* The same run once more, ended at the moment that is worth a look. */
static void run_again(size_t index, struct dumped *dumped, const struct result *result)
{
	AUTO(free) char *dir = xasprintf("%s/dump", result->run.dir);
	AUTO(free) char *stream = xasprintf("%s/trace.stream", dir);
	struct traced traced = {.tracer = dumped->tracer, .stream = stream};
	AUTO(session_done) struct session session = {0};
	struct ktstr_error err = {0};
	int r = dir_make(dir, 0755, &err);

	dumped->ends_run = true;
	dumped->wants_load_end = !scheduler_ended(dumped->plan, &result->outcome);
	prepare_halt(dumped);
	if (r == 0)
		r = guest_run(dumped->config, index, dir, NULL, dumped->tracer ? &traced : NULL, NULL, dumped,
			      &session, &err);
	(void)unlink(stream);        /* there may be none; what it tells has been told by the first run */
	if (r < 0)
		log_warn("%s: no failure dump: %s", dumped->plan->name, err.msg);
}

static void keep(struct dumped *dumped, struct result *result)
{
	AUTO(free) char *text = json_dumps(dumped->dump, JSON_INDENT(1));
	AUTO(buf_done) struct buf excerpt = {.max = EXCERPT_MAX};
	struct ktstr_error err = {0};

	if (!text || file_write_atomic(dumped->path, text, strlen(text), 0644, &err) < 0) {
		log_warn("%s: no failure dump: %s", dumped->plan->name, text ? err.msg : "it is no JSON");
		return;
	}
	dump_excerpt(dumped->dump, &excerpt);
	buf_printf(&excerpt, "all of it: %s\n", dumped->path);
	result->dump_excerpt = text_clean(sv_bytes(buf_text(&excerpt), excerpt.len), EXCERPT_MAX);
}

static bool is_wanted(const struct dumped *dumped, const struct result *result)
{
	return dumped->config->dump == DUMP_ALWAYS || result->outcome.state == KTSTR_FAIL ||
	       result->outcome.state == KTSTR_ERROR;
}

void dumped_finish(size_t index, struct dumped *dumped, struct result *result)
{
	if (!is_wanted(dumped, result))
		return;
	if (!dumped->dump && dumped->config->mode == VM_DET && dumped->had_test)
		run_again(index, dumped, result);
	if (dumped->dump)
		keep(dumped, result);
}
