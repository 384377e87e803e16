/* SPDX-License-Identifier: BSD-2-Clause */
/* export.h - everything is compiled with -fvisibility=hidden; EXPORT marks what authors may call. */
#ifndef BASE_EXPORT_H
#define BASE_EXPORT_H

#define EXPORT __attribute__((visibility("default")))

#endif
