/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/vm.h"

/* Terminals must not see what a guest wrote: escape sequences and other control characters go. */
static char *cleaned(const char *text, size_t len)
{
	AUTO(buf_done) struct buf out = {0};

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == 0x1b) {        /* ESC [ parameters, up to the letter that ends it */
			if (i + 1 < len && text[i + 1] == '[')
				for (i += 2; i < len && (unsigned char)text[i] < 0x40; i++)
					;
			continue;
		}
		if (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f))
			buf_char(&out, (char)c);
		else if (c >= 0x7f)
			buf_char(&out, '?');
	}
	return buf_take(&out);
}

char *console_tail(const char *path, size_t max)
{
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO(free) char *text = NULL;
	struct stat st;
	ssize_t len;
	off_t from;

	if (fd < 0 || fstat(fd, &st) < 0)
		return xstrdup("");
	from = st.st_size > (off_t)max ? st.st_size - (off_t)max : 0;
	text = xmalloc(max);
	len = pread(fd, text, max, from);
	return cleaned(text, len > 0 ? (size_t)len : 0);
}

char *console_panic(struct sv console)
{
	static const char *const signs[] = {
		"Kernel panic - not syncing", "Out of memory and no killable", "BUG: ", "Oops: ",
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		const char *at = console.len ? memmem(console.data, console.len, signs[i],
						       strlen(signs[i]))
					     : NULL;

		if (at) {
			struct sv rest = sv_skip(console, (size_t)(at - console.data));
			struct sv line = sv_trim(sv_split(&rest, '\n'));

			return xstrndup(line.data, line.len);
		}
	}
	return NULL;
}
