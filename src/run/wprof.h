/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wprof.h - the user's wprof (a BPF tracer that writes Perfetto files) beside a test: contract 1.6.
 * Pure, but for wprof_find() and wprof_save().
 */
#ifndef RUN_WPROF_H
#define RUN_WPROF_H

#include "base/base.h"
#include "topology/topology.h"

#define WPROF_GUEST_PATH "/bin/wprof"
#define WPROF_SEPARATOR '\x1f'           /* the kernel's command line is split at white space */
#define WPROF_ARGS_MAX 512               /* of a command line of 2048 bytes */
#define WPROF_TRACE_MIN 4096             /* a whole trace is never smaller */

/*
 * X5: what the default arguments cost: 8 rings of 256000 KB, which the kernel rounds up to 256 MiB.
 * Other arguments, another constant.
 */
#define WPROF_MIN_MEMORY_MIB 2048

/* X6: the one place where memory is compared with that. */
uint64_t wprof_memory_floor(uint64_t raw_mib, bool wprof);

/* X7: what a guest gets, for every path to one. wanted_mib: as declared, 0 for nothing. */
uint64_t guest_memory_mib(const struct topology *topology, uint64_t wanted_mib, bool wprof);

/* X4 */
void wprof_default_args(struct strings *ret_args);

/* X11: the words of a declaration. -EINVAL with words: none, too long, or what no command line takes. */
int wprof_args_split(const char *text, struct strings *ret_args, struct ktstr_error *err);

/* X9: "KTSTR_WPROF_ARGS=" and the words for the kernel's command line. The caller's. */
char *wprof_cmdline(const struct strings *args);

/* X3: KTSTR_WPROF_PATH. -ENOENT says how to set it. */
int wprof_find(const char **ret_path, struct ktstr_error *err);

/* X11: is this the shape of a trace: long enough, and the first field is a packet? */
bool wprof_shape_is_right(struct sv trace);

/* "<test>-<16 hex digits>.wprof.pb", or ".repro.wprof.pb" of the second guest. The caller's. */
char *wprof_file_name(const char *test, uint64_t variant, bool repro);

/* A number that is the same for the same words in the same order, and hardly ever for others. */
uint64_t variant_hash(const char *const *words, size_t count);

#endif
