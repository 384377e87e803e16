/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/one.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host/host.h"
#include "run/hostrun.h"
#include "run/repro.h"
#include "run/steps.h"
#include "run/wprof.h"

#define TAIL_LOG (64u << 10)

struct stage_arg {
	const struct run_config *config;
	size_t index;
};

static void on_stage(void *arg, const char *stage)
{
	const struct stage_arg *stage_arg = arg;

	if (stage_arg->config->progress)
		progress_stage(stage_arg->config->progress, stage_arg->index,
			       run_plan(stage_arg->config, stage_arg->index)->name, stage);
}

size_t run_count(const struct run_config *config)
{
	return config->plans->len * config->rounds;
}

const struct test_plan *run_plan(const struct run_config *config, size_t index)
{
	return &config->plans->at[index / config->rounds];
}

uint64_t run_seed(const struct run_config *config, size_t index)
{
	return config->seed + (config->seed_per_round ? index % config->rounds : 0);
}

static unsigned icount_shift(const struct run_config *config, const struct test_plan *plan)
{
	if (config->mode != VM_DET || plan->host_only)
		return 0;
	return config->icount_shift < 0 ? vm_icount_shift(&plan->topology)
					: (unsigned)config->icount_shift;
}

/* A word as a shell reads it back. */
static void put_word(struct buf *line, const char *word)
{
	if (line->len)
		buf_char(line, ' ');
	if (*word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789_-./=+:,@%")]) {
		buf_str(line, word);
		return;
	}
	buf_char(line, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buf_str(line, "'\\''");
		else
			buf_char(line, *word);
	}
	buf_char(line, '\'');
}

static bool is_catalogue(const struct test_plan *plan)
{
	const char *slash = strrchr(plan->program, '/');

	return strcmp(slash ? slash + 1 : plan->program, CATALOGUE_PROGRAM) == 0;
}

static char *repeat_command(const struct run_config *config, size_t index)
{
	const struct test_plan *plan = run_plan(config, index);
	AUTO(buf_done) struct buf line = {0};
	AUTO(free) char *seed = xasprintf("%llu", (unsigned long long)run_seed(config, index));
	char topology[TOPOLOGY_TEXT_MAX];

	topology_format(&plan->topology, topology);
	buf_str(&line, is_catalogue(plan) ? "ktstr run" : "ktstr test");
	if (!is_catalogue(plan)) {
		put_word(&line, plan->program);
		put_word(&line, "--exact");
	}
	put_word(&line, plan->name);
	vec_each(word, &plan->options)
		put_word(&line, *word);
	if (!plan->host_only) {
		put_word(&line, "--mode");
		put_word(&line, vm_mode_name(config->mode));
		put_word(&line, "--kernel");
		put_word(&line, config->kernel->origin == KERNEL_FROM_CACHE ? config->kernel->release
									   : config->kernel->image);
		put_word(&line, "--topology");
		put_word(&line, topology);
	}
	if (config->icount_shift >= 0)
		buf_printf(&line, " --icount-shift %d", config->icount_shift);
	if (config->disturb)
		put_word(&line, "--disturb");
	if (!plan->host_only && plan->memory_overridden)
		buf_printf(&line, " --memory-mib %llu", (unsigned long long)plan->memory_mib);
	put_word(&line, "--seed");
	put_word(&line, seed);
	return buf_take(&line);
}

static json_t *host_now(void)
{
	AUTO(host_context_done) struct host_context context = {0};

	host_context_collect(&context);
	return host_context_to_json(&context);
}

static void identify(const struct run_config *config, size_t index, struct result *result)
{
	const struct test_plan *plan = run_plan(config, index);
	char topology[TOPOLOGY_TEXT_MAX];
	const char *ci = getenv("KTSTR_CI");
	struct utsname host = {0};

	(void)uname(&host);
	topology_format(&plan->topology, topology);
	result->identity = (struct identity){
		.test = xstrdup(plan->name),
		.binary = xstrdup(plan->program),
		.topology = plan->host_only ? NULL : xstrdup(topology),
		.scheduler = xstrdup(plan_scheduler_name(plan)),
		.payload = plan->payload ? xstrdup(plan->payload) : NULL,
		.mode = xstrdup(plan->host_only ? "host" : vm_mode_name(config->mode)),
		.seed = run_seed(config, index),
		.disturbed = config->disturb && !plan->host_only,
		.memory_mib = plan->memory_mib,
		.duration_ms = plan->duration_ms,
		.icount_shift = icount_shift(config, plan),
		.kernel_release = xstrdup(plan->host_only ? host.release : config->kernel->release),
		.kernel_package = !plan->host_only && config->kernel->package
					  ? xstrdup(config->kernel->package)
					  : NULL,
		.project_commit = plan->project_commit ? xstrdup(plan->project_commit) : NULL,
	};
	vec_each(word, &plan->options)
		strings_push(&result->identity.options, xstrdup(*word));
	vec_each(word, &plan->scheduler.sysctls)
		strings_push(&result->identity.sysctls, xstrdup(*word));
	vec_each(word, &plan->scheduler.kargs)
		strings_push(&result->identity.kargs, xstrdup(*word));
	vec_each(word, &plan->active_flags)
		strings_push(&result->identity.active_flags, xstrdup(*word));
	result->run = (struct run_record){
		.id = xstrdup(config->dir->id),
		.started_unix_ns = clock_unix_ns(),
		.source = xstrdup(ci && *ci ? "ci" : "local"),
		.qemu_version = plan->host_only ? NULL : xstrdup(config->qemu->version),
		.ktstr_version = xstrdup(KTSTR_VERSION),
		.host = host_now(),
	};
	result->repeat_command = repeat_command(config, index);
}

/* The directory of one test's artefacts; two programs may have tests of the same name. */
static int make_dir(const struct run_config *config, size_t index, struct result *result,
		    struct ktstr_error *err)
{
	result->run.dir = xasprintf("%s/%03zu-%s", config->dir->path, index + 1,
				    run_plan(config, index)->name);
	return dir_make(result->run.dir, 0755, err);
}

/* Artefacts are a convenience: that one could not be written is said, and does not end the run. */
static void save_log(const struct result *result, const char *name, const struct buf *text)
{
	AUTO(free) char *path = xasprintf("%s/%s", result->run.dir, name);
	struct ktstr_error err = {0};

	if (text->len && file_write_atomic(path, text->data, text->len, 0644, &err) < 0)
		log_warn("%s", err.msg);
}

static char *tail_of(const struct buf *text)
{
	struct sv all = sv_bytes(buf_text(text), text->len);

	if (all.len > TAIL_LOG)
		all = sv_skip(all, all.len - TAIL_LOG);
	return text_clean(all, TAIL_LOG + 1);
}

static void keep_session(struct session *session, struct result *result)
{
	AUTO(buf_done) struct buf output = {0};
	struct stage_times *stages = &result->run.stages;

	save_log(result, "stdout.log", &session->stream[WIRE_STDOUT]);
	save_log(result, "stderr.log", &session->stream[WIRE_STDERR]);
	save_log(result, "scheduler.log", &session->stream[WIRE_SCHEDULER_LOG]);
	save_log(result, "sched_ext-dump.log", &session->stream[WIRE_EXIT_DUMP]);
	buf_bytes(&output, buf_text(&session->stream[WIRE_STDOUT]), session->stream[WIRE_STDOUT].len);
	buf_bytes(&output, buf_text(&session->stream[WIRE_STDERR]), session->stream[WIRE_STDERR].len);
	result->test_output = tail_of(&output);
	result->scheduler_log = tail_of(&session->stream[WIRE_SCHEDULER_LOG]);
	if (session->stream[WIRE_EXIT_DUMP].len)
		result->exit_dump = text_clean(sv_of(buf_text(&session->stream[WIRE_EXIT_DUMP])), TAIL_LOG + 1);
	result->console_tail = TAKE_PTR(session->console_tail);
	result->identity.template_key = TAKE_PTR(session->template_key);
	if (session->hello) {
		free(result->identity.kernel_release);
		result->identity.kernel_release =
			text_clean(sv_of(session->kernel_release), sizeof(session->kernel_release));
	}
	*stages = (struct stage_times){
		.qemu_ns = session->qemu_start_ns,
		.boot_ns = session->stage_host_ns[WIRE_STAGE_BOOT],
		.setup_ns = session->stage_host_ns[WIRE_STAGE_SETUP],
		.scheduler_ns = session->stage_host_ns[WIRE_STAGE_SCHEDULER],
		.test_ns = session->stage_host_ns[WIRE_STAGE_TEST],
		.teardown_ns = session->stage_host_ns[WIRE_STAGE_TEARDOWN],
	};
}

/* Make session a clone of a template, which stays locked while the caller holds it. */
static int use_template(const struct run_config *config, struct session_config *session, size_t index,
			struct template *template, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings removed = {0};
	AUTO(free) char *scratch = NULL;
	struct template_config template_config = {
		.vm = &session->vm,
		.cache_dir = config->template_cache,
		.boot_limit_ns = session->boot_limit_ns,
		.cancel_fd = session->cancel_fd,
		.on_stage = session->on_stage,
		.arg = session->arg,
	};
	int r;

	if (!config->template_cache)
		return 0;
	scratch = xasprintf("%s/scratch/%zu", config->dir->path, index);
	template_config.scratch_dir = scratch;
	r = dir_make(scratch, 0755, err);
	if (r == 0)
		r = template_get(&template_config, template, err);
	if (is_unwritable(r)) {
		log_warn("%s: booting from cold: %s", run_plan(config, index)->name, err->msg);
		return 0;
	}
	if (r < 0)
		return r;
	if (template->fresh)        /* too many only cost disk: no reason to end a run */
		(void)templates_trim(config->template_cache, config->template_max_bytes, &removed, NULL);
	session->vm.template_dir = template->dir;
	session->vm.clone = true;
	return 0;
}

/* Behind our own kernel command line, or NULL for nothing. The caller's. */
static char *extra_cmdline(const struct test_plan *plan, bool wprof)
{
	AUTO(strings_done) struct strings defaults = {0};
	AUTO(buf_done) struct buf line = {0};

	vec_each(word, &plan->scheduler.kargs)
		buf_printf(&line, "%s%s", line.len ? " " : "", *word);
	if (wprof) {
		AUTO(free) char *args = NULL;

		wprof_default_args(&defaults);
		args = wprof_cmdline(plan->wprof_args.len ? &plan->wprof_args : &defaults);
		buf_printf(&line, "%s%s", line.len ? " " : "", args);
	}
	return line.len ? buf_take(&line) : NULL;
}

char *wprof_keep(const struct test_plan *plan, const struct session *session, struct result *result,
		 bool repro)
{
	AUTO(free) char *seed = xasprintf("%llu", (unsigned long long)result->identity.seed);
	const char *const words[] = {result->identity.test, result->identity.binary,
				     result->identity.topology, result->identity.scheduler,
				     result->identity.mode, seed};
	AUTO(free) char *name = wprof_file_name(plan->name, variant_hash(words, sizeof(words) / sizeof(*words)),
						repro);
	bool is_kept = false;

	if (!plan->wprof)
		return NULL;
	if (session->wprof.trouble)
		log_warn("%s: no wprof trace: %s", plan->name, session->wprof.trouble);
	else if (!session->wprof.whole)
		log_warn("%s: no wprof trace: it did not come whole", plan->name);
	else if (!wprof_shape_is_right(sv_bytes(session->wprof.bytes.data, session->wprof.bytes.len)))
		log_warn("%s: no wprof trace: the %zu bytes that wprof wrote are none", plan->name,
			 session->wprof.bytes.len);
	else
		is_kept = true;
	if (!is_kept)
		return NULL;
	save_log(result, name, &session->wprof.bytes);
	return TAKE_PTR(name);
}

/* With the programs of this host that the plan asks for; config->scheduler, ->busybox and ->wprof are found here. */
static int make_request(struct request_config config, const struct kernel *kernel, struct buf *ret_request,
			struct ktstr_error *err)
{
	const struct test_plan *plan = config.plan;
	AUTO(free) char *scheduler = NULL;
	AUTO(free) char *busybox = NULL;
	int r = 0;

	if (plan->wprof && !config.shell)
		r = wprof_find(&config.wprof, err);
	if (r == 0 && plan->has_scheduler)
		r = scheduler_find(&plan->scheduler, plan->program, &scheduler, err);
	config.scheduler = scheduler;
	if (r == 0 && plan->scheduler.enable.len)
		r = busybox_find(&busybox, err);
	config.busybox = busybox;
	if (r == 0 && plan_watchdog_ms(plan))
		watchdog_find(kernel, (uint32_t)plan_watchdog_ms(plan), &config.watchdog);
	return r < 0 ? r : request_build(&config, ret_request, err);
}

int guest_run(const struct run_config *config, size_t index, const char *dir, const struct shell *shell,
	      const struct traced *traced, const struct strings *probes, struct dumped *dumped,
	      struct session *ret_session, struct ktstr_error *err)
{
	const struct test_plan *plan = run_plan(config, index);
	AUTO(template_done) struct template template = {.lock_fd = -1};
	AUTO(buf_done) struct buf request = {0};
	const char *plugin = traced ? traced->option : NULL;
	AUTO(free) char *with_halt = dumped && dumped->halt
					     ? xasprintf("%s,%s", plugin ?: dumped->plugin, dumped->halt)
					     : NULL;
	AUTO(free) char *cmdline = extra_cmdline(plan, plan->wprof && !shell);
	struct stage_arg stage_arg = {.config = config, .index = index};
	const struct request_config request_config = {
		.plan = plan,
		.kernel = config->kernel,
		.shell = shell,
		.probes = probes,
		.tracer = traced ? traced->tracer : NULL,
		.mode = config->mode,
		.seed = run_seed(config, index),
		.disturb = config->disturb,
		.nonce = clock_unix_ns(),
		.freeze = dumped && dumped->wants_load_end,
	};
	struct session_config session_config = {
		.vm = {
			.qemu = config->qemu,
			.mode = config->mode,
			.topology = plan->topology,
			.memory_mib = plan->memory_mib,
			.icount_shift = icount_shift(config, plan),
			.kernel = config->mode != VM_KVM && config->kernel->vmlinux
					  ? config->kernel->vmlinux
					  : config->kernel->image,
			.initramfs = config->initramfs,
			.cmdline_extra = cmdline,
			.verbose = config->verbose_kernel,
			.dir = dir,
			.plugin = with_halt ?: plugin,
			.halts = with_halt != NULL,
			.shell = shell && !shell->command,
			.shell_fd = shell ? shell->terminal_fd : -1,
		},
		.nonce = request_config.nonce,
		.plan = plan,
		.shell = shell,
		.trace_stream = traced ? traced->stream : NULL,
		.boot_limit_ns = config->boot_limit_ns
					 ? config->boot_limit_ns
					 : session_boot_limit_ns(config->mode, &plan->topology),
		.cancel_fd = config->cancel_fd,
		.on_frozen = dumped ? dumped_take : NULL,
		.frozen_arg = dumped,
		.may_ring = dumped && (config->mode != VM_DET || dumped->ends_run),
		.on_stage = on_stage,
		.arg = &stage_arg,
	};
	int r = make_request(request_config, config->kernel, &request, err);

	if (r < 0)
		return r;
	session_config.request = sv_bytes(request.data, request.len);
	r = use_template(config, &session_config, index, &template, err);
	if (r < 0)
		return r;
	r = session_run(&session_config, ret_session, err);
	if (r == 0 && session_config.vm.clone)
		ret_session->template_key = xstrdup(strrchr(template.dir, '/') + 1);
	if (r == 0 && ret_session->end == SESSION_CANCELLED)
		return error_set(err, -ECANCELED, "interrupted");
	return r;
}

/* It takes part in the run: who repeats that has to have it, too. */
static void note_tracer(const struct traced *traced, struct result *result, struct dumped *dumped)
{
	AUTO(free) char *command = result->repeat_command;

	dumped->tracer = xstrdup(traced->tracer);
	result->identity.tracer = xstrdup("bpf");
	result->repeat_command = xasprintf("%s --tracer bpf --trace %s.pb", command, result->identity.test);
}

static int run_guest(const struct run_config *config, size_t index, struct dumped *dumped,
		     struct result *result, struct ktstr_error *err)
{
	AUTO(session_done) struct session session = {0};
	AUTO(traced_done) struct traced traced = {0};
	AUTO(strings_done) struct strings functions = {0};
	AUTO(buf_done) struct buf probed = {0};
	uint64_t began = clock_ns();
	bool probes = config->probes && run_plan(config, index)->has_scheduler;
	int r = traced_prepare(config, index, result->run.dir, &traced, err), judged;

	if (r < 0)
		return r;
	if (probes)
		repro_functions(&config->probe_stack, NULL, NULL, &functions);
	dumped_prepare(config, index, result, dumped);
	if (traced.tracer)
		note_tracer(&traced, result, dumped);
	r = guest_run(config, index, result->run.dir, NULL, &traced, probes ? &functions : NULL,
		      dumped->path ? dumped : NULL, &session, err);
	if (r < 0 && session.end != SESSION_CANCELLED)
		return r;
	if (probes)
		repro_split(&session, &probed);
	judged = judge_session(run_plan(config, index), &session, &result->outcome,
			       r < 0 ? NULL : err);
	if (r == 0 && judged == 0)
		judged = traced_finish(config, index, &traced, &session, result, err);
	dumped->had_test = session.stage >= WIRE_STAGE_TEST;
	free(wprof_keep(run_plan(config, index), &session, result, false));
	steps_keep(run_plan(config, index), &session, result);
	if (r == 0 && judged == 0 && probes)
		repro_of_primary(&probed, &session.stream[WIRE_EXIT_DUMP], clock_ns() - began, result);
	if (r == 0 && judged == 0 && repro_wanted(config, run_plan(config, index), &result->outcome))
		r = repro_run(config, index, &session, result, err);
	keep_session(&session, result);
	return r < 0 ? r : judged;
}

static int run_on_host(const struct run_config *config, size_t index, struct result *result,
		       struct ktstr_error *err)
{
	AUTO(buf_done) struct buf output = {0};
	int r;

	r = host_run(run_plan(config, index), run_seed(config, index), config->cancel_fd, &result->outcome, &output,
		     err);
	traced_note(run_plan(config, index), &result->outcome);
	save_log(result, "stdout.log", &output);
	result->test_output = tail_of(&output);
	return r;
}

/* The files of a directory in their order, for a report. The caller's; NULL: there are none. */
static char *file_names(const char *dir)
{
	AUTO(free) char *pattern = xasprintf("%s/*", dir);
	AUTO(buf_done) struct buf names = {0};
	glob_t found = {0};

	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			buf_printf(&names, "%s%s", i ? " " : "", strrchr(found.gl_pathv[i], '/') + 1);
	}
	globfree(&found);
	return names.len ? buf_take(&names) : NULL;
}

/* What the host or the kernel cannot give is a skip with its reason. */
static bool can_run(const struct run_config *config, const struct test_plan *plan,
		    struct outcome *outcome)
{
	uint32_t needs = KERNEL_NEEDS_GUEST | (plan->has_scheduler ? KERNEL_NEEDS_SCHED_EXT : 0);
	uint64_t host_mib = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >> 20;
	long host_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	AUTO(buf_done) struct buf lacks = {0};
	struct ktstr_error err = {0};

	if (plan->host_only)
		return true;
	if (kernel_check(config->kernel, needs, &err) < 0) {
		outcome_skip(outcome, "%s", err.msg);
		return false;
	}
	if (plan->memory_mib > host_mib)
		buf_printf(&lacks, "the guest wants %llu MiB, this host has %llu MiB",
			   (unsigned long long)plan->memory_mib, (unsigned long long)host_mib);
	else if (config->mode == VM_KVM && topology_cpus(&plan->topology) > (uint32_t)host_cpus)
		buf_printf(&lacks, "the guest wants %u CPUs under KVM, this host has %ld",
			   topology_cpus(&plan->topology), host_cpus);
	if (!lacks.len)
		return true;
	if (plan->machine_asked)
		outcome_error(outcome, "%s", buf_text(&lacks));
	else
		outcome_skip(outcome, "%s", buf_text(&lacks));
	return false;
}

int run_check(const struct run_config *config, struct ktstr_error *err)
{
	for (size_t i = 0; i < run_count(config); i += config->rounds) {
		AUTO(result_done) struct result skipped = {0};
		AUTO(buf_done) struct buf request = {0};
		const struct request_config request_config = {
			.plan = run_plan(config, i),
			.mode = config->mode,
			.seed = config->seed,
		};
		int r;

		if (request_config.plan->host_only || !can_run(config, request_config.plan, &skipped.outcome))
			continue;
		r = make_request(request_config, config->kernel, &request, err);
		if (r < 0)
			return error_wrap(err, r, "test %s", request_config.plan->name);
	}
	return 0;
}

int one_run(const struct run_config *config, size_t index, struct result *ret_result)
{
	const struct test_plan *plan = run_plan(config, index);
	AUTO(result_done) struct result result = {0};
	AUTO(dumped_done) struct dumped dumped = {0};
	struct ktstr_error err = {0};
	uint64_t began = clock_ns();
	int r;

	identify(config, index, &result);
	r = make_dir(config, index, &result, &err);
	if (r == 0 && result_save_begun(&result, &err) < 0)
		log_warn("%s: %s", plan->name, err.msg);
	if (r == 0 && can_run(config, plan, &result.outcome))
		r = plan->host_only ? run_on_host(config, index, &result, &err)
				    : run_guest(config, index, &dumped, &result, &err);
	result.run.cut_short = r == -ECANCELED;
	if (r < 0 && !(r == -ECANCELED && result.outcome.state == KTSTR_ERROR))
		outcome_error(&result.outcome, "%s", err.msg);
	judge_expectation(plan, &result.outcome);
	if (config->no_skip && result.outcome.state == KTSTR_SKIP)
		outcome_fail(&result.outcome, KTSTR_KIND_OTHER, "it was skipped, which --no-skip-mode does not allow");
	if (dumped.path && r != -ECANCELED)
		dumped_finish(index, &dumped, &result);
	result.run.host_ns = clock_ns() - began;
	if (result_save(&result, &err) < 0)
		log_warn("%s: its result cannot be kept: %s", plan->name, err.msg);
	result.kept = file_names(result.run.dir);
	*ret_result = TAKE(result, (struct result){0});
	return r == -ECANCELED ? r : 0;
}
