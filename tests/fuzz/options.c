/* SPDX-License-Identifier: BSD-2-Clause */
/* What UBSan reports it only prints, unless it is told to stop: a finding has to end the fuzzer. */

const char *__ubsan_default_options(void);

const char *__ubsan_default_options(void)
{
	return "halt_on_error=1:print_stacktrace=1";
}
