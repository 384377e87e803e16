/* SPDX-License-Identifier: BSD-2-Clause */
/* files.c - the request that goes onto the card: programs, their libraries, arguments, limits. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "run/repro.h"
#include "run/run.h"
#include "run/steps.h"
#include "run/wprof.h"
#include "symbols/closure.h"

#define ATTACH_NS (3 * NS_PER_S)
/* The verifier and libbpf are instructions: scx_qmap takes 3.8 s of emulation, 0.1 s of a real CPU. */
#define ATTACH_EMULATED_NS (30 * NS_PER_S)
#define PROBES_NS (20 * NS_PER_S)         /* for setting probes, before the scheduler starts */
#define INCLUDE_DIR "/include-files"
#define INCLUDE_DEPTH_MAX 16

DEFINE_AUTO(DIR *, closedir)

struct packer {
	struct buf *request;
	uint64_t nonce;
	struct strings guest_paths;          /* what is packed already */
	struct strings include_dirs;         /* where libraries of included programs are */
};

static void packer_done(struct packer *packer)
{
	strings_done(&packer->guest_paths);
	strings_done(&packer->include_dirs);
}
DEFINE_AUTO_DONE(struct packer, packer_done)

static void put(struct packer *packer, enum wire_type type, const void *data, size_t len)
{
	wire_put(packer->request, packer->nonce, type, 0, data, (uint32_t)len);
}

static void put_word(struct packer *packer, enum wire_type type, const char *word)
{
	put(packer, type, word, strlen(word));
}

/* The environment that test and scheduler have in common. */
static void put_env(struct packer *packer, enum wire_type type, const struct strings *library_dirs)
{
	AUTO(buf_done) struct buf dirs = {0};

	put_word(packer, type, "PATH=" INCLUDE_DIR ":/bin:/usr/bin");
	put_word(packer, type, "HOME=/");
	put_word(packer, type, "KTSTR_GUEST_INIT=1");
	vec_each(dir, library_dirs)
		buf_printf(&dirs, "%s%s", dirs.len ? ":" : "LD_LIBRARY_PATH=", *dir);
	if (dirs.len)
		put_word(packer, type, buf_text(&dirs));
}

static bool remember(struct strings *list, const char *word)
{
	vec_each(known, list) {
		if (strcmp(*known, word) == 0)
			return false;
	}
	strings_push(list, xstrdup(word));
	return true;
}

static int pack_file(struct packer *packer, const char *host_path, const char *guest_path,
		     struct ktstr_error *err)
{
	AUTO(buf_done) struct buf payload = {.max = WIRE_PAYLOAD_MAX};
	struct wire_file file = {.path_len = (uint32_t)strlen(guest_path)};
	struct stat st;
	int r;

	if (!remember(&packer->guest_paths, guest_path))
		return 0;
	if (stat(host_path, &st) < 0)
		return error_sys(err, "%s", host_path);
	if ((uint64_t)st.st_size > WIRE_PAYLOAD_MAX - 8192)
		return error_set(err, -EFBIG, "%s: %lld MiB; a file in a guest can have %u MiB",
				 host_path, (long long)st.st_size >> 20, WIRE_PAYLOAD_MAX >> 20);
	file.mode = st.st_mode & 0777;
	buf_bytes(&payload, &file, sizeof(file));
	buf_bytes(&payload, guest_path, file.path_len + 1);
	r = file_read(AT_FDCWD, host_path, WIRE_PAYLOAD_MAX - 8192, &payload, err);
	if (r < 0)
		return r;
	put(packer, WIRE_REQ_FILE, payload.data, payload.len);
	return 0;
}

/*
 * A file with the libraries that it needs, if it is a program. Unresolved ones are the end of it.
 * *ret_library_dirs are for the LD_LIBRARY_PATH of this program alone.
 */
static int pack_program(struct packer *packer, const char *host_path, const char *guest_path,
			struct strings *ret_library_dirs, struct ktstr_error *err)
{
	AUTO(closure_done) struct closure closure = {0};
	struct closure_config config = {.library_path = getenv("LD_LIBRARY_PATH")};
	int r = closure_of(host_path, &config, &closure, err);

	if (r < 0)
		return r;
	if (closure.unresolved.len) {
		AUTO(buf_done) struct buf names = {0};

		vec_each(name, &closure.unresolved)
			buf_printf(&names, "%s%s", names.len ? ", " : "", *name);
		return error_set(err, -ENOENT, "%s: libraries that were not found: %s", host_path,
				 buf_text(&names));
	}
	*ret_library_dirs = TAKE(closure.library_dirs, (struct strings){0});
	r = pack_file(packer, host_path, guest_path, err);
	vec_each(needed, &closure.files) {
		if (r == 0)
			r = pack_file(packer, needed->host_path, needed->guest_path, err);
	}
	return r;
}

static int pack_tree(struct packer *packer, const char *host_path, const char *guest_path,
		     unsigned depth, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings own_dirs = {0};
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	struct stat st;
	int r = 0;

	if (stat(host_path, &st) < 0)
		return error_sys(err, "include file %s", host_path);
	if (S_ISREG(st.st_mode)) {
		r = pack_program(packer, host_path, guest_path, &own_dirs, err);
		/* a body starts it with the body's environment; a shell has theirs for its own */
		vec_each(own, &own_dirs)
			(void)remember(&packer->include_dirs, *own);
		return r;
	}
	if (!S_ISDIR(st.st_mode))
		return error_set(err, -EINVAL, "include file %s: neither a file nor a folder", host_path);
	if (depth == INCLUDE_DEPTH_MAX)
		return error_set(err, -ELOOP, "include file %s: folders nested too deep", host_path);
	dir = opendir(host_path);
	if (!dir)
		return error_sys(err, "include file %s", host_path);
	while (r == 0 && (entry = readdir(dir))) {
		AUTO(free) char *host = xasprintf("%s/%s", host_path, entry->d_name);
		AUTO(free) char *guest = xasprintf("%s/%s", guest_path, entry->d_name);

		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			r = pack_tree(packer, host, guest, depth + 1, err);
	}
	return r;
}

/*
 * A1, J1: programs of ours that are shipped to /bin, from where a variable says; main() sets it to
 * those that belong to this ktstr.
 */
static const struct helper {
	const char *name, *variable;
} helpers[] = {
	{"ktstr-jemalloc-alloc-worker", "KTSTR_JEMALLOC_ALLOC_WORKER_BINARY"},
	{"ktstr-jemalloc-probe", "KTSTR_JEMALLOC_PROBE_BINARY"},
};

static int pack_helper(struct packer *packer, const struct helper *helper, struct ktstr_error *err)
{
	AUTO(free) char *guest = xasprintf("/bin/%s", helper->name);
	const char *path = getenv(helper->variable);

	if (!path || !*path)
		return error_set(err, -ENOENT, "%s: it was not built; %s says where it is",
				 helper->name, helper->variable);
	if (*path != '/')
		return error_set(err, -EINVAL, "%s must be an absolute path, not %s",
				 helper->variable, path);
	return pack_tree(packer, path, guest, 0, err);
}

/* GI-12: a bare name is a program of PATH, everything else a path. */
static char *find_include(const char *name)
{
	struct sv rest = sv_of(getenv("PATH") ?: "");
	struct stat st;

	while (!strchr(name, '/') && rest.len) {
		struct sv dir = sv_split(&rest, ':');
		AUTO(free) char *path = xasprintf("%.*s/%s", SV_ARG(dir), name);

		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			return TAKE_PTR(path);
	}
	return xstrdup(name);
}

static int pack_include(struct packer *packer, const char *name, struct ktstr_error *err)
{
	AUTO(free) char *found = NULL;
	AUTO(free) char *guest = NULL;
	const char *base;

	for (size_t i = 0; i < sizeof(helpers) / sizeof(*helpers); i++) {
		if (strcmp(name, helpers[i].name) == 0)
			return pack_helper(packer, &helpers[i], err);
	}
	base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	if (!*base)
		return error_set(err, -EINVAL, "include file \"%s\": a name must not end with '/'", name);
	found = find_include(name);
	guest = xasprintf(INCLUDE_DIR "/%s", base);
	return pack_tree(packer, found, guest, 0, err);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int put_test(struct packer *packer, const struct request_config *config,
		    struct ktstr_error *err)
{
	const struct test_plan *plan = config->plan;
	AUTO(strings_done) struct strings library_dirs = {0};
	AUTO(free) char *guest = xasprintf("/test/%s", base_name(plan->program));
	AUTO(free) char *mode = xasprintf("KTSTR_MODE=%s", vm_mode_name(config->mode));
	AUTO(free) char *seed = xasprintf("KTSTR_SEED=%llu", (unsigned long long)config->seed);
	AUTO(free) char *shape = NULL;
	char topology[TOPOLOGY_TEXT_MAX];
	int r = pack_program(packer, plan->program, guest, &library_dirs, err);

	if (r < 0)
		return r;
	topology_format(&plan->topology, topology);
	shape = xasprintf("KTSTR_TOPOLOGY=%s", topology);
	put_word(packer, WIRE_REQ_TEST, guest);
	put_word(packer, WIRE_REQ_TEST, "--ktstr-test-fn");
	put_word(packer, WIRE_REQ_TEST, plan->name);
	put_env(packer, WIRE_REQ_TEST_ENV, &library_dirs);
	put_word(packer, WIRE_REQ_TEST_ENV, config->freeze ? "KTSTR_FREEZE=1" : "KTSTR_FREEZE=0");
	put_word(packer, WIRE_REQ_TEST_ENV, shape);
	put_word(packer, WIRE_REQ_TEST_ENV, mode);
	put_word(packer, WIRE_REQ_TEST_ENV, seed);
	if (plan->scheduler.cgroup_parent) {
		AUTO(free) char *root = xasprintf("KTSTR_CGROUP_ROOT=%s", plan->scheduler.cgroup_parent);

		put_word(packer, WIRE_REQ_TEST_ENV, root);
	}
	vec_each(word, &plan->overrides)
		put_word(packer, WIRE_REQ_TEST_ENV, *word);
	return 0;
}

/* Behind the included files, so that its environment says where their libraries are. */
static int put_shell(struct packer *packer, const struct shell *shell, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings library_dirs = {0};
	uint32_t kind = shell->command ? WIRE_SHELL_COMMAND : WIRE_SHELL_TERMINAL;
	int r = pack_program(packer, shell->busybox, "/bin/busybox", &library_dirs, err);

	if (r < 0)
		return r;
	vec_each(dir, &library_dirs)
		(void)remember(&packer->include_dirs, *dir);
	put(packer, WIRE_REQ_SHELL, &kind, sizeof(kind));
	put_word(packer, WIRE_REQ_TEST, "/bin/sh");
	put_word(packer, WIRE_REQ_TEST, shell->command ? "-c" : "-l");
	if (shell->command)
		put_word(packer, WIRE_REQ_TEST, shell->command);
	put_env(packer, WIRE_REQ_TEST_ENV, &packer->include_dirs);
	for (const char *const *word = shell->env; *word; word++)
		put_word(packer, WIRE_REQ_TEST_ENV, *word);
	return 0;
}

/* TD-5: what the declaration's fields tell the scheduler, in front of its arguments. */
static int put_added_args(struct packer *packer, const struct scheduler_plan *scheduler,
			  struct ktstr_error *err)
{
	if (scheduler->config_file) {
		AUTO(free) char *guest = xasprintf(INCLUDE_DIR "/%s", base_name(scheduler->config_file));
		int r = pack_file(packer, scheduler->config_file, guest, err);

		if (r < 0)
			return error_wrap(err, r, "config_file");
		put_word(packer, WIRE_REQ_SCHEDULER, "--config");
		put_word(packer, WIRE_REQ_SCHEDULER, guest);
	}
	if (scheduler->cgroup_parent) {
		put_word(packer, WIRE_REQ_SCHEDULER, "--cell-parent-cgroup");
		put_word(packer, WIRE_REQ_SCHEDULER, scheduler->cgroup_parent);
	}
	return 0;
}

/* What it asks of the machine, the kernel's own scheduler included. */
static void put_place(struct packer *packer, const struct scheduler_plan *scheduler)
{
	vec_each(word, &scheduler->sysctls)
		put_word(packer, WIRE_REQ_SYSCTL, *word);
	if (scheduler->cgroup_parent)
		put_word(packer, WIRE_REQ_CGROUP, scheduler->cgroup_parent);
}

/*
 * The words in front of the scheduler's own: a program that sets probes and starts it as a child.
 * They have one environment, so each finds the other's libraries, too.
 */
static int put_probes(struct packer *packer, const struct strings *functions,
		      struct strings *library_dirs, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings own_dirs = {0};
	const char *path = getenv("KTSTR_REPRO_PROBE_BINARY");
	int r;

	if (!path || *path != '/')
		return error_set(err, -ENOENT, REPRO_PROBE_PROGRAM ": it was not built; "
			       "KTSTR_REPRO_PROBE_BINARY says where it is");
	r = pack_program(packer, path, "/bin/" REPRO_PROBE_PROGRAM, &own_dirs, err);
	if (r < 0)
		return r;
	vec_each(dir, &own_dirs)
		(void)remember(library_dirs, *dir);
	put_word(packer, WIRE_REQ_SCHEDULER, "/bin/" REPRO_PROBE_PROGRAM);
	vec_each(function, functions) {
		put_word(packer, WIRE_REQ_SCHEDULER, "-p");
		put_word(packer, WIRE_REQ_SCHEDULER, *function);
	}
	put_word(packer, WIRE_REQ_SCHEDULER, "--");
	return 0;
}

/* X2: with its libraries, as all programs that are included. */
static int put_wprof(struct packer *packer, const char *path, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings own_dirs = {0};
	int r = pack_program(packer, path, WPROF_GUEST_PATH, &own_dirs, err);

	if (r < 0)
		return error_wrap(err, r, "wprof");
	put_env(packer, WIRE_REQ_WPROF_ENV, &own_dirs);
	return 0;
}

/* What captures threads for the body, with libraries of its own. */
static int put_ctprof(struct packer *packer, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings library_dirs = {0};
	AUTO(buf_done) struct buf libraries = {0};
	const char *path = getenv("KTSTR_CTPROF_AGENT_BINARY");
	int r;

	if (!path || *path != '/')
		return error_set(err, -ENOENT, STEPS_AGENT ": it was not built; KTSTR_CTPROF_AGENT_BINARY says where it is");
	r = pack_program(packer, path, "/bin/" STEPS_AGENT, &library_dirs, err);
	if (r < 0)
		return error_wrap(err, r, "ctprof");
	buf_str(&libraries, "KTSTR_CTPROF_LIBRARIES=");
	for (size_t i = 0; i < library_dirs.len; i++)
		buf_printf(&libraries, "%s%s", i ? ":" : "", library_dirs.at[i]);
	put_word(packer, WIRE_REQ_TEST_ENV, buf_text(&libraries));
	put_word(packer, WIRE_REQ_TEST_ENV, "KTSTR_CTPROF_AGENT=/bin/" STEPS_AGENT);
	return 0;
}

static int put_tracer(struct packer *packer, const char *path, struct ktstr_error *err)
{
	const char *ring = getenv("KTSTR_TRACER_RING_KIB");        /* checked by whoever read the options */
	AUTO(strings_done) struct strings own_dirs = {0};
	int r = pack_program(packer, path, WIRE_TRACER, &own_dirs, err);

	if (r < 0)
		return error_wrap(err, r, "trace");
	put_env(packer, WIRE_REQ_TRACER_ENV, &own_dirs);
	if (ring && *ring) {
		AUTO(free) char *word = xasprintf("KTSTR_TRACER_RING_KIB=%s", ring);

		put_word(packer, WIRE_REQ_TRACER_ENV, word);
	}
	return 0;
}

static int put_scheduler(struct packer *packer, const struct request_config *config,
			 struct ktstr_error *err)
{
	AUTO(strings_done) struct strings library_dirs = {0};
	AUTO(free) char *guest = NULL;
	int r;

	if (!config->scheduler)
		return 0;
	guest = xasprintf("/scheduler/%s", base_name(config->scheduler));
	r = pack_program(packer, config->scheduler, guest, &library_dirs, err);
	if (r < 0)
		return error_wrap(err, r, "scheduler %s", config->plan->scheduler.name);
	if (config->probes) {
		r = put_probes(packer, config->probes, &library_dirs, err);
		if (r < 0)
			return r;
	}
	put_word(packer, WIRE_REQ_SCHEDULER, guest);
	r = put_added_args(packer, &config->plan->scheduler, err);
	if (r < 0)
		return error_wrap(err, r, "scheduler %s", config->plan->scheduler.name);
	vec_each(word, &config->plan->scheduler.args)
		put_word(packer, WIRE_REQ_SCHEDULER, *word);
	put_env(packer, WIRE_REQ_SCHEDULER_ENV, &library_dirs);
	if (config->watchdog.timeout_ms)
		put(packer, WIRE_REQ_WATCHDOG, &config->watchdog, sizeof(config->watchdog));
	return 0;
}

static void put_words(struct packer *packer, uint32_t type, const struct strings *words)
{
	vec_each(word, words)
		put_word(packer, type, *word);
}

/* The shell of the commands that switch a scheduler on and off that the kernel has built in. */
static int put_commands(struct packer *packer, const struct request_config *config, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings library_dirs = {0};
	int r = config->busybox ? pack_program(packer, config->busybox, "/bin/busybox", &library_dirs, err) : 0;

	if (r < 0 || !config->busybox)
		return r;
	put_words(packer, WIRE_REQ_ENABLE, &config->plan->scheduler.enable);
	put_words(packer, WIRE_REQ_DISABLE, &config->plan->scheduler.disable);
	put_env(packer, WIRE_REQ_SCHEDULER_ENV, &library_dirs);
	return 0;
}

/*
 * Where a BPF object asks for the kernel's configuration (__kconfig), libbpf looks for it under this
 * name. Distributions keep it there, and not in /proc/config.gz. Not in the template: it is a file
 * like the others, and who loads such an object cannot be told from outside.
 */
static int put_kernel_config(struct packer *packer, const struct kernel *kernel, struct ktstr_error *err)
{
	AUTO(free) char *guest = NULL;

	if (!kernel || !kernel->config)
		return 0;
	guest = xasprintf("/boot/config-%s", kernel->release);
	return pack_file(packer, kernel->config, guest, err);
}

/* In det everything follows from the seed; elsewhere a clone must not share what its siblings draw. */
static int personalize(const struct request_config *config, struct wire_run *run,
		       struct ktstr_error *err)
{
	uint64_t state = config->seed;

	if (config->disturb)
		run->disturb_seed = config->seed + 1 ?: 1;        /* 0 is a seed, too */
	if (config->mode != VM_DET) {
		run->realtime_ns = clock_unix_ns();
		if (getrandom(run->entropy, sizeof(run->entropy), 0) != sizeof(run->entropy))
			return error_sys(err, "getrandom");
		return 0;
	}
	for (size_t i = 0; i < sizeof(run->entropy); i++)
		run->entropy[i] = (uint8_t)splitmix64(&state);
	return 0;
}

int request_build(const struct request_config *config, struct buf *ret_request,
		  struct ktstr_error *err)
{
	AUTO(packer_done) struct packer packer = {.request = ret_request, .nonce = config->nonce};
	const struct test_plan *plan = config->plan;
	struct wire_run run = {
		.attach_ns = (config->mode == VM_KVM ? ATTACH_NS : ATTACH_EMULATED_NS) +
			     (config->probes ? PROBES_NS : 0),
		.test_ns = config->shell && !config->shell->command ? UINT64_MAX
								    : plan->timeout_ms * NS_PER_MS,
	};
	int r;

	ret_request->max = WIRE_CARD_SIZE;
	r = personalize(config, &run, err);
	if (r < 0)
		return r;
	put(&packer, WIRE_REQ_RUN, &run, sizeof(run));
	put_place(&packer, &plan->scheduler);
	r = put_kernel_config(&packer, config->kernel, err);
	if (r < 0)
		return r;
	r = config->shell ? 0 : put_test(&packer, config, err);
	if (r == 0 && !config->shell && plan->ctprof)
		r = put_ctprof(&packer, err);
	if (r == 0)
		r = put_scheduler(&packer, config, err);
	if (r == 0 && config->tracer)
		r = put_tracer(&packer, config->tracer, err);
	if (r == 0)
		r = put_commands(&packer, config, err);
	if (r == 0 && config->wprof)
		r = put_wprof(&packer, config->wprof, err);
	vec_each(name, &plan->include_files) {
		if (r == 0)
			r = pack_include(&packer, *name, err);
	}
	if (r == 0 && config->shell)
		r = put_shell(&packer, config->shell, err);
	if (r < 0)
		return r;
	put(&packer, WIRE_REQ_END, NULL, 0);
	if (ret_request->truncated)
		return error_set(err, -E2BIG, "the files that this test takes into the guest are more "
					      "than %llu MiB", WIRE_CARD_SIZE >> 20);
	return 0;
}
