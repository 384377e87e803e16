/* SPDX-License-Identifier: BSD-2-Clause */
/* base.h - the door of the base room: what every other room stands on. Knows no kernel and no VM. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include "base/alloc.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/cpuset.h"
#include "base/crc32.h"
#include "base/error.h"
#include "base/export.h"
#include "base/fd.h"
#include "base/json_out.h"
#include "base/log.h"
#include "base/spawn.h"
#include "base/splitmix.h"
#include "base/sv.h"
#include "base/text.h"
#include "base/vec.h"

#endif
