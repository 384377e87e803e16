/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ext.c - who schedules: sched_ext's own sysfs files (Documentation/scheduler/sched-ext.rst,
 * "Switching to and from sched_ext") and the run counts of struct_ops programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/guest.h"

#define EXT_DIR "/sys/kernel/sched_ext/"
#define PROGRAMS_MAX 4096

static void read_word(const char *path, char *word, size_t size)
{
	AUTO(free) char *text = file_line(AT_FDCWD, path);

	snprintf(word, size, "%s", text ?: "");
}

static uint64_t read_number(const char *path)
{
	AUTO(free) char *text = file_line(AT_FDCWD, path);
	uint64_t value = 0;

	if (text)
		(void)sv_u64(sv_of(text), UINT64_MAX, &value);        /* 0 when the kernel lacks it */
	return value;
}

void ext_read(struct ext_state *ret_state)
{
	*ret_state = (struct ext_state){.present = access(EXT_DIR "state", R_OK) == 0};
	read_word(EXT_DIR "state", ret_state->state, sizeof(ret_state->state));
	read_word(EXT_DIR "root/ops", ret_state->ops, sizeof(ret_state->ops));
	ret_state->enable_seq = read_number(EXT_DIR "enable_seq");
	ret_state->nr_rejected = read_number(EXT_DIR "nr_rejected");
}

void ext_to_json(struct json_out *json, const char *key, const struct ext_state *state)
{
	jout_object(json, key);
	jout_string(json, "state", state->present ? state->state : NULL);
	jout_string(json, "ops", state->ops[0] ? state->ops : NULL);
	jout_u64(json, "enable_seq", state->enable_seq);
	jout_u64(json, "nr_rejected", state->nr_rejected);
	jout_end(json);
}

static long bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static void program_to_json(struct json_out *json, uint32_t id)
{
	union bpf_attr open_attr = {.prog_id = id};
	struct bpf_prog_info info = {0};
	union bpf_attr info_attr = {0};
	AUTO(fd_close) int fd = (int)bpf(BPF_PROG_GET_FD_BY_ID, &open_attr);

	if (fd < 0)
		return;        /* it was unloaded meanwhile */
	info_attr.info.bpf_fd = (uint32_t)fd;
	info_attr.info.info_len = sizeof(info);
	info_attr.info.info = (uint64_t)(uintptr_t)&info;
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &info_attr) < 0 || info.type != BPF_PROG_TYPE_STRUCT_OPS)
		return;
	jout_object(json, NULL);
	jout_string_bytes(json, "name", info.name, strnlen(info.name, sizeof(info.name)));
	jout_u64(json, "run_count", info.run_cnt);
	jout_end(json);
}

void ext_programs_to_json(struct json_out *json, const char *key)
{
	union bpf_attr attr = {0};

	jout_array(json, key);
	for (int i = 0; i < PROGRAMS_MAX && bpf(BPF_PROG_GET_NEXT_ID, &attr) == 0; i++) {
		program_to_json(json, attr.next_id);
		attr.start_id = attr.next_id;
	}
	jout_end(json);
}

/* A socket that wakes at kernel events. */
static int uevent_open(struct ktstr_error *err)
{
	struct sockaddr_nl all = {.nl_family = AF_NETLINK, .nl_groups = 1};
	AUTO(fd_close) int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				       NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return error_sys(err, "socket for kernel events");
	if (bind(fd, (struct sockaddr *)&all, sizeof(all)) < 0)
		return error_sys(err, "bind to kernel events");
	return TAKE_FD(fd);
}

int ears_open(struct ears *ret_ears, struct ktstr_error *err)
{
	ret_ears->uevent_fd = uevent_open(err);
	if (ret_ears->uevent_fd < 0)
		return ret_ears->uevent_fd;
	ret_ears->kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return ret_ears->kmsg_fd < 0 ? error_sys(err, "open the kernel log") : 0;
}
