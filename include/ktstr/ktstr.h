/* SPDX-License-Identifier: BSD-2-Clause */
/* ktstr.h - all that an author of tests includes. */
#ifndef KTSTR_KTSTR_H
#define KTSTR_KTSTR_H

#include <ktstr/error.h>
#include <ktstr/payload.h>
#include <ktstr/payloads.h>
#include <ktstr/scenario.h>
#include <ktstr/test.h>
#include <ktstr/verdict.h>
#include <ktstr/work.h>

#endif
