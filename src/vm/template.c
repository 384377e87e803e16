/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * template.c - a booted guest on disk: one RAM file a NUMA node, QEMU's device state, and a
 * description.
 *
 *	<cache>/templates/<key>.lock           held shared by users, exclusively by who changes it
 *	<cache>/templates/<key>/ram0 ...       sparse
 *	                        state
 *	                        template.json  sizes of the above, and what it is; its time: last use
 *	<cache>/templates/.new-<key>/          being made, by the holder of the lock
 *
 * The key is a digest of everything that the booted state depends on, so a template is never stale.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/file.h>
#include <unistd.h>

#include "vm/template.h"

#define LOCK_NS (600 * NS_PER_S)          /* somebody else boots it, on a busy host */
#define LOCK_LOOK_NS (20 * NS_PER_MS)     /* flock(2) cannot wait for two things */
#define POLL_NS (5 * NS_PER_MS)

DEFINE_AUTO(json_t *, json_decref)

void template_done(struct template *template)
{
	free(template->dir);
	fd_close(template->lock_fd);
	*template = (struct template){.lock_fd = -1};
}

static void say_stage(const struct template_config *config, const char *stage)
{
	if (config->on_stage)
		config->on_stage(config->arg, stage);
}

/* --- the lock ----------------------------------------------------------------------------------- */

static int take_lock(int fd, int how, int cancel_fd, struct ktstr_error *err)
{
	struct deadline deadline = deadline_in(LOCK_NS);
	struct pollfd cancel = {.fd = cancel_fd, .events = POLLIN};

	while (flock(fd, how | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_sys(err, "lock the template");
		if (deadline_passed(deadline))
			return error_set(err, -ETIMEDOUT, "somebody else has been making this template for %llu s",
					 LOCK_NS / NS_PER_S);
		if (poll(&cancel, 1, (int)(LOCK_LOOK_NS / NS_PER_MS)) > 0)
			return error_set(err, -ECANCELED, "interrupted");
	}
	return 0;
}

/* --- making one --------------------------------------------------------------------------------- */

/* Follow the boot to its template doorbell. */
static int await_doorbell(const struct template_config *config, struct vm *vm, struct card_host *card,
			  const char *console, struct ktstr_error *err)
{
	struct deadline deadline = deadline_in(config->boot_limit_ns);
	AUTO(free) char *panic = NULL;
	AUTO(free) char *tail = NULL;
	AUTO(buf_done) struct buf how = {0};
	uint32_t bell = UINT32_MAX;

	for (;;) {
		enum vm_event event;
		struct wire_frame frame;
		struct sv payload;
		int r = vm_wait(vm, deadline_earlier(deadline, deadline_in(POLL_NS)), config->cancel_fd,
				&event, err);

		while (r == 0 && (r = card_next(card, &frame, &payload, err)) == 1) {
			r = 0;
			if (frame.type == WIRE_TROUBLE && payload.len > sizeof(struct wire_trouble))
				return error_set(err, -EIO, "the guest could not be set up: %.*s",
						 SV_ARG(sv_skip(payload, sizeof(struct wire_trouble))));
			bell = frame.type == WIRE_DOORBELL ? *(const uint8_t *)payload.data : UINT32_MAX;
		}
		if (r < 0)
			return r;
		if (event == VM_CANCELLED)
			return error_set(err, -ECANCELED, "interrupted");
		if (event == VM_PAUSED && bell == WIRE_BELL_TEMPLATE)
			return 0;
		tail = event == VM_NOTHING ? NULL : console_tail(console, 1 << 16);
		panic = tail ? console_panic(sv_of(tail)) : NULL;
		if (event == VM_PAUSED)
			return error_set(err, -EIO, "the kernel died during boot: %s",
					 panic ?: "it printed no reason");
		if (event == VM_ENDED && vm_ended_by(vm, SIGBUS))
			/* a page of a sparse file that the file system has no room for */
			return error_set(err, -ENOSPC, "its memory has no room in %s: %s",
					 config->cache_dir, strerror(ENOSPC));
		if (event == VM_ENDED) {
			vm_describe_end(vm, &how);
			return error_set(err, -EIO, "QEMU ended during boot: %s; the guest's init never spoke",
					 panic ?: buf_text(&how));
		}
		if (deadline_passed(deadline))
			return error_set(err, -ETIMEDOUT,
					 "stage boot did not end within %llu s; the guest's init never spoke",
					 (unsigned long long)(config->boot_limit_ns / NS_PER_S));
	}
}

static int sync_file(const char *path, struct ktstr_error *err)
{
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fdatasync(fd) < 0)
		return error_sys(err, "write %s", path);
	return 0;
}

static int boot_into(const struct template_config *config, const char *dir, struct ktstr_error *err)
{
	AUTO(free) char *console = xasprintf("%s/console.log", config->scratch_dir);
	AUTO(card_done) struct card_host card = {.fd = -1};
	AUTO(vm_free) struct vm *vm = NULL;
	AUTO(buf_done) struct buf request = {0};
	struct vm_config vm_config = *config->vm;
	int r;

	wire_put(&request, 1, WIRE_REQ_END, 0, NULL, 0);
	r = card_make(sv_bytes(request.data, request.len), 1, &vm_config.topology, &card, err);
	if (r < 0)
		return r;
	card.map->flags = WIRE_CARD_TEMPLATE | (config->vm->mode == VM_DET ? WIRE_CARD_HOLD_TIMERS : 0);
	vm_config.card_fd = card.fd;
	vm_config.template_dir = dir;
	vm_config.clone = vm_config.shell = false;
	vm_config.plugin = NULL;
	vm_config.halts = false;
	vm_config.stay_when_off = false;
	vm_config.dir = config->scratch_dir;
	say_stage(config, "template boot");
	r = vm_start(&vm_config, &vm, err);
	if (r == 0)
		r = await_doorbell(config, vm, &card, console, err);
	say_stage(config, "template save");
	return r < 0 ? r : vm_save_state(vm, dir, err);
}

/* The files of a template with their sizes; -errno when one is not there. */
static json_t *sizes_of(const struct vm_config *vm, const char *dir, struct ktstr_error *err)
{
	AUTO(json_decref) json_t *sizes = json_object();

	for (uint32_t i = 0; i <= vm->topology.numa_nodes; i++) {
		AUTO(free) char *name = i < vm->topology.numa_nodes ? xasprintf("ram%u", i)
								     : xstrdup("state");
		AUTO(free) char *path = xasprintf("%s/%s", dir, name);
		struct stat st;

		if (stat(path, &st) < 0) {
			(void)error_sys(err, "%s", path);
			return NULL;
		}
		json_object_set_new(sizes, name, json_integer((json_int_t)st.st_size));
	}
	return json_incref(sizes);
}

static int describe(const struct template_config *config, const char *key, const char *dir,
		    struct ktstr_error *err)
{
	AUTO(json_decref) json_t *sizes = sizes_of(config->vm, dir, err);
	AUTO(json_decref) json_t *all = NULL;
	AUTO(free) char *text = NULL;
	AUTO(free) char *path = xasprintf("%s/template.json", dir);
	char topology[TOPOLOGY_TEXT_MAX];
	const char *name;
	json_t *size;

	if (!sizes)
		return err->code;
	json_object_foreach(sizes, name, size) {
		AUTO(free) char *file = xasprintf("%s/%s", dir, name);
		int r = sync_file(file, err);

		(void)size;
		if (r < 0)
			return r;
	}
	topology_format(&config->vm->topology, topology);
	all = json_pack("{s:i, s:s, s:s, s:s, s:I, s:s, s:s, s:O}", "schema", TEMPLATE_SCHEMA, "key",
			key, "mode", vm_mode_name(config->vm->mode), "topology", topology, "memory_mib",
			(json_int_t)config->vm->memory_mib, "kernel", config->vm->kernel, "qemu",
			config->vm->qemu->version, "files", sizes);
	text = json_dumps(all, JSON_INDENT(2));
	return file_write_atomic(path, text, strlen(text), 0644, err);
}

static int make(const struct template_config *config, const char *key, const char *dir,
		struct ktstr_error *err)
{
	AUTO(free) char *aside = xasprintf("%s/templates/.new-%s", config->cache_dir, key);
	int r = tree_remove(aside, err);        /* what one left who had the lock and was killed */

	if (r == 0)
		r = dir_make(aside, 0755, err);
	if (r == 0)
		r = boot_into(config, aside, err);
	if (r == 0)
		r = describe(config, key, aside, err);
	if (r == 0 && rename(aside, dir) < 0)
		r = error_sys(err, "rename %s", aside);
	if (r < 0)
		(void)tree_remove(aside, NULL);        /* the next one tries again */
	return r;
}

/* --- using one ---------------------------------------------------------------------------------- */

/* Whole and ours: 0. -ENOENT: there is none. -EBADMSG with words: it is damaged. */
static int check(const struct vm_config *vm, const char *key, const char *dir, struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s/template.json", dir);
	AUTO(json_decref) json_t *have = NULL;
	AUTO(json_decref) json_t *said = NULL;
	struct ktstr_error missing = {0};
	const char *name;

	if (access(dir, F_OK) < 0)
		return -ENOENT;
	said = json_load_file(path, 0, NULL);
	name = json_string_value(json_object_get(said, "key"));
	if (!name || strcmp(name, key) != 0 ||
	    json_integer_value(json_object_get(said, "schema")) != TEMPLATE_SCHEMA)
		return error_set(err, -EBADMSG, "its description is missing or of another template");
	have = sizes_of(vm, dir, &missing);
	if (!have)
		return error_set(err, -EBADMSG, "%s", missing.msg);
	if (!json_equal(have, json_object_get(said, "files")))
		return error_set(err, -EBADMSG, "its files have other sizes than when it was made");
	(void)utimensat(AT_FDCWD, path, NULL, 0);        /* last use: only the order of removal hangs on it */
	return 0;
}

static int make_if_needed(const struct template_config *config, const char *key, struct template *template,
			  struct ktstr_error *err)
{
	struct ktstr_error damage = {0};
	int r = check(config->vm, key, template->dir, &damage);

	if (r == 0)
		return 0;
	if (r == -EBADMSG) {
		log_info("template %.12s is damaged (%s): making it anew", key, damage.msg);
		r = tree_remove(template->dir, err);
		if (r < 0)
			return r;
	}
	template->fresh = true;
	return make(config, key, template->dir, err);
}

int template_get(const struct template_config *config, struct template *ret_template,
		 struct ktstr_error *err)
{
	AUTO(template_done) struct template template = {.lock_fd = -1};
	AUTO(free) char *templates = xasprintf("%s/templates", config->cache_dir);
	AUTO(free) char *lock = NULL;
	char key[TEMPLATE_KEY_MAX];
	int r = template_key(config->vm, config->cache_dir, key, err);

	if (r == 0)
		r = dir_make(templates, 0755, err);
	if (r < 0)
		return error_wrap(err, r, "template");
	template.dir = xasprintf("%s/%s", templates, key);
	lock = xasprintf("%s.lock", template.dir);
	template.lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (template.lock_fd < 0)
		return error_sys(err, "create %s", lock);
	r = take_lock(template.lock_fd, LOCK_SH, config->cancel_fd, err);
	if (r == 0 && check(config->vm, key, template.dir, NULL) < 0) {
		r = take_lock(template.lock_fd, LOCK_EX, config->cancel_fd, err);
		if (r == 0)
			r = make_if_needed(config, key, &template, err);
		if (r == 0)        /* the lock may change hands here; the template stays, or is looked at again */
			r = take_lock(template.lock_fd, LOCK_SH, config->cancel_fd, err);
		if (r == 0)
			r = check(config->vm, key, template.dir, err);
	}
	if (r < 0)
		return r == -ECANCELED ? r : error_wrap(err, r, "template (--no-template does without)");
	*ret_template = TAKE(template, ((struct template){.lock_fd = -1}));
	return 0;
}
