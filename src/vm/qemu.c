/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vm/vm.h"

void qemu_done(struct qemu *qemu)
{
	free(qemu->program);
	free(qemu->version);
	*qemu = (struct qemu){0};
}

/* "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright ..." */
static int parse_version(struct sv text, struct qemu *qemu)
{
	static const char prefix[] = "QEMU emulator version ";
	struct sv line = sv_split(&text, '\n'), rest, major_text, minor_text;
	uint32_t major, minor;

	if (!sv_starts(line, prefix))
		return -EINVAL;
	line = sv_skip(line, strlen(prefix));
	rest = line;
	major_text = sv_split(&rest, '.');
	minor_text = sv_split(&rest, '.');
	if (sv_u32(major_text, 1000, &major) < 0 || sv_u32(minor_text, 99, &minor) < 0)
		return -EINVAL;
	qemu->version = xstrndup(line.data, line.len);
	qemu->number = major * 100 + minor;
	return 0;
}

int qemu_find(struct qemu *ret_qemu, struct ktstr_error *err)
{
	AUTO(qemu_done) struct qemu qemu = {0};
	AUTO(buf_done) struct buf out = {0};
	const char *wanted = getenv("KTSTR_QEMU");
	const char *argv[] = {NULL, "--version", NULL};
	int r;

	qemu.program = xstrdup(wanted && *wanted ? wanted : "qemu-system-x86_64");
	argv[0] = qemu.program;
	r = run_and_read(argv, 1 << 16, deadline_in(20 * NS_PER_S), &out, err);
	if (r < 0)
		return error_wrap(err, r, "no QEMU (make setup installs one; KTSTR_QEMU names one)");
	if (parse_version(sv_of(buf_text(&out)), &qemu) < 0)
		return error_set(err, -EINVAL, "%s is no QEMU: --version says \"%.*s\"", qemu.program,
				 (int)strcspn(buf_text(&out), "\n"), buf_text(&out));
	if (qemu.number < VM_QEMU_VERSION_MIN)
		return error_set(err, -ENOTSUP,
				 "QEMU %s is too old: 8.1 or later is needed (make setup installs one)",
				 qemu.version);
	*ret_qemu = TAKE(qemu, (struct qemu){0});
	return 0;
}
