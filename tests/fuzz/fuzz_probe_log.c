/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever is in a scheduler's log, its reading ends in a report that cannot drive a
 * terminal, no line of the probes stays in the stripped log, and names of functions are whole words.
 */
#include <assert.h>
#include <stdlib.h>

#include "run/repro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv log = sv_bytes(data, size), line, rest;
	AUTO(strings_done) struct strings functions = {0};
	AUTO(strings_done) struct strings bpf = {0};
	AUTO(buf_done) struct buf text = {0};
	AUTO(buf_done) struct buf own = {0};
	struct repro_report report = {.log = log, .ended = "it ended", .reproduced = true};
	json_t *probes = probe_log_read(log);

	report.probes = probes;
	repro_report_text(&report, &text);
	assert(strlen(buf_text(&text)) == text.len);
	for (size_t i = 0; i < text.len; i++)
		assert((unsigned char)text.data[i] >= 0x20 || text.data[i] == '\n' || text.data[i] == '\t');
	json_decref(probes);
	probe_log_strip(log, &own);
	rest = sv_bytes(buf_text(&own), own.len);
	while (sv_line(&rest, &line))
		assert(!sv_starts(line, REPRO_MARK));
	crash_stack_functions(log, &functions, &bpf);
	assert(functions.len <= REPRO_FUNCTIONS_WANTED);
	vec_each(name, &functions)
		assert(**name && (*name)[strspn(*name, "._abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
						       "0123456789")] == '\0');
	return 0;
}
