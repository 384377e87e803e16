/* SPDX-License-Identifier: BSD-2-Clause */
/* empty.c - a test program without tests: libktstr's main() is all there is. */
#include <ktstr/ktstr.h>
