/* SPDX-License-Identifier: BSD-2-Clause */
/* init.c - main() of PID 1. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest/guest.h"

static void put_hello(struct card *card, uint64_t boot_ns)
{
	struct wire_hello hello = {.version = WIRE_VERSION, .boot_ns = boot_ns};
	struct utsname name;

	if (uname(&name) == 0)
		snprintf(hello.kernel_release, sizeof(hello.kernel_release), "%.63s", name.release);
	card_put(card, WIRE_HELLO, &hello, sizeof(hello));
}

/* 0: it is the machine that was asked for. */
static int verify_topology(struct card *card, struct ktstr_error *err)
{
	const struct wire_topology *asked = &card->map->topology;
	const struct topology topology = {
		.numa_nodes = asked->numa_nodes,
		.llcs = asked->llcs,
		.cores_per_llc = asked->cores_per_llc,
		.threads_per_core = asked->threads_per_core,
	};
	AUTO(fd_close) int sys_fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = topology_check(&topology, err);

	if (r == 0)
		r = topology_verify(&topology, sys_fd, err);
	if (r < 0)
		card_trouble(card, WIRE_TROUBLE_TOPOLOGY, r, "%s", err->msg);
	return r;
}

/*
 * Everything that no request has a say in, up to the doorbell at which a template is taken; clones
 * come out of that doorbell with another card. In det a cold boot rings too, so that it is the same
 * run as a clone, instruction by instruction: only the host knows whether it saves in between.
 */
static int become_template(struct card *card, uint64_t boot_ns, struct ears *ret_ears, struct ktstr_error *err)
{
	bool hold = card->map->flags & WIRE_CARD_HOLD_TIMERS;
	struct timers timers;
	int r = machine_prepare(err);

	if (r == 0)
		r = ears_open(ret_ears, err);
	if (r < 0) {
		card_trouble(card, WIRE_TROUBLE_SETUP, r, "%s", err->msg);
		return r;
	}
	r = verify_topology(card, err);
	if (r < 0)
		return r;
	machine_settle();
	if (!(card->map->flags & WIRE_CARD_TEMPLATE))
		return 0;
	if (hold)
		timers_hold(&timers);
	card_ring(card, WIRE_BELL_TEMPLATE);
	if (hold)
		timers_release(&timers);
	r = card_reopen(card, err);
	if (r == 0)
		put_hello(card, boot_ns);        /* this card has not heard the first */
	return r;
}

/* Make the machine what the request asks for; what stands in the way is on the card afterwards. */
static int set_up(struct card *card, struct request *ret_request, struct ktstr_error *err)
{
	AUTO(request_done) struct request request = {0};
	const char *base = (const char *)card->map;
	int r;

	card_stage(card, WIRE_STAGE_SETUP);
	r = request_read(sv_bytes(base + WIRE_REQUEST_OFFSET, card->map->request_len),
			 card->log.nonce, "", &request, err);
	if (r == 0)
		r = machine_personalize(&request.run, err);
	if (r == 0)
		r = machine_set_sysctls("/proc/sys", &request.sysctls, err);
	if (r == 0 && request.cgroup)
		r = dir_make(request.cgroup, 0755, err);
	if (r == 0 && (request.shell || request.enable.len))
		r = shell_install_applets(err);
	if (r < 0) {
		card_trouble(card, r == -ENOMEM ? WIRE_TROUBLE_OUT_OF_MEMORY : WIRE_TROUBLE_SETUP, r,
			     "%s", err->msg);
		return r;
	}
	*ret_request = TAKE(request, (struct request){0});
	return 0;
}

static int run(struct card *card, const struct ears *ears, struct ktstr_error *err)
{
	AUTO(request_done) struct request request = {0};
	int r = set_up(card, &request, err);

	if (r == 0)
		r = watch_run(card, &request, ears, err);
	return r;
}

/* Above every scheduler and every real-time worker of a test; children start as ordinary tasks. */
static void outrank_all(void)
{
	const struct sched_param highest = {.sched_priority = sched_get_priority_max(SCHED_FIFO)};

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &highest) < 0)
		fprintf(stderr, "ktstr-init: no SCHED_FIFO: %s\n", strerror(errno));
}

int main(int argc, char **argv)
{
	struct ktstr_error err = {0};
	uint64_t boot_ns = clock_ns();
	struct card card;
	struct ears ears;

	if (getpid() != 1)
		return watchdog_main(argc, argv);
	umask(0);
	outrank_all();
	if (machine_mount_early(&err) < 0 || card_open(&card, &err) < 0) {
		fprintf(stderr, "ktstr-init: %s\n", err.msg);
		reboot(RB_POWER_OFF);
		return 1;
	}
	put_hello(&card, boot_ns);
	if (become_template(&card, boot_ns, &ears, &err) < 0) {
		fprintf(stderr, "ktstr-init: %s\n", err.msg);
		card_ring(&card, WIRE_BELL_DONE);
		reboot(RB_POWER_OFF);
		return 1;
	}
	if (run(&card, &ears, &err) < 0)
		fprintf(stderr, "ktstr-init: %s\n", err.msg);
	card_ring(&card, WIRE_BELL_DONE);
	reboot(RB_POWER_OFF);        /* the host resumed us: nothing is left to do */
	return 0;
}
