/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever the request, nothing outside its root is touched; and one that is accepted names
 * a program. The bytes are a list of frames: type, length and payload of each; what is no frame at all
 * is for fuzz_wire.c.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "guest/guest.h"

#define REQUEST_NONCE 77
/* The root lies this many directories deep; an input that could climb higher is not tried. */
#define REQUEST_LEVELS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char request_top[] = "/tmp/ktstr-fuzz-request-XXXXXX";
static char request_root[sizeof(request_top) + 2 * REQUEST_LEVELS];

static void remove_request_top(void)
{
	(void)tree_remove(request_top, NULL);     /* nothing is left to be done about it at exit */
}

static void make_request_top(void)
{
	char *made = mkdtemp(request_top);

	assert(made);
	assert(atexit(remove_request_top) == 0);
	strcpy(request_root, request_top);
	for (int i = 0; i < REQUEST_LEVELS; i++)
		strcat(request_root, "/d");
}

static void check_level(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	assert(dir);
	while ((entry = readdir(dir)))
		assert(strcmp(entry->d_name, "d") == 0 || strcmp(entry->d_name, ".") == 0 ||
		       strcmp(entry->d_name, "..") == 0);
	closedir(dir);
}

static void check_nothing_outside(void)
{
	char path[sizeof(request_root)];

	strcpy(path, request_root);
	for (int i = 0; i < REQUEST_LEVELS; i++) {
		*strrchr(path, '/') = '\0';
		check_level(path);
	}
}

static bool climbs_too_high(const uint8_t *data, size_t size)
{
	int ups = 0;

	for (size_t i = 0; i + 1 < size; i++)
		ups += data[i] == '.' && data[i + 1] == '.';
	return ups > REQUEST_LEVELS;
}

static void make_frames(struct sv bytes, struct buf *frames)
{
	while (bytes.len >= 2) {
		uint8_t type = (uint8_t)bytes.data[0];
		size_t len = (uint8_t)bytes.data[1];

		bytes = sv_skip(bytes, 2);
		if (len > bytes.len)
			len = bytes.len;
		wire_put(frames, REQUEST_NONCE, type, 0, bytes.data, (uint32_t)len);
		bytes = sv_skip(bytes, len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf frames = {0};
	AUTO(request_done) struct request request = {0};
	struct ktstr_error err = {0};
	int r;

	if (!*request_root)
		make_request_top();
	if (climbs_too_high(data, size))
		return 0;
	r = dir_make(request_root, 0700, NULL);
	assert(r == 0);
	make_frames(sv_bytes(data, size), &frames);
	r = request_read(sv_bytes(buf_text(&frames), frames.len), REQUEST_NONCE, request_root, &request,
			 &err);
	assert(r <= 0);
	assert(r == 0 || (err.code == r && err.msg[0]));
	assert(r < 0 || request.test_argv.len > 0);
	check_nothing_outside();
	r = tree_remove(request_root, NULL);
	assert(r == 0);
	return 0;
}
