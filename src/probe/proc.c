/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/proc.h"

#include <errno.h>
#include <string.h>

#define DELETED " (deleted)"

static int hex32(struct sv sv, uint32_t *ret_value)
{
	uint64_t value;

	if (sv_hex64(sv, &value) < 0 || value > UINT32_MAX)
		return -EINVAL;
	*ret_value = (uint32_t)value;
	return 0;
}

/* "fe:01" */
static int parse_device(struct sv word, struct mapping *mapping)
{
	struct sv major = sv_split(&word, ':');

	return hex32(major, &mapping->major) < 0 || hex32(word, &mapping->minor) < 0 ? -EINVAL : 0;
}

int mapping_parse(struct sv line, struct mapping *ret_mapping)
{
	struct mapping mapping = {0};
	struct sv from = sv_split(&line, '-');
	struct sv to = sv_split(&line, ' ');
	struct sv permissions = sv_split(&line, ' ');
	struct sv offset = sv_split(&line, ' ');
	struct sv device = sv_split(&line, ' ');
	struct sv inode = sv_split(&line, ' ');

	if (sv_hex64(from, &mapping.start) < 0 || sv_hex64(to, &mapping.end) < 0 ||
	    mapping.start >= mapping.end || permissions.len != 4 ||
	    sv_hex64(offset, &mapping.offset) < 0 || parse_device(device, &mapping) < 0 ||
	    sv_u64(inode, UINT64_MAX, &mapping.inode) < 0)
		return -EINVAL;
	mapping.executable = permissions.data[2] == 'x';
	while (line.len && line.data[0] == ' ')
		line = sv_skip(line, 1);
	mapping.path = line;
	*ret_mapping = mapping;
	return 0;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* fs/seq_file.c, seq_path(): a newline is \012, and nothing else is changed. */
static char *copy_path(struct sv path)
{
	AUTO(buf_done) struct buf text = {0};

	if (path.len > strlen(DELETED) &&
	    sv_eq(sv_skip(path, path.len - strlen(DELETED)), DELETED))
		path.len -= strlen(DELETED);
	while (path.len) {
		if (path.len >= 4 && path.data[0] == '\\' && path.data[1] == '0' &&
		    is_octal(path.data[2]) && is_octal(path.data[3])) {
			buf_char(&text, (char)((path.data[2] - '0') * 8 + path.data[3] - '0'));
			path = sv_skip(path, 4);
			continue;
		}
		buf_char(&text, path.data[0]);
		path = sv_skip(path, 1);
	}
	return buf_take(&text) ?: xstrdup("");
}

static bool is_same_file(const struct object *object, const struct mapping *mapping)
{
	return object->inode == mapping->inode && object->major == mapping->major &&
	       object->minor == mapping->minor;
}

/*
 * Mappings of one file follow each other. The one at offset 0 opens an object; it counts once a part
 * of it is executable.
 */
struct object_reader {
	struct object open;
	bool is_open, is_executable;
};

static int close_object(struct object_reader *reader, struct objects *objects, struct ktstr_error *err)
{
	struct object object = TAKE(reader->open, (struct object){0});
	bool keep = reader->is_open && reader->is_executable;

	reader->is_open = false;
	reader->is_executable = false;
	if (!keep) {
		object_done(&object);
		return 0;
	}
	if (objects->len == PROC_OBJECT_MAX) {
		object_done(&object);
		return error_set(err, -EFBIG, "more than %d files are mapped", PROC_OBJECT_MAX);
	}
	objects_push(objects, object);
	return 0;
}

static int take_mapping(struct object_reader *reader, const struct mapping *mapping,
			struct objects *objects, struct ktstr_error *err)
{
	int r = 0;

	if (!mapping->inode)        /* anonymous memory lies between the parts of a file, such as .bss */
		return 0;
	if (!reader->is_open || mapping->offset == 0 || !is_same_file(&reader->open, mapping)) {
		/* two mappings of offset 0 in a row are one file, unless the first was executable */
		if (reader->is_open && !reader->is_executable && is_same_file(&reader->open, mapping) &&
		    reader->open.end == mapping->start) {
			reader->is_executable = mapping->executable;
			return 0;
		}
		r = close_object(reader, objects, err);
		if (mapping->offset == 0) {
			reader->is_open = true;
			reader->open = (struct object){
				.start = mapping->start,
				.end = mapping->end,
				.inode = mapping->inode,
				.major = mapping->major,
				.minor = mapping->minor,
				.path = copy_path(mapping->path),
			};
		}
	}
	reader->is_executable |= reader->is_open && mapping->executable;
	return r;
}

int objects_parse(struct sv maps, struct objects *ret_objects, struct ktstr_error *err)
{
	AUTO(objects_done) struct objects objects = {0};
	struct object_reader reader = {0};
	struct mapping mapping;
	struct sv line;
	int r = 0, last;

	while (r == 0 && sv_line(&maps, &line)) {
		if (mapping_parse(line, &mapping) < 0)
			r = error_set(err, -EINVAL, "not a line of maps: %.*s",
				      (int)(line.len < 200 ? line.len : 200), line.data);
		else
			r = take_mapping(&reader, &mapping, &objects, err);
	}
	last = close_object(&reader, &objects, r < 0 ? NULL : err);
	if (r == 0)
		r = last;
	if (r == 0)
		*ret_objects = TAKE(objects, (struct objects){0});
	return r;
}

int stat_parse(struct sv stat, char *ret_comm, size_t comm_size, char *ret_state,
	       uint64_t *ret_start_time_jiffies)
{
	const char *open = stat.len ? memchr(stat.data, '(', stat.len) : NULL;
	const char *close = stat.len ? memrchr(stat.data, ')', stat.len) : NULL;
	struct sv rest, state, word = {0};
	size_t len;

	if (!open || !close || close < open || close + 2 >= stat.data + stat.len || close[1] != ' ')
		return -EINVAL;
	rest = sv_skip(stat, (size_t)(close + 2 - stat.data));
	state = sv_split(&rest, ' ');
	for (int field = 4; field <= 22; field++)
		word = sv_split(&rest, ' ');
	if (state.len != 1 || sv_u64(word, UINT64_MAX, ret_start_time_jiffies) < 0)
		return -EINVAL;
	*ret_state = state.data[0];
	len = (size_t)(close - open - 1);
	if (len >= comm_size)
		len = comm_size - 1;
	memcpy(ret_comm, open + 1, len);
	ret_comm[len] = '\0';
	return 0;
}

int status_number(struct sv status, const char *key, uint32_t *ret_number)
{
	struct sv line;

	while (sv_line(&status, &line)) {
		if (sv_starts(line, key))
			return sv_u32(sv_trim(sv_skip(line, strlen(key))), INT32_MAX, ret_number);
	}
	return -ENOENT;
}

bool auxv_value(struct sv auxv, uint64_t type, uint64_t *ret_value)
{
	uint64_t pair[2];

	for (; auxv.len >= sizeof(pair); auxv = sv_skip(auxv, sizeof(pair))) {
		memcpy(pair, auxv.data, sizeof(pair));
		if (pair[0] != type)
			continue;
		*ret_value = pair[1];
		return true;
	}
	return false;
}
