/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <stdlib.h>

#include "ctview/pattern.h"

#define SERVICE ".service"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_separator(char c)
{
	return c && strchr(".-_/:@+[] \t\n\v\f\r", c);
}

static size_t span(struct sv text, bool (*is)(char))
{
	size_t len = 0;

	while (len < text.len && is(text.data[len]))
		len++;
	return len;
}

static void token_pattern(struct sv token, struct buf *out)
{
	size_t digits = span(token, is_digit), letters = span(token, is_letter);
	bool has_digit = false;

	for (size_t i = 0; i < token.len; i++)
		has_digit |= is_digit(token.data[i]);
	if (digits == token.len)
		buf_str(out, "{N}");
	else if (token.len >= 2 && has_digit && span(token, is_hex) == token.len)
		buf_str(out, "{H}");
	else if (letters > 0 && has_digit && span(sv_skip(token, letters), is_digit) == token.len - letters)
		buf_printf(out, "%.*s{N}", (int)letters, token.data);
	else if (digits > 0 && span(sv_skip(token, digits), is_letter) == token.len - digits)
		buf_printf(out, "{N}%.*s", (int)(token.len - digits), token.data + digits);
	else
		buf_bytes(out, token.data, token.len);
}

/* The length of INSTANCE where text begins with "INSTANCE.service" and it may be a {I}; or 0. */
static size_t instance_len(struct sv text)
{
	size_t len = 0;

	while (len < text.len && !memchr("._-/@", text.data[len], 5))
		len++;
	text = sv_skip(text, len);
	if (!sv_starts(text, SERVICE))
		return 0;
	text = sv_skip(text, strlen(SERVICE));
	return text.len == 0 || text.data[0] == '/' ? len : 0;
}

/*
 * The next piece of a name: a run of separators, or a token. Pieces of two names with one pattern
 * are as many, and alike in turn.
 */
struct piece {
	struct sv text;
	enum { SEPARATORS, TOKEN, INSTANCE } is;
};

static bool next_piece(enum ctview_names_kind kind, struct sv *rest, bool after_at, struct piece *ret_piece)
{
	size_t len = 0;

	if (rest->len == 0)
		return false;
	ret_piece->is = is_separator(rest->data[0]) ? SEPARATORS : TOKEN;
	if (kind == CTVIEW_CGROUP_NAMES && after_at && (len = instance_len(*rest)) > 0) {
		ret_piece->is = INSTANCE;
	} else if (ret_piece->is == SEPARATORS) {
		/* an "@" ends the run, for what follows may be an instance that begins with a separator */
		do {
			len++;
		} while (len < rest->len && is_separator(rest->data[len]) && rest->data[len - 1] != '@');
	} else {
		while (len < rest->len && !is_separator(rest->data[len]))
			len++;
	}
	ret_piece->text = sv_bytes(rest->data, len);
	*rest = sv_skip(*rest, len);
	return true;
}

static bool ends_in_at(const struct piece *piece)
{
	return piece->is == SEPARATORS && piece->text.data[piece->text.len - 1] == '@';
}

static void piece_pattern(const struct piece *piece, struct buf *out)
{
	if (piece->is == TOKEN)
		token_pattern(piece->text, out);
	else if (piece->is == INSTANCE)
		buf_str(out, "{I}");
	else
		buf_bytes(out, piece->text.data, piece->text.len);
}

void ctview_pattern(enum ctview_names_kind kind, struct sv name, struct buf *ret_pattern)
{
	struct piece piece = {0};

	for (bool after_at = false; next_piece(kind, &name, after_at, &piece); after_at = ends_in_at(&piece))
		piece_pattern(&piece, ret_pattern);
}

/* --- sets of names ---------------------------------------------------------------------------------- */

void ctview_name_done(struct ctview_name *name)
{
	free(name->literal);
	free(name->called);
}

void ctview_names_done(struct ctview_names *names)
{
	ctview_name_vec_done(&names->names);
}

static int by_literal(const void *a, const void *b)
{
	return strcmp(((const struct ctview_name *)a)->literal, ((const struct ctview_name *)b)->literal);
}

static int by_called(const void *a, const void *b)
{
	int order = strcmp(((const struct ctview_name *)a)->called, ((const struct ctview_name *)b)->called);

	return order ? order : by_literal(a, b);
}

void ctview_names_add(struct ctview_names *names, const char *name)
{
	struct ctview_name_vec *vec = &names->names;

	/* neighbours are often alike: a process's threads */
	if (vec->len > 0 && strcmp(vec->at[vec->len - 1].literal, name) == 0)
		return;
	ctview_name_vec_push(vec, (struct ctview_name){.literal = xstrdup(name)});
}

/* Sorted by literal, each once. */
static void sort_out(struct ctview_name_vec *vec)
{
	size_t kept = 0;

	if (vec->len == 0)
		return;
	qsort(vec->at, vec->len, sizeof(*vec->at), by_literal);
	for (size_t i = 0; i < vec->len; i++) {
		if (kept > 0 && strcmp(vec->at[kept - 1].literal, vec->at[i].literal) == 0)
			ctview_name_done(&vec->at[i]);
		else
			vec->at[kept++] = vec->at[i];
	}
	vec->len = kept;
}

/* The name of one pattern's members: pieces that all have in common stay. */
static char *common(enum ctview_names_kind kind, const struct ctview_name *member, size_t count)
{
	AUTO(buf_done) struct buf called = {0};
	AUTO(free) struct sv *rest = xcalloc(count, sizeof(*rest));
	bool after_at = false;
	struct piece first = {0}, other = {0};

	for (size_t i = 0; i < count; i++)
		rest[i] = sv_of(member[i].literal);
	while (next_piece(kind, &rest[0], after_at, &first)) {
		bool same = true;

		for (size_t i = 1; i < count; i++) {
			bool there = next_piece(kind, &rest[i], after_at, &other);

			assert(there);
			same &= other.text.len == first.text.len &&
				memcmp(other.text.data, first.text.data, first.text.len) == 0;
		}
		if (same)
			buf_bytes(&called, first.text.data, first.text.len);
		else
			piece_pattern(&first, &called);
		after_at = ends_in_at(&first);
	}
	return xstrdup(buf_text(&called));
}

/* `member` have one pattern, which each of them is called so far. */
static void name_members(enum ctview_names_kind kind, struct ctview_name *member, size_t count)
{
	AUTO(free) char *called = NULL;

	if (count == 1)
		called = xstrdup(member->literal);
	else if (kind == CTVIEW_CGROUP_NAMES)
		called = common(kind, member, count);
	else
		return;
	for (size_t i = 0; i < count; i++) {
		free(member[i].called);
		member[i].called = xstrdup(called);
	}
}

void ctview_names_resolve(struct ctview_names *names)
{
	struct ctview_name_vec *vec = &names->names;

	sort_out(vec);
	if (names->literal || vec->len == 0)
		return;
	vec_each(name, vec) {
		struct buf pattern = {0};

		ctview_pattern(names->kind, sv_of(name->literal), &pattern);
		name->called = pattern.len ? buf_take(&pattern) : xstrdup("");
	}
	qsort(vec->at, vec->len, sizeof(*vec->at), by_called);
	for (size_t from = 0, to; from < vec->len; from = to) {
		for (to = from + 1; to < vec->len && strcmp(vec->at[from].called, vec->at[to].called) == 0; to++)
			;
		name_members(names->kind, &vec->at[from], to - from);
	}
	qsort(vec->at, vec->len, sizeof(*vec->at), by_literal);
}

const char *ctview_names_called(const struct ctview_names *names, const char *name)
{
	const struct ctview_name key = {.literal = (char *)name};
	const struct ctview_name *found;

	found = bsearch(&key, names->names.at, names->names.len, sizeof(key), by_literal);
	assert(found);
	return found->called ?: found->literal;
}
