/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctview.h - the door of the ctview room: snapshots of the ctprof room made into something to read.
 * Everything here is pure; the caller prints.
 */
#ifndef CTVIEW_CTVIEW_H
#define CTVIEW_CTVIEW_H

#include "ctview/derived.h"
#include "ctview/flatten.h"
#include "ctview/print.h"
#include "ctview/table.h"
#include "ctview/view.h"
#include "ctview/words.h"

#endif
