/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helper.h - ask a stripped jemalloc itself where its numbers are: a small program of ours is started
 * with that very file preloaded, calls mallctl("thread.allocatedp") and says how far into the file's
 * TLS block the answer points.
 *
 * That runs foreign code: its constructors, its mallctl. So the helper is confined before it is
 * loaded (helper_main.c): the user nobody where we are root, no new privileges, resource limits, and
 * a seccomp filter that leaves it reading files and writing to its pipe; no sockets, no processes, no
 * signals, no files opened for writing. It gets a copy of the file, which nobody can change under it,
 * and two seconds.
 */
#ifndef PROBE_HELPER_H
#define PROBE_HELPER_H

#include "probe/image.h"

/* image: of the shared object, with mallctl. Any error: the reason why it could not be asked. */
int helper_ask(const struct image *image, struct tsd_members *ret_members, struct ktstr_error *err);

/* "824 840\n" of a helper; -EBADMSG for anything else. For tests and the fuzzer. */
int helper_parse(const char *text, size_t len, uint64_t tls_bytes, struct tsd_members *ret_members);

#endif
