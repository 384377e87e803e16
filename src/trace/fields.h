/* SPDX-License-Identifier: BSD-2-Clause */
/* fields.h - a kernel's image and the fields of its structs; for the files of this room. */
#ifndef TRACE_FIELDS_H
#define TRACE_FIELDS_H

#include "base/base.h"
#include "kernel/kernel.h"

struct btf;

/* The offset of a member in bytes, dots go into members; -1: there is none. */
int64_t fields_find(const struct btf *btf, const char *type_name, const char *path);

int fields_read_vmlinux(const struct kernel *kernel, struct buf *ret_vmlinux, struct ktstr_error *err);

#endif
