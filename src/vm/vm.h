/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm.h - one QEMU guest, from its command line to its end, driven by one thread. A struct vm owns
 * the process and the QMP connection; vm_free() releases both and leaves no QEMU behind. QEMU dies
 * with the thread that started it, whatever happens to us.
 */
#ifndef VM_VM_H
#define VM_VM_H

#include <sys/types.h>

#include "base/base.h"
#include "topology/topology.h"
#include "wire/wire.h"

enum vm_mode {
	VM_KVM,      /* hardware virtualisation */
	VM_TCG,      /* emulation, a host thread for each vCPU */
	VM_DET,      /* emulation under instruction counting: bit-identical runs */
	VM_MODE_COUNT
};

const char *vm_mode_name(enum vm_mode mode);                         /* "kvm", "tcg", "det" */
bool vm_mode_parse(struct sv word, enum vm_mode *ret_mode);

#define VM_QEMU_VERSION_MIN 801              /* major * 100 + minor; DESIGN section 3, fact 3 */
#define VM_ICOUNT_SHIFT_MAX 10

/*
 * det: an instruction takes 2^shift ns of guest time, and all vCPUs share one stream of them. At one
 * rate for all machines, a vCPU of a big one is so slow that its timer ticks and load balancing take
 * a large part of it (8 vCPUs at shift 3: EEVDF left one of 8 spinners waiting for a fifth of the
 * time). So the rate grows with the machine: 125 million instructions a guest second for up to 2
 * vCPUs, 250 for 4, 500 for 8, 1000 for more.
 */
unsigned vm_icount_shift(const struct topology *topology);

/* The QEMU on this host: KTSTR_QEMU, or qemu-system-x86_64 in PATH. */
struct qemu {
	char *program;
	char *version;                       /* "10.0.2 (Debian 1:10.0.2+ds-2...)" */
	unsigned number;                     /* as VM_QEMU_VERSION_MIN counts */
};
int qemu_find(struct qemu *ret_qemu, struct ktstr_error *err);
void qemu_done(struct qemu *qemu);
DEFINE_AUTO_DONE(struct qemu, qemu_done)

struct vm_config {
	const struct qemu *qemu;             /* all borrowed until vm_start() returns */
	enum vm_mode mode;
	struct topology topology;
	uint64_t memory_mib;
	unsigned icount_shift;               /* det only */
	const char *kernel;                  /* bzImage, or a vmlinux with CONFIG_PVH */
	const char *initramfs;
	const char *cmdline_extra;           /* behind our own kernel command line, or NULL */
	/*
	 * NULL: anonymous memory, a cold boot. Else the directory of a template: its RAM files are
	 * written while it is made, and mapped copy-on-write by a clone, which starts from its state.
	 */
	const char *template_dir;
	bool clone;
	bool verbose;                        /* the kernel prints everything on its console */
	const char *dir;                     /* console.log and qemu.log go there */
	int card_fd;                         /* of a card_make() */
	/* A shell: the second serial port is connected to this socket, which QEMU gets as VM_SHELL_FD. */
	bool shell;
	int shell_fd;
	/* "FILE,key=value": a QEMU plugin that only looks; no part of a template, whose clones may differ */
	const char *plugin;
	/*
	 * The plugin may make the guest stand still (VM_HALTED): it sends a byte on the socket that QEMU has as
	 * VM_HALT_FD, and waits for vm_go_on().
	 */
	bool halts;
	/* A guest that powers off or reboots stands still (VM_OFF) instead of ending QEMU; no part of a template */
	bool stay_when_off;
};

#define VM_SHELL_FD 5
#define VM_HALT_FD 6

/* The command line for a config, for execvp(); a pure function of it. Ends with NULL. */
struct strings vm_argv(const struct vm_config *config, int qmp_fd, int card_fd);
/* The guest kernel's command line alone. */
char *vm_kernel_cmdline(const struct vm_config *config);

struct vm;

/*
 * Start QEMU, shake hands over QMP and let the guest run. -EIO with QEMU's own words when it does
 * not start; -ETIMEDOUT when it says nothing.
 */
int vm_start(const struct vm_config *config, struct vm **ret_vm, struct ktstr_error *err);
void vm_free(struct vm *vm);                 /* NULL is fine */
DEFINE_AUTO(struct vm *, vm_free)

enum vm_event {
	VM_NOTHING,          /* the deadline has passed */
	VM_PAUSED,           /* the pvpanic port was written: a doorbell, or a kernel panic */
	VM_OFF,              /* the guest powered off or rebooted: it stands still; only with stay_when_off */
	VM_HALTED,           /* config.plugin stands still: vm_halt_word() */
	VM_ENDED,            /* QEMU is gone: vm_quit(), or somebody killed it */
	VM_CANCELLED,        /* cancel_fd became readable */
};

/* Wait for the next event. -errno only when QEMU talks nonsense. cancel_fd: -1 for none. */
int vm_wait(struct vm *vm, struct deadline deadline, int cancel_fd, enum vm_event *ret_event,
	    struct ktstr_error *err);
int vm_resume(struct vm *vm, struct ktstr_error *err);
/* After VM_HALTED: what the plugin said. QEMU's monitor answers, but the guest's threads may wait. */
char vm_halt_word(const struct vm *vm);
void vm_go_on(struct vm *vm);
/* Have QEMU end by itself; VM_ENDED follows. */
int vm_quit(struct vm *vm, struct ktstr_error *err);
/* Freeze it at once, whatever the guest does. */
int vm_stop(struct vm *vm, struct ktstr_error *err);
/* What a command of QEMU's monitor for people prints, appended to an empty *ret_text. */
int vm_monitor(struct vm *vm, const char *command, struct buf *ret_text, struct ktstr_error *err);

/*
 * The VM of a template stands still at its doorbell: write what is not RAM to the directory's state
 * file. The VM is of no use afterwards.
 */
int vm_save_state(struct vm *vm, const char *template_dir, struct ktstr_error *err);
pid_t vm_pid(const struct vm *vm);
/* After VM_ENDED: "exit status 0", "killed by SIGKILL", and the last line of qemu.log. */
void vm_describe_end(const struct vm *vm, struct buf *buf);
bool vm_ended_by(const struct vm *vm, int signal_number);

/* --- template.c: booted guests to clone --------------------------------------------------------------- */

struct template_config {
	const struct vm_config *vm;          /* of the clone to be; card_fd, dir and template_dir are not read */
	const char *cache_dir;               /* templates live in its templates/ */
	const char *scratch_dir;             /* for the console of the boot */
	uint64_t boot_limit_ns;              /* host time until the guest has gone quiet */
	int cancel_fd;
	void (*on_stage)(void *arg, const char *stage);      /* may be NULL */
	void *arg;
};

/* While it is held, nobody removes the template. */
struct template {
	char *dir;
	int lock_fd;
	bool fresh;                          /* this call made it */
};

/*
 * The template for a machine, made on first use: one caller boots it while the others wait. A
 * damaged one is made anew, and a line says so. -ECANCELED: cancel_fd became readable. Other errors:
 * it could not be made; the message says why.
 */
int template_get(const struct template_config *config, struct template *ret_template,
		 struct ktstr_error *err);
void template_done(struct template *template);
DEFINE_AUTO_DONE(struct template, template_done)

struct template_info {
	char *key, *topology, *mode, *kernel, *qemu;
	uint64_t memory_mib, disk_bytes, used_unix_ns;
	bool in_use;
};
void template_info_done(struct template_info *info);
DEFINE_VEC(template_infos, struct template_info, template_info_done)

/* What is in the cache, most recently used first. A cache without templates is empty. */
int templates_list(const char *cache_dir, struct template_infos *ret_infos, struct ktstr_error *err);

/*
 * Remove the least recently used ones that nobody uses until they take at most max_bytes of disk;
 * 0: all of them. Also sweeps what a killed process left half made.
 */
int templates_trim(const char *cache_dir, uint64_t max_bytes, struct strings *ret_removed,
		   struct ktstr_error *err);

/* --- console.c: what the guest's kernel printed ----------------------------------------------------- */

/* The end of a console log, at most max bytes, free of control characters; "" when there is none. */
char *console_tail(const char *path, size_t max);
/* "Kernel panic - not syncing: ..." or the like in a console text; NULL when there is none. */
char *console_panic(struct sv console);

/* --- initramfs.c ------------------------------------------------------------------------------------- */

/*
 * The base initramfs: a cpio (newc) archive with this program as /init, in dir under a name that is
 * a digest of its content; made on first use. *ret_path is the caller's.
 */
int initramfs_make(const char *dir, struct sv init, char **ret_path, struct ktstr_error *err);

/* --- card.c: the host's side of a card ----------------------------------------------------------------- */

struct card_host {
	int fd;                      /* a memfd: it is gone when the last process that has it is gone */
	struct wire_card *map;
	uint64_t nonce;
	uint64_t log_offset, log_capacity;
	uint64_t read_len;           /* of the log */
	struct buf frame;            /* a private copy of the frame that card_next() returned */
};

/* A card with this request (frames up to WIRE_REQ_END). -E2BIG: its files do not fit on the card. */
int card_make(struct sv request, uint64_t nonce, const struct topology *topology, struct card_host *ret_card,
	      struct ktstr_error *err);
void card_done(struct card_host *card);
DEFINE_AUTO_DONE(struct card_host, card_done)

/*
 * The next frame that the guest has written: 1 with *ret_frame and *ret_payload (good until the next
 * call), 0 when there is none yet, -EBADMSG when the guest wrote nonsense.
 */
int card_next(struct card_host *card, struct wire_frame *ret_frame, struct sv *ret_payload,
	      struct ktstr_error *err);
/* Make room: everything up to here was read. Only while the VM is stopped. */
void card_reset_log(struct card_host *card);

/* --- accel.c: does KVM really boot this kernel? ----------------------------------------------------------- */

struct kvm_probe_config {
	const struct qemu *qemu;
	const char *kernel, *kernel_release, *initramfs;
	const char *cache_dir;               /* where the answer is remembered */
	const char *scratch_dir;
	int cancel_fd;
};

/*
 * 1: a guest came up under KVM; 0: it does not, with the reason in *ret_why (the caller's). The
 * answer is remembered for this host kernel, QEMU and guest kernel; *ret_fresh says that this call
 * found it out. -ECANCELED: cancel_fd became readable.
 */
int kvm_probe(const struct kvm_probe_config *config, char **ret_why, bool *ret_fresh,
	      struct ktstr_error *err);

#endif
