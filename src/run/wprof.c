/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/wprof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACKET_TAG 0x0a                   /* field 1 of Perfetto's Trace, length-delimited: a packet */

uint64_t wprof_memory_floor(uint64_t raw_mib, bool wprof)
{
	return wprof && raw_mib < WPROF_MIN_MEMORY_MIB ? WPROF_MIN_MEMORY_MIB : raw_mib;
}

uint64_t guest_memory_mib(const struct topology *topology, uint64_t wanted_mib, bool wprof)
{
	return wprof_memory_floor(topology_memory_mib(topology, wanted_mib), wprof);
}

void wprof_default_args(struct strings *ret_args)
{
	/* 500 ms of scheduler events */
	static const char *const words[] = {"-d", "500", "-e", "sched", "--ringbuf-size=256000",
					    "--ringbuf-cnt=8"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		strings_push(ret_args, xstrdup(words[i]));
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

int wprof_args_split(const char *text, struct strings *ret_args, struct ktstr_error *err)
{
	AUTO(strings_done) struct strings args = {0};

	if (strlen(text) > WPROF_ARGS_MAX)
		return error_set(err, -EINVAL, "wprof_args: more than %d bytes", WPROF_ARGS_MAX);
	for (const char *at = text; *at;) {
		size_t len = 0;

		while (at[len] && !is_space(at[len])) {
			if (at[len] < ' ' || at[len] > '~' || at[len] == '"')
				return error_set(err, -EINVAL, "wprof_args \"%s\": only printable ASCII "
							       "without quotes can go to the guest", text);
			len++;
		}
		if (len)
			strings_push(&args, xstrndup(at, len));
		at += len + (at[len] != '\0');
	}
	if (args.len == 0)
		return error_set(err, -EINVAL, "wprof_args must not be empty; without it wprof gets its "
					       "default arguments");
	*ret_args = TAKE(args, (struct strings){0});
	return 0;
}

char *wprof_cmdline(const struct strings *args)
{
	AUTO(buf_done) struct buf line = {0};

	buf_str(&line, "KTSTR_WPROF_ARGS=");
	for (size_t i = 0; i < args->len; i++) {
		if (i)
			buf_char(&line, WPROF_SEPARATOR);
		buf_str(&line, args->at[i]);
	}
	return buf_take(&line);
}

int wprof_find(const char **ret_path, struct ktstr_error *err)
{
	const char *path = getenv("KTSTR_WPROF_PATH");

	if (!path || !*path)
		return error_set(err, -ENOENT, "the test wants wprof, and KTSTR_WPROF_PATH is not set: "
					       "ktstr brings none; set it to the path of yours");
	if (access(path, X_OK) < 0)
		return error_sys(err, "KTSTR_WPROF_PATH=%s", path);
	*ret_path = path;
	return 0;
}

bool wprof_shape_is_right(struct sv trace)
{
	return trace.len >= WPROF_TRACE_MIN && trace.data[0] == PACKET_TAG;
}

char *wprof_file_name(const char *test, uint64_t variant, bool repro)
{
	return xasprintf("%s-%016llx%s.wprof.pb", test, (unsigned long long)variant, repro ? ".repro" : "");
}

/* FNV-1a of 64 bits, the words' ends included */
uint64_t variant_hash(const char *const *words, size_t count)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < count; i++) {
		const char *word = words[i] ?: "";

		for (size_t at = 0; at <= strlen(word); at++)
			hash = (hash ^ (uint8_t)word[at]) * 0x100000001b3;
	}
	return hash;
}
