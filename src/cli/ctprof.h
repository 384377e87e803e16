/* SPDX-License-Identifier: BSD-2-Clause */
/* ctprof.h - the commands of `ktstr ctprof`, a file each; argv[0] is the command. */
#ifndef CLI_CTPROF_H
#define CLI_CTPROF_H

int cli_ctprof_capture(int argc, char **argv);
int cli_ctprof_show(int argc, char **argv);
int cli_ctprof_compare(int argc, char **argv);
int cli_ctprof_record(int argc, char **argv);
int cli_ctprof_top(int argc, char **argv);
int cli_ctprof_metric_list(int argc, char **argv);

#endif
