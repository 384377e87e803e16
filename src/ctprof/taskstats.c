/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/taskstats.h>

#include "ctprof/taskstats.h"

#define WAIT_S 2             /* for an answer that the kernel gives at once or never */

/*
 * Byte offsets in struct taskstats (uapi/linux/taskstats.h). Versions grow at the end, and the
 * installed header may be older than the running kernel.
 */
enum {
	AT_CPU = 16,                 /* u64 count, delay_total; then blkio, swapin */
	AT_HIWATER_RSS_KB = 200,
	AT_HIWATER_VM_KB = 208,
	AT_FREEPAGES = 312,
	AT_THRASHING = 328,
	AT_COMPACT = 352,            /* version 11 */
	AT_WPCOPY = 400,             /* 13 */
	AT_IRQ = 416,                /* 14 */
	AT_MAX_MIN = 432,            /* 16: u64 delay_max, delay_min of each kind */
};
#define VERSION_AMBIGUOUS 15         /* as released it had the maxima in the middle, as corrected at the end */

static_assert(offsetof(struct taskstats, cpu_count) == AT_CPU, "uapi/linux/taskstats.h");
static_assert(offsetof(struct taskstats, hiwater_rss) == AT_HIWATER_RSS_KB, "uapi/linux/taskstats.h");
static_assert(offsetof(struct taskstats, hiwater_vm) == AT_HIWATER_VM_KB, "uapi/linux/taskstats.h");
static_assert(offsetof(struct taskstats, freepages_count) == AT_FREEPAGES, "uapi/linux/taskstats.h");
static_assert(offsetof(struct taskstats, thrashing_count) == AT_THRASHING, "uapi/linux/taskstats.h");
static_assert(offsetof(struct taskstats, compact_count) == AT_COMPACT, "uapi/linux/taskstats.h");
static_assert(offsetof(struct taskstats, wpcopy_count) == AT_WPCOPY, "uapi/linux/taskstats.h");

struct taskstats_link {
	struct mnl_socket *socket;
	uint16_t family;
	uint32_t sequence;
	char buffer[8192];
};

static uint64_t u64_of(const void *data, size_t len, size_t at)
{
	uint64_t value = 0;

	if (at + sizeof(value) <= len)
		memcpy(&value, (const char *)data + at, sizeof(value));
	return value;
}

int taskstats_decode(const void *data, size_t len, struct ctprof_thread *thread)
{
	static const size_t at[CTPROF_DELAYS] = {
		AT_CPU, AT_CPU + 16, AT_CPU + 32, AT_FREEPAGES, AT_THRASHING, AT_COMPACT, AT_WPCOPY, AT_IRQ,
	};
	uint16_t version;

	if (len < AT_HIWATER_VM_KB + 8)
		return -EINVAL;
	memcpy(&version, data, sizeof(version));
	if (version == VERSION_AMBIGUOUS)
		return -EINVAL;
	for (size_t i = 0; i < CTPROF_DELAYS; i++) {
		thread->delay[i].count = u64_of(data, len, at[i]);
		thread->delay[i].total_ns = u64_of(data, len, at[i] + 8);
		thread->delay[i].max_ns = u64_of(data, len, AT_MAX_MIN + 16 * i);
		thread->delay[i].min_ns = u64_of(data, len, AT_MAX_MIN + 16 * i + 8);
	}
	thread->hiwater_rss_bytes = u64_of(data, len, AT_HIWATER_RSS_KB) * 1024;
	thread->hiwater_vm_bytes = u64_of(data, len, AT_HIWATER_VM_KB) * 1024;
	return 0;
}

/* One question with one attribute; the answer stays in link->buffer. Bytes of it, or -errno. */
static ssize_t ask(struct taskstats_link *link, uint16_t family, uint8_t command, uint16_t attribute,
		   const void *value, size_t len)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(link->buffer);
	struct genlmsghdr *header;
	ssize_t n;

	message->nlmsg_type = family;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = ++link->sequence;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->cmd = command;
	header->version = 1;
	mnl_attr_put(message, attribute, len, value);
	if (mnl_socket_sendto(link->socket, message, message->nlmsg_len) < 0)
		return -errno;
	/* an answer that came too late belongs to an earlier question */
	do {
		n = mnl_socket_recvfrom(link->socket, link->buffer, sizeof(link->buffer));
		if (n < 0)
			return -errno;
		message = (struct nlmsghdr *)link->buffer;
		if (!mnl_nlmsg_ok(message, (int)n))
			return -EBADMSG;
	} while (message->nlmsg_seq != link->sequence);
	if (message->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

		return error->error ? error->error : -EBADMSG;
	}
	return n;
}

static const struct nlattr *find_attribute(const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attribute) == type)
			return attribute;
	return NULL;
}

struct taskstats_link *taskstats_open(void)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	struct taskstats_link *link = xcalloc(1, sizeof(*link));
	const struct nlattr *id;

	link->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (link->socket && mnl_socket_bind(link->socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    setsockopt(mnl_socket_get_fd(link->socket), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	    ask(link, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, TASKSTATS_GENL_NAME,
		sizeof(TASKSTATS_GENL_NAME)) > 0 &&
	    (id = find_attribute((struct nlmsghdr *)link->buffer, CTRL_ATTR_FAMILY_ID))) {
		link->family = mnl_attr_get_u16(id);
		return link;
	}
	taskstats_close(link);
	return NULL;
}

void taskstats_close(struct taskstats_link *link)
{
	if (!link)
		return;
	if (link->socket)
		mnl_socket_close(link->socket);
	free(link);
}

static int read_thread(struct taskstats_link *link, struct ctprof_thread *thread)
{
	const struct nlattr *aggregate, *inner;
	ssize_t n = ask(link, link->family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_PID, &thread->tid,
			sizeof(thread->tid));

	if (n < 0)
		return (int)n;
	aggregate = find_attribute((struct nlmsghdr *)link->buffer, TASKSTATS_TYPE_AGGR_PID);
	if (!aggregate)
		return -EBADMSG;
	mnl_attr_for_each_nested(inner, aggregate)
		if (mnl_attr_get_type(inner) == TASKSTATS_TYPE_STATS)
			return taskstats_decode(mnl_attr_get_payload(inner), mnl_attr_get_payload_len(inner),
						thread);
	return -EBADMSG;
}

void taskstats_read(struct taskstats_link *link, struct ctprof_thread *thread,
		    struct ctprof_taskstats_summary *summary)
{
	int r = read_thread(link, thread);

	if (r == 0)
		summary->ok_count++;
	else if (r == -EPERM)
		summary->eperm_count++;
	else if (r == -ESRCH)
		summary->esrch_count++;
	else
		summary->other_err_count++;
}
