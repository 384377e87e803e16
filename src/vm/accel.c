/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accel.c - the KVM probe. /dev/kvm proves nothing: on some nested hosts a stock kernel hangs or
 * QEMU stops (shared/DESIGN.md section 2). So the kernel in question is booted once under KVM with
 * an empty request; PID 1's hello within the deadline is the proof.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sha2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "vm/vm.h"

#define PROBE_NS (20 * NS_PER_S)
#define PROBE_SLICE_NS (5 * NS_PER_MS)

DEFINE_AUTO(json_t *, json_decref)

static const struct topology probe_topology = {
	.numa_nodes = 1, .llcs = 1, .cores_per_llc = 2, .threads_per_core = 1,
};

/* 1: hello came. 0: it did not, with the reason. */
static int follow(struct vm *vm, struct card_host *card, int cancel_fd, struct buf *why,
		  struct ktstr_error *err)
{
	struct deadline deadline = deadline_in(PROBE_NS);

	for (;;) {
		struct wire_frame frame;
		struct sv payload;
		enum vm_event event;
		int r = vm_wait(vm, deadline_earlier(deadline, deadline_in(PROBE_SLICE_NS)),
				cancel_fd, &event, err);

		if (r < 0)
			return r;
		if (event == VM_CANCELLED)
			return error_set(err, -ECANCELED, "interrupted");
		if (card_next(card, &frame, &payload, err) == 1 && frame.type == WIRE_HELLO)
			return 1;
		if (event == VM_ENDED) {
			buf_str(why, "QEMU ended: ");
			vm_describe_end(vm, why);
			return 0;
		}
		if (event == VM_PAUSED) {
			buf_str(why, "the kernel stopped during its boot");
			return 0;
		}
		if (deadline_passed(deadline)) {
			buf_printf(why, "no sign of life within %llu s", PROBE_NS / NS_PER_S);
			return 0;
		}
	}
}

static int boot_once(const struct kvm_probe_config *config, struct buf *why, struct ktstr_error *err)
{
	AUTO(card_done) struct card_host card = {.fd = -1};
	AUTO(buf_done) struct buf request = {0};
	AUTO(vm_free) struct vm *vm = NULL;
	const uint64_t nonce = clock_unix_ns();
	struct vm_config vm_config = {
		.qemu = config->qemu,
		.mode = VM_KVM,
		.topology = probe_topology,
		.memory_mib = 256,
		.kernel = config->kernel,
		.initramfs = config->initramfs,
		.dir = config->scratch_dir,
	};
	struct ktstr_error start = {0};
	int r;

	wire_put(&request, nonce, WIRE_REQ_END, 0, NULL, 0);
	r = card_make(sv_bytes(request.data, request.len), nonce, &vm_config.topology, &card, err);
	if (r < 0)
		return r;
	vm_config.card_fd = card.fd;
	r = vm_start(&vm_config, &vm, &start);
	if (r < 0) {
		buf_str(why, start.msg);
		return 0;
	}
	return follow(vm, &card, config->cancel_fd, why, err);
}

/* One file an answer: host kernel, QEMU and guest kernel (release, size, time) make its name. */
static char *answer_path(const struct kvm_probe_config *config)
{
	AUTO(free) char *key = NULL;
	char digest[SHA256_DIGEST_STRING_LENGTH];
	struct utsname host = {0};
	struct stat st = {0};

	(void)uname(&host);
	(void)stat(config->kernel, &st);
	key = xasprintf("%s|%s|%s|%s|%lld|%lld", host.release, host.version, config->qemu->version,
			config->kernel_release ?: "", (long long)st.st_size, (long long)st.st_mtime);
	SHA256Data((const uint8_t *)key, strlen(key), digest);
	return xasprintf("%s/kvm-probe/%.32s.json", config->cache_dir, digest);
}

/* 0 or 1 from the file; -ENOENT when it says nothing that we understand. */
static int read_answer(const char *path, char **ret_why)
{
	AUTO(json_decref) json_t *answer = json_load_file(path, 0, NULL);
	json_t *works = json_object_get(answer, "works");

	if (!json_is_boolean(works))
		return -ENOENT;
	*ret_why = xstrdup(json_string_value(json_object_get(answer, "why")) ?: "");
	return json_is_true(works);
}

static void remember(const char *path, const struct kvm_probe_config *config, int works,
		     const char *why)
{
	AUTO(json_decref) json_t *answer =
		json_pack("{s:b, s:s, s:s?, s:s}", "works", works, "why", why, "guest_kernel",
			  config->kernel_release, "qemu", config->qemu->version);
	AUTO(free) char *text = json_dumps(answer, JSON_INDENT(2));
	AUTO(free) char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	struct ktstr_error err = {0};

	if (dir_make(dir, 0755, &err) < 0 ||
	    file_write_atomic(path, text, strlen(text), 0644, &err) < 0)
		log_warn("KVM probe: its answer cannot be kept: %s", err.msg);
}

int kvm_probe(const struct kvm_probe_config *config, char **ret_why, bool *ret_fresh,
	      struct ktstr_error *err)
{
	AUTO(free) char *path = answer_path(config);
	AUTO(buf_done) struct buf why = {0};
	int works;

	*ret_fresh = false;
	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		*ret_why = xasprintf("/dev/kvm: %s", strerror(errno));
		return 0;
	}
	works = read_answer(path, ret_why);
	if (works >= 0)
		return works;
	works = boot_once(config, &why, err);
	if (works < 0)
		return works;
	*ret_fresh = true;
	*ret_why = buf_take(&why);
	remember(path, config, works, *ret_why);
	return works;
}
