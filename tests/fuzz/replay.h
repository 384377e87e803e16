/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.h - for unit tests: a fuzz target on its corpus, tests/data/fuzz/NAME, and around it: each
 * input cut at every length, and with every third bit flipped. The target aborts where its property
 * does not hold.
 */
#ifndef FUZZ_REPLAY_H
#define FUZZ_REPLAY_H

#include <dirent.h>

#include "base/base.h"

#define REPLAY_SEED_MAX 2048

static inline void replay_around(int (*target)(const uint8_t *, size_t), const struct buf *seed)
{
	AUTO(free) uint8_t *bytes = xmalloc(seed->len);

	for (size_t len = 0; len <= seed->len; len++) {
		/* an allocation of its own, for the sanitizer to see its end */
		AUTO(free) uint8_t *cut = xmalloc(len);

		memcpy(cut, seed->data, len);
		(void)target(cut, len);
	}
	memcpy(bytes, seed->data, seed->len);
	for (size_t bit = 0; bit < 8 * seed->len; bit += 3) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)target(bytes, seed->len);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static inline void replay_corpus(const char *name, int (*target)(const uint8_t *, size_t))
{
	AUTO(free) char *path =
		xasprintf("%s/fuzz/%s", getenv("KTSTR_TEST_DATA") ?: "tests/data", name);
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned count = 0;

	if (!dir)
		fail_msg("no corpus %s", path);
	while ((entry = readdir(dir))) {
		AUTO(buf_done) struct buf seed = {0};

		if (entry->d_name[0] == '.')
			continue;
		CHECK_EQ(file_read(dirfd(dir), entry->d_name, REPLAY_SEED_MAX, &seed, NULL), 0);
		replay_around(target, &seed);
		count++;
	}
	closedir(dir);
	CHECK(count >= 2);
}

#endif
