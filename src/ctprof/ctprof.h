/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof.h - the door of the ctprof room: every thread of a machine, captured, kept, read again. */
#ifndef CTPROF_CTPROF_H
#define CTPROF_CTPROF_H

#include "ctprof/capture.h"
#include "ctprof/metrics.h"
#include "ctprof/series.h"
#include "ctprof/snapshot.h"
#include "ctprof/snapshot_file.h"

#endif
