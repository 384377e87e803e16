/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof.h - the commands of `ktstr ctprof`, a file each; argv[0] is the command. */
#ifndef CLI_CTPROF_H
#define CLI_CTPROF_H

int cli_ctprof_capture(int argc, char **argv);

#endif
