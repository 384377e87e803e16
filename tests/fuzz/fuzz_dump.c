/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property: whatever a guest has written over its kernel's structures, every walk ends, stays within
 * its budget and makes JSON. Input: words of eight bytes for anywhere in a kernel that was whole: two
 * bytes of where, in words, and eight of what; and text of QEMU's monitor for the parsers.
 */
#include <assert.h>

#include "../unit/dump_guest.h"
#include "dump/dump.h"

#define PATCH 10
#define DOCUMENT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY);

	assert(text);
	assert(strlen(text) < DOCUMENT_MAX);
	free(text);
	json_decref(value);
}

static void check_parsers(struct sv text)
{
	AUTO(dump_cpus_done) struct dump_cpus cpus = {0};
	AUTO(dump_pieces_done) struct dump_pieces pieces = {0};

	dump_registers_parse(text, &cpus);
	assert(cpus.len <= DUMP_CPUS_MAX);
	(void)dump_pieces_parse(text, &pieces, NULL);
	vec_each(piece, &pieces) {
		assert(piece->size > 0);
		assert(piece->physical + piece->size > piece->physical);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest_image *whole;
	static struct guest_image now;
	struct dump_fields *fields;
	json_t *dsqs;

	if (!whole)
		whole = guest_new();
	check_parsers(sv_bytes(data, size));
	now = *whole;
	fields = now.guest.fields;
	now.guest.memory.arg = &now;
	for (size_t at = 0; at + PATCH <= size; at += PATCH)
		memcpy(now.bytes + (data[at] | (data[at + 1] & 0x1f) << 8) * 8, data + at + 2, 8);
	check_json(dump_scheduler(&now.guest, &dsqs));
	check_json(dsqs);
	check_json(dump_runqueues(&now.guest));
	check_json(dump_tasks(&now.guest));
	check_json(dump_maps(&now.guest));
	assert(fields == whole->guest.fields);
	return 0;
}
