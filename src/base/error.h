/* SPDX-License-Identifier: BSD-2-Clause */
/* error.h - short names, inside ktstr, for the error value that <ktstr/error.h> documents. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <ktstr/error.h>

#define error_set ktstr_error_set
#define error_sys ktstr_error_sys
#define error_wrap ktstr_error_wrap

#endif
