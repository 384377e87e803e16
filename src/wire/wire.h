/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.h - what host and guest say to each other: frames, and the card that carries them. Compiled
 * on both sides. Each side treats the other's bytes as hostile and range-checks them before use.
 *
 *  A frame, little endian, at an 8-byte boundary, followed by its payload and zeros up to the next:
 *
 *   0       4       8      12      16              24              32
 *   +-------+-------+-------+-------+---------------+---------------+---------
 *   | magic | type  | len   | crc32 | nonce         | time_ns       | payload
 *   +-------+-------+-------+-------+---------------+---------------+---------
 *
 *  crc32 covers everything from `nonce` to the end of the payload, then type and len. The nonce is
 *  made by the host for each run and repeated by the guest, so that bytes of an earlier run are
 *  never taken for this one's. time_ns is the guest's CLOCK_MONOTONIC.
 *
 *  The card is one file of WIRE_CARD_SIZE (sparse) that QEMU gives the guest as an nvdimm:
 *
 *   0            4096                    log_offset                              size
 *   +------------+-----------------------+---------------------------------------+
 *   | wire_card  | request: host frames  | log: guest frames, written in order   |
 *   +------------+-----------------------+---------------------------------------+
 *
 *  The host writes the header and the request before the guest runs. The guest appends to the log:
 *  payload and frame first, then log_len (release). It never waits for the host, except that a log
 *  without room rings the doorbell: the VM stops, the host takes what is there, sets log_len to 0
 *  and resumes.
 *
 *  The doorbell is one outb to the pvpanic port: with `-action panic=pause` the VM freezes and QMP
 *  tells. It counts only when the last frame in the log is WIRE_DOORBELL; without one it was the
 *  kernel's own panic notifier.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/base.h"

#define WIRE_VERSION 2
#define WIRE_CARD_MAGIC 0x4452434b5254534bull      /* "KSTRKCRD" */
#define WIRE_CARD_SIZE (256ull << 20)
#define WIRE_CARD_TEMPLATE 1u                      /* ring WIRE_BELL_TEMPLATE before reading the request */
#define WIRE_CARD_HOLD_TIMERS 2u                   /* while it rings: nothing may happen by itself */
#define WIRE_CARD_FREEZE 4u                        /* ring a WIRE_BELL_FREEZE_... where the run goes wrong */
#define WIRE_REQUEST_OFFSET 4096ull
#define WIRE_LOG_SIZE_MIN (16ull << 20)            /* what a request must leave for the log */

#define WIRE_FRAME_MAGIC 0x6d617246u               /* "Fram" */
#define WIRE_PAYLOAD_MAX (192u << 20)              /* one file of a request */
#define WIRE_GUEST_PAYLOAD_MAX (8u << 20)          /* one frame of a guest */

/* Where a body leaves the captures of its steps (docs/ctprof.md), for PID 1 to put on the card. */
#define WIRE_STEPS_FILE "/tmp/ktstr-steps.ctprof.zst"
#define WIRE_STEPS_MAX (64u << 20)
#define WIRE_TRACER "/bin/ktstr-guest-tracer"

#define WIRE_ENTROPY_SIZE 32                       /* as much as the kernel's generator wants to be ready */

#define WIRE_DOORBELL_PORT 0x505
#define WIRE_DOORBELL_VALUE 1

struct wire_topology {
	uint32_t numa_nodes, llcs, cores_per_llc, threads_per_core;
};

struct wire_card {
	uint64_t magic;
	uint32_t version;
	uint32_t flags;               /* WIRE_CARD_... */
	uint64_t nonce;
	uint64_t size;                /* of the card, in bytes */
	uint64_t request_len;         /* from WIRE_REQUEST_OFFSET */
	uint64_t log_offset;          /* page aligned */
	_Atomic uint64_t log_len;     /* the guest's; the host resets it while the VM is stopped */
	/* the one thing that the host changes while the guest runs, for a shell: see wire_window() */
	_Atomic uint32_t window;
	uint32_t reserved;
	/* what the machine should be: of a template and its clones the same, so looked at once a template */
	struct wire_topology topology;
};
static_assert(sizeof(struct wire_card) == 80, "the guest may have been built yesterday");

struct wire_frame {
	uint32_t magic;
	uint32_t type;
	uint32_t len;
	uint32_t crc;
	uint64_t nonce;
	uint64_t time_ns;
};
static_assert(sizeof(struct wire_frame) == 32, "the guest may have been built yesterday");

/* The size of a shell's terminal as one word, so that it is never seen half changed; 0: unknown. */
static inline uint32_t wire_window(uint16_t rows, uint16_t columns)
{
	return (uint32_t)rows << 16 | columns;
}

enum wire_type {
	/* host to guest */
	WIRE_REQ_FILE = 1,            /* struct wire_file, path, NUL, content */
	WIRE_REQ_TEST,                /* one argv word of the test program each, in order */
	WIRE_REQ_TEST_ENV,            /* "NAME=value" */
	WIRE_REQ_SCHEDULER,           /* one argv word of the scheduler each; none: EEVDF */
	WIRE_REQ_SCHEDULER_ENV,       /* "NAME=value" */
	WIRE_REQ_RUN,                 /* struct wire_run */
	WIRE_REQ_END,                 /* empty: the request is whole */
	WIRE_REQ_SHELL,               /* u32 enum wire_shell: the words of WIRE_REQ_TEST are no test */
	WIRE_REQ_SYSCTL,              /* "kernel.panic_on_warn=1", set before anything is started */
	WIRE_REQ_CGROUP,              /* "/sys/fs/cgroup/workload", made before anything is started */

	WIRE_REQ_WPROF_ENV,           /* "NAME=value" of /bin/wprof; any: run it beside the test */
	WIRE_REQ_TRACER_ENV,          /* the same of WIRE_TRACER; any: run it from before the scheduler */
	WIRE_REQ_ENABLE,              /* a shell command each, before the test; any: /bin/busybox is there */
	WIRE_REQ_DISABLE,             /* the same, behind it */
	WIRE_REQ_WATCHDOG,            /* struct wire_watchdog: a timeout for sched_ext's watchdog */

	/* guest to host */
	WIRE_HELLO = 100,             /* struct wire_hello: PID 1 runs and has read the card */
	WIRE_STAGE,                   /* u32 enum wire_stage: this stage has begun */
	WIRE_OUTPUT,                  /* u32 enum wire_stream, bytes */
	WIRE_RESULT,                  /* JSON object from the test body: its verdict */
	WIRE_SCHEDULER_STATE,         /* JSON object: evidence of who scheduled */
	WIRE_TROUBLE,                 /* struct wire_trouble, text: the guest side could not go on */
	WIRE_DONE,                    /* struct wire_done: nothing more will come */
	WIRE_DOORBELL,                /* u32 enum wire_bell */
	WIRE_LOAD_END,                /* from a body to PID 1 alone, empty: see KTSTR_FREEZE in author/body.c */
	WIRE_WPROF,                   /* bytes of wprof's trace, in order */
	WIRE_WPROF_END,               /* struct wire_pieces_end: these were all */
	WIRE_WPROF_TROUBLE,           /* text: why there is no trace */
	WIRE_STEPS,                   /* bytes of WIRE_STEPS_FILE, in order */
	WIRE_STEPS_END,               /* struct wire_pieces_end: these were all */
	WIRE_STEPS_TROUBLE,           /* text: why there is none */
	WIRE_TRACE,                   /* bytes of the tracer's stream (bpf/trace_event.h), in order */
	WIRE_TRACE_TROUBLE,           /* text: why there are none, or no more */
};

enum wire_stage {
	WIRE_STAGE_BOOT,              /* until PID 1 speaks */
	WIRE_STAGE_SETUP,             /* mounts, files, topology check */
	WIRE_STAGE_SCHEDULER,         /* starting it, until it has attached */
	WIRE_STAGE_TEST,              /* the body runs */
	WIRE_STAGE_TEARDOWN,
	WIRE_STAGE_COUNT
};

enum wire_stream {
	WIRE_STDOUT,
	WIRE_STDERR,
	WIRE_SCHEDULER_LOG,
	WIRE_KERNEL_LOG,
	WIRE_EXIT_DUMP,               /* of sched_ext, when it ended the scheduler with an error */
	WIRE_STREAM_COUNT
};

/* What they are instead: a program that gives no verdict. */
enum wire_shell {
	WIRE_SHELL_COMMAND = 1,       /* its output goes onto the card, it has no input */
	WIRE_SHELL_TERMINAL,          /* it has the second serial port for its terminal */
};

enum wire_bell {
	WIRE_BELL_TEMPLATE,
	WIRE_BELL_DRAIN,
	WIRE_BELL_DONE,
	/* the host looks at memory, and may resume: at most one a run, and only with WIRE_CARD_FREEZE */
	WIRE_BELL_FREEZE_SCHEDULER,   /* sched_ext has put the scheduler out, or its process ended */
	WIRE_BELL_FREEZE_SILENT,      /* the body ran out of its time */
	WIRE_BELL_FREEZE_LOAD,        /* the load has run for as long as it should; workers still run */
};

/* Why the guest side could not go on. */
enum wire_trouble_code {
	WIRE_TROUBLE_SETUP = 1,               /* mounts, bad request, no room for the files */
	WIRE_TROUBLE_TOPOLOGY,                /* the machine has another shape */
	WIRE_TROUBLE_SCHEDULER_DIED,          /* it ended before it had attached */
	WIRE_TROUBLE_SCHEDULER_NOT_ATTACHED,  /* it runs, and sched_ext never saw it */
	WIRE_TROUBLE_TEST_DIED,               /* the body's process ended without a result */
	WIRE_TROUBLE_TEST_SILENT,             /* the body ran out of its time */
	WIRE_TROUBLE_OUT_OF_MEMORY,           /* the kernel killed something of ours */
};

struct wire_file {
	uint32_t mode;
	uint32_t path_len;                /* without the NUL that follows it */
};

/* What differs between the clones of one template, and how long they may take. */
struct wire_run {
	uint64_t attach_ns;               /* from the scheduler's start to sched_ext's "enabled" */
	uint64_t test_ns;                 /* from the body's start to its result; a shell's: UINT64_MAX, no end */
	uint64_t realtime_ns;             /* CLOCK_REALTIME to set; 0: leave it */
	uint64_t disturb_seed;            /* 0: no disturber */
	uint8_t entropy[WIRE_ENTROPY_SIZE];    /* for the kernel's random pool */
};
static_assert(sizeof(struct wire_run) == 64, "the guest may have been built yesterday");

/* Where a struct_ops map of sched_ext has its timeout_ms, and what to make it. */
struct wire_watchdog {
	uint32_t timeout_ms;              /* not 0 */
	uint32_t value_type_id;           /* of the map's values, in the kernel's BTF */
	uint32_t offset;                  /* of the u32 in a value */
	uint32_t reserved;
};
static_assert(sizeof(struct wire_watchdog) == 16, "the guest may have been built yesterday");

struct wire_hello {
	uint32_t version;
	uint32_t reserved;
	uint64_t boot_ns;                 /* guest time at which PID 1 started */
	char kernel_release[64];
};

struct wire_trouble {
	uint32_t code;
	int32_t error;                    /* negative errno, or 0 */
};

/* Behind a file that came in pieces: what is not whole is none. */
struct wire_pieces_end {
	uint64_t size;                    /* of the whole file, in bytes */
	uint32_t crc;                     /* CRC-32 of it */
	uint32_t reserved;
};

struct wire_done {
	int32_t test_wait_status;         /* as from waitpid(); -1 when it never ran */
	int32_t scheduler_wait_status;    /* -1: it was alive until the test ended, or there was none */
};

const char *wire_stage_name(enum wire_stage stage);

static inline uint64_t wire_padded(uint64_t len)
{
	return (len + 7) & ~7ull;
}

/* Fill in a frame's header for these bytes. */
struct wire_frame wire_frame_for(uint64_t nonce, uint32_t type, uint64_t time_ns,
				 const void *payload, uint32_t len);

/* Append a frame to a buf: how the host builds a request, and how a body talks to PID 1. */
void wire_put(struct buf *buf, uint64_t nonce, uint32_t type, uint64_t time_ns, const void *payload,
	      uint32_t len);

/*
 * The frame at the start of bytes. Returns how many bytes it takes with padding, and points
 * *ret_payload into them; 0 when more bytes are needed; -EBADMSG (with words) when this is no frame
 * of this nonce: wrong magic, nonce, checksum or more than payload_max.
 */
int64_t wire_get(struct sv bytes, uint64_t nonce, uint32_t payload_max,
		 struct wire_frame *ret_frame, struct sv *ret_payload, struct ktstr_error *err);

/* --- the guest's side of a card ---------------------------------------------------------------- */

struct wire_log {
	struct wire_card *card;       /* mapped for all of its size */
	uint64_t nonce;
	uint64_t offset, capacity;    /* of the log; checked once, the host's header is not trusted later */
	void (*ring)(void *arg);      /* rings the doorbell and returns when the VM goes on */
	void *arg;
};

/* Check the header that a mapped card has. -EBADMSG with words. */
int wire_card_check(const struct wire_card *card, uint64_t mapped_size, struct ktstr_error *err);

/* Append; rings for room where there is none. A payload over WIRE_GUEST_PAYLOAD_MAX is cut. */
void wire_log_put(struct wire_log *log, uint32_t type, uint64_t time_ns, const void *payload,
		  uint32_t len);

#endif
