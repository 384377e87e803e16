/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "vm/qmp.h"
#include "vm/seat.h"
#include "vm/still.h"
#include "vm/template.h"
#include "vm/vm.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_card
#include "../fuzz/fuzz_card.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_console
#include "../fuzz/fuzz_console.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_qmp
#include "../fuzz/fuzz_qmp.c"
#undef LLVMFuzzerTestOneInput

/* --- the command line ------------------------------------------------------------------------------- */

static char *joined_argv_of(enum vm_mode mode, const char *topology, bool shell)
{
	struct qemu qemu = {.program = "qemu"};
	struct vm_config config = {
		.qemu = &qemu, .mode = mode, .memory_mib = 1001, .icount_shift = 3,
		.kernel = "/k", .initramfs = "/i", .dir = "/d", .shell = shell,
	};
	AUTO(strings_done) struct strings argv = {0};
	AUTO(buf_done) struct buf line = {0};

	CHECK_EQ(topology_parse(sv_of(topology), &config.topology, NULL), 0);
	argv = vm_argv(&config, 3, 4);
	for (size_t i = 0; argv.at[i]; i++)
		buf_printf(&line, "%s ", argv.at[i]);
	return buf_take(&line);
}

static char *joined_argv(enum vm_mode mode, const char *topology)
{
	return joined_argv_of(mode, topology, false);
}

TEST(det_counts_instructions_and_knows_no_host_clock)
{
	AUTO(free) char *line = joined_argv(VM_DET, "1n1l2c1t");

	CHECK_HAS(line, "-accel tcg -icount shift=3,sleep=off,align=off ");
	CHECK_HAS(line, "-rtc base=2026-01-01T00:00:00,clock=vm ");
	CHECK_HAS(line, "rdrand=off,rdseed=off ");
	CHECK_HAS(line, "hpet=off");
	CHECK_HAS(line, "-seed 1 ");
}

/* an idle guest in det would keep a CPU of the host busy for as long as its user thinks */
TEST(det_keeps_pace_with_a_person)
{
	AUTO(free) char *line = joined_argv_of(VM_DET, "1n1l2c1t", true);

	CHECK_HAS(line, "-accel tcg -icount shift=3,sleep=on,align=off ");
}

TEST(every_node_gets_its_cpus_and_its_share_of_memory)
{
	AUTO(free) char *line = joined_argv(VM_TCG, "2n4l2c2t");

	CHECK_HAS(line, "-smp cpus=16,sockets=4,cores=2,threads=2 ");
	CHECK_HAS(line, "memory-backend-ram,id=ram0,size=500M -numa node,nodeid=0,memdev=ram0,cpus=0-7 ");
	CHECK_HAS(line, "memory-backend-ram,id=ram1,size=501M -numa node,nodeid=1,memdev=ram1,cpus=8-15 ");
	CHECK_HAS(line, "-numa dist,src=0,dst=1,val=20 -numa dist,src=1,dst=0,val=20 ");
}

TEST(a_shell_clones_the_template_of_a_test)
{
	char cache[] = "/tmp/ktstr-unit.XXXXXX";
	char test_key[TEMPLATE_KEY_MAX], shell_key[TEMPLATE_KEY_MAX];
	struct qemu qemu = {.program = "qemu", .version = "10"};
	struct vm_config config = {
		.qemu = &qemu, .mode = VM_TCG, .topology = {1, 1, 1, 1}, .memory_mib = 256,
		.kernel = "/proc/self/exe", .initramfs = "/proc/self/exe", .dir = "/d",
	};
	AUTO(strings_done) struct strings argv = {0};
	bool connected = false;

	CHECK(mkdtemp(cache));
	CHECK_EQ(template_key(&config, cache, test_key, NULL), 0);
	config.shell = true;
	CHECK_EQ(template_key(&config, cache, shell_key, NULL), 0);
	CHECK_STR(shell_key, test_key);
	argv = vm_argv(&config, 3, 4);
	for (size_t i = 0; argv.at[i]; i++)
		connected = connected || strcmp(argv.at[i], "chardev:shell") == 0;
	CHECK(connected);
	tree_remove(cache, NULL);
}

TEST(det_guests_are_spread_over_the_cpus)
{
	cpu_set_t ours, set;
	int guests[CPU_SETSIZE] = {0}, seats[2 * CPU_SETSIZE] = {0}, count;

	CHECK_EQ(sched_getaffinity(0, sizeof(ours), &ours), 0);
	count = CPU_COUNT(&ours);
	for (int i = 0; i < 2 * count; i++) {
		seats[i] = seat_take(&set);
		CHECK(seats[i] >= 0);
		CHECK(CPU_ISSET(seats[i], &ours));
		CHECK_EQ(CPU_COUNT(&set), 1);
		CHECK(CPU_ISSET(seats[i], &set));
		/* nobody gets a second one while another CPU has none */
		CHECK_EQ(guests[seats[i]], i / count);
		guests[seats[i]]++;
	}
	seat_leave(seats[0]);
	CHECK_EQ(seat_take(&set), seats[0]);        /* what was given back is free */
	for (int i = 0; i < 2 * count; i++)
		seat_leave(seats[i]);
	seat_leave(-1);
}

/* --- a thread that stands still ------------------------------------------------------------------------ */

/* A child like QEMU: its second thread sleeps and counts. */
static void *count_naps(void *count)
{
	for (;;) {
		(void)clock_nanosleep(CLOCK_REALTIME, 0, &(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
		++*(volatile unsigned *)count;
	}
	return NULL;
}

static pid_t start_napper(unsigned *count)
{
	pid_t pid = fork();
	pthread_t thread;

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)pthread_create(&thread, NULL, count_naps, count);
		for (;;)
			pause();
	}
	while (*(volatile unsigned *)count == 0)
		(void)usleep(1000);
	return pid;
}

TEST(a_thread_stands_still_and_goes_on)
{
	unsigned *count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = start_napper(count);
	struct still still = {0};
	struct ktstr_error err = {0};
	unsigned before;
	int status;

	CHECK_EQ(still_begin(pid, &still, &err), 0);
	before = *(volatile unsigned *)count;
	(void)usleep(50000);
	CHECK_EQ(*(volatile unsigned *)count, before);
	still_end(&still);
	for (int i = 0; i < 2000 && *(volatile unsigned *)count == before; i++)
		(void)usleep(1000);
	CHECK(*(volatile unsigned *)count > before);
	/* killed while it stands still: reaped, and nothing hangs */
	CHECK_EQ(still_begin(pid, &still, &err), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	still_end(&still);
	still_end(&still);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	(void)munmap(count, 4096);
}

TEST(a_process_without_a_second_thread_is_an_error)
{
	struct ktstr_error err = {0};
	struct still still = {0};
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	CHECK_EQ(still_begin(pid, &still, &err), -EAGAIN);
	CHECK_STR(err.msg, "stop QEMU's RCU thread: it does not sleep");
	CHECK_EQ(still.tid, 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

TEST(big_machines_get_more_instructions_a_second)
{
	static const struct {
		const char *topology;
		unsigned shift;
	} rows[] = {{"1n1l1c1t", 3}, {"1n1l2c1t", 3}, {"1n1l3c1t", 2}, {"1n1l4c1t", 2},
		    {"1n1l4c2t", 1}, {"2n4l2c2t", 0}, {"1n8l8c2t", 0}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct topology topology;

		CHECK_EQ(topology_parse(sv_of(rows[i].topology), &topology, NULL), 0);
		CHECK_EQ(vm_icount_shift(&topology), rows[i].shift);
	}
}

TEST(a_mode_has_a_name_both_ways)
{
	enum vm_mode mode;

	for (int i = 0; i < VM_MODE_COUNT; i++) {
		CHECK(vm_mode_parse(sv_of(vm_mode_name((enum vm_mode)i)), &mode));
		CHECK_EQ(mode, i);
	}
	CHECK(!vm_mode_parse(sv_of("auto"), &mode));
}

/* --- QMP: a peer that says what it is told to, then hangs up ------------------------------------------ */

struct peer {
	int fd;
	const char *say;
};

static void *speak(void *arg)
{
	struct peer *peer = arg;

	(void)!write(peer->fd, peer->say, strlen(peer->say));
	shutdown(peer->fd, SHUT_WR);
	return NULL;
}

static int handshake_with(const char *say, struct qmp *qmp, struct ktstr_error *err)
{
	struct peer peer = {.say = say};
	pthread_t thread;
	int ends[2], r;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	peer.fd = ends[1];
	qmp_init(qmp, ends[0]);
	CHECK_EQ(pthread_create(&thread, NULL, speak, &peer), 0);
	r = qmp_handshake(qmp, deadline_in(5 * NS_PER_S), err);
	pthread_join(thread, NULL);
	close(ends[1]);
	return r;
}

TEST(qmp_keeps_events_that_come_while_it_waits_for_a_reply)
{
	AUTO(qmp_done) struct qmp qmp;
	struct ktstr_error err = {0};
	json_t *event = NULL;

	CHECK_EQ(handshake_with("{\"QMP\":{}}\n{\"event\":\"RESUME\"}\n{\"return\":{}}\n"
				"{\"event\":\"GUEST_PANICKED\"}\n", &qmp, &err), 0);
	CHECK_EQ(qmp_event(&qmp, &event, &err), 1);
	CHECK_STR(json_string_value(json_object_get(event, "event")), "RESUME");
	json_decref(event);
	CHECK_EQ(qmp_event(&qmp, &event, &err), 1);
	CHECK_STR(json_string_value(json_object_get(event, "event")), "GUEST_PANICKED");
	json_decref(event);
	CHECK_EQ(qmp_event(&qmp, &event, &err), -ECONNRESET);
}

TEST(qmp_that_hangs_up_mid_reply_is_an_error)
{
	AUTO(qmp_done) struct qmp qmp;
	struct ktstr_error err = {0};

	CHECK_EQ(handshake_with("{\"QMP\":{}}\n{\"retu", &qmp, &err), -ECONNRESET);
	CHECK_STR(err.msg, "qmp_capabilities: QMP: QEMU hung up");
}

/* A guest that powers off takes QEMU with it, which may be before we tell QEMU to end. */
TEST(qmp_that_has_hung_up_before_a_command_is_the_same_error)
{
	AUTO(qmp_done) struct qmp qmp;
	struct ktstr_error err = {0};
	int ends[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	qmp_init(&qmp, ends[0]);
	fd_close(ends[1]);
	CHECK_EQ(qmp_execute(&qmp, "quit", NULL, deadline_in(NS_PER_S), NULL, &err), -ECONNRESET);
	CHECK_STR(err.msg, "quit: QMP: QEMU hung up");
}

TEST(qmp_nonsense_is_an_error)
{
	AUTO(qmp_done) struct qmp qmp;
	struct ktstr_error err = {0};

	CHECK_EQ(handshake_with("hello\n", &qmp, &err), -EBADMSG);
}

TEST(qmp_refusals_are_quoted)
{
	AUTO(qmp_done) struct qmp qmp;
	struct ktstr_error err = {0};

	CHECK_EQ(handshake_with("{\"QMP\":{}}\n{\"error\":{\"desc\":\"no way\"}}\n", &qmp, &err), -EIO);
	CHECK_STR(err.msg, "QMP: qmp_capabilities: no way");
}

TEST(qmp_silence_ends_at_the_deadline)
{
	AUTO(qmp_done) struct qmp qmp;
	struct ktstr_error err = {0};
	int ends[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	qmp_init(&qmp, ends[0]);
	CHECK_EQ(qmp_handshake(&qmp, deadline_in(10 * NS_PER_MS), &err), -ETIMEDOUT);
	close(ends[1]);
}

/* --- the card: the guest is hostile ------------------------------------------------------------------------ */

static const struct topology machine = {1, 1, 2, 1};

static void guest_writes(struct card_host *card, const void *bytes, size_t len, uint64_t claims)
{
	memcpy((char *)card->map + card->log_offset, bytes, len);
	atomic_store(&card->map->log_len, claims);
}

TEST(frames_of_the_guest_arrive_in_order)
{
	AUTO(card_done) struct card_host card = {.fd = -1};
	AUTO(buf_done) struct buf frames = {0};
	struct wire_frame frame;
	struct sv payload;

	CHECK_EQ(card_make(sv_of("request"), 9, &machine, &card, NULL), 0);
	CHECK_EQ(card_next(&card, &frame, &payload, NULL), 0);
	wire_put(&frames, 9, WIRE_OUTPUT, 1, "one", 3);
	wire_put(&frames, 9, WIRE_OUTPUT, 2, "two", 3);
	guest_writes(&card, frames.data, frames.len, frames.len);
	CHECK_EQ(card_next(&card, &frame, &payload, NULL), 1);
	CHECK(sv_eq(payload, "one"));
	CHECK_EQ(card_next(&card, &frame, &payload, NULL), 1);
	CHECK(sv_eq(payload, "two"));
	CHECK_EQ(card_next(&card, &frame, &payload, NULL), 0);
	card_reset_log(&card);
	CHECK_EQ(card_next(&card, &frame, &payload, NULL), 0);
}

TEST(a_log_that_claims_more_than_there_is_is_refused)
{
	AUTO(card_done) struct card_host card = {.fd = -1};
	AUTO(buf_done) struct buf frames = {0};
	struct ktstr_error err = {0};
	struct wire_frame frame;
	struct sv payload;

	CHECK_EQ(card_make(sv_of("request"), 9, &machine, &card, NULL), 0);
	wire_put(&frames, 9, WIRE_OUTPUT, 1, "one", 3);
	guest_writes(&card, frames.data, frames.len, UINT64_MAX);
	CHECK_EQ(card_next(&card, &frame, &payload, &err), -EBADMSG);
	guest_writes(&card, frames.data, frames.len, frames.len - 1);
	CHECK_EQ(card_next(&card, &frame, &payload, &err), -EBADMSG);
	frames.data[40] ^= 1;
	guest_writes(&card, frames.data, frames.len, frames.len);
	CHECK_EQ(card_next(&card, &frame, &payload, &err), 1);        /* padding is not covered */
	card.read_len = 0;
	frames.data[32] ^= 1;
	guest_writes(&card, frames.data, frames.len, frames.len);
	CHECK_EQ(card_next(&card, &frame, &payload, &err), -EBADMSG);
	CHECK_HAS(err.msg, "bad checksum");
}

TEST(a_request_that_fills_the_card_is_refused)
{
	AUTO(card_done) struct card_host card = {.fd = -1};
	struct ktstr_error err = {0};
	struct sv huge = {.data = "", .len = WIRE_CARD_SIZE - WIRE_LOG_SIZE_MIN};

	CHECK_EQ(card_make(huge, 9, &machine, &card, &err), -E2BIG);
	CHECK_STR(err.msg, "the files that this test takes into the guest are 240 MiB; 239 MiB fit");
}

/* --- the console ---------------------------------------------------------------------------------------------- */

TEST(a_panic_is_found_in_a_console)
{
	AUTO(free) char *line = console_panic(
		sv_of("[ 1.0] hello\n[ 2.0] Kernel panic - not syncing: Attempted to kill init!\n[ 3.0] x\n"));

	CHECK_STR(line, "Kernel panic - not syncing: Attempted to kill init!");
	CHECK(console_panic(sv_of("all is well\n")) == NULL);
	CHECK(console_panic(sv_of("")) == NULL);
}

TEST(a_console_tail_has_no_terminal_control)
{
	char path[] = "/tmp/ktstr-unit.XXXXXX";
	int fd = mkstemp(path);
	AUTO(free) char *tail = NULL;
	AUTO(free) char *none = console_tail("/nonexistent", 10);

	CHECK_EQ(fd_write_all(fd, "begin\x1b[31mred\x1b[0m\x07\xff\n", 20), 0);
	tail = console_tail(path, 15);
	CHECK_STR(tail, "red?\n");
	unlink(path);
	close(fd);
	CHECK_STR(none, "");
}

/* --- the initramfs ----------------------------------------------------------------------------------------------- */

TEST(the_same_init_makes_the_same_archive_once)
{
	char dir[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(free) char *one = NULL;
	AUTO(free) char *two = NULL;
	AUTO(free) char *other = NULL;
	AUTO(buf_done) struct buf archive = {0};

	CHECK(mkdtemp(dir));
	CHECK_EQ(initramfs_make(dir, sv_of("#!init"), &one, NULL), 0);
	CHECK_EQ(initramfs_make(dir, sv_of("#!init"), &two, NULL), 0);
	CHECK_EQ(initramfs_make(dir, sv_of("#!other"), &other, NULL), 0);
	CHECK_STR(one, two);
	CHECK(strcmp(one, other) != 0);
	CHECK_EQ(file_read(-1, one, 1 << 16, &archive, NULL), 0);
	CHECK(memcmp(archive.data, "070701", 6) == 0);
	CHECK(memmem(archive.data, archive.len, "#!init", 6) != NULL);
	tree_remove(dir, NULL);
}

/* --- fuzz targets, on their corpora and around them -------------------------------------------- */

TEST(fuzz_card_holds_on_its_corpus)
{
	replay_corpus("card", fuzz_card);
}

TEST(fuzz_console_holds_on_its_corpus)
{
	replay_corpus("console", fuzz_console);
}

TEST(fuzz_qmp_holds_on_its_corpus)
{
	replay_corpus("qmp", fuzz_qmp);
}

/* --- templates --------------------------------------------------------------------------------------------------- */

struct bench {
	char dir[32];
	struct qemu qemu;
	struct vm_config config;
};

static void bench_make(struct bench *bench, char *kernel, char *init)
{
	strcpy(bench->dir, "/tmp/ktstr-unit.XXXXXX");
	CHECK(mkdtemp(bench->dir));
	sprintf(kernel, "%s/kernel", bench->dir);
	sprintf(init, "%s/init", bench->dir);
	CHECK_EQ(file_write_atomic(kernel, "k", 1, 0644, NULL), 0);
	CHECK_EQ(file_write_atomic(init, "i", 1, 0644, NULL), 0);
	bench->qemu = (struct qemu){.program = (char *)"qemu", .version = (char *)"10.0"};
	bench->config = (struct vm_config){
		.qemu = &bench->qemu, .mode = VM_DET, .memory_mib = 512, .icount_shift = 3,
		.topology = {1, 1, 2, 1}, .kernel = kernel, .initramfs = init, .dir = "/d",
	};
}

static char *key_of(const struct bench *bench)
{
	char key[TEMPLATE_KEY_MAX];

	CHECK_EQ(template_key(&bench->config, bench->dir, key, NULL), 0);
	return xstrdup(key);
}

TEST(a_template_key_covers_what_the_booted_state_depends_on)
{
	char kernel[64], init[64];
	struct bench bench;
	AUTO(free) char *plain = NULL;

	bench_make(&bench, kernel, init);
	plain = key_of(&bench);
	for (int change = 0; change < 8; change++) {
		AUTO(free) char *changed = NULL;
		struct vm_config before = bench.config;

		switch (change) {
		case 0: bench.config.memory_mib++; break;
		case 1: bench.config.topology.llcs = 2; break;
		case 2: bench.config.mode = VM_TCG; break;
		case 3: bench.config.icount_shift = 2; break;
		case 4: bench.config.cmdline_extra = "x"; break;
		case 5: bench.qemu.version = (char *)"10.1"; break;
		case 6: CHECK_EQ(file_write_atomic(kernel, "K2", 2, 0644, NULL), 0); break;
		case 7: CHECK_EQ(file_write_atomic(init, "I2", 2, 0644, NULL), 0); break;
		}
		changed = key_of(&bench);
		if (strcmp(changed, plain) == 0)
			fail_msg("change %d made no difference", change);
		bench.config = before;
		bench.qemu.version = (char *)"10.0";
		if (change == 6)
			CHECK_EQ(file_write_atomic(kernel, "k", 1, 0644, NULL), 0);
	}
	tree_remove(bench.dir, NULL);
}

TEST(a_plugin_is_beside_the_guest_and_not_in_its_template)
{
	AUTO(buf_done) struct buf line = {0};
	AUTO(strings_done) struct strings argv = {0};
	char cache[] = "/tmp/ktstr-test-vm-XXXXXX";
	char plain[TEMPLATE_KEY_MAX], traced[TEMPLATE_KEY_MAX];
	struct qemu qemu = {.program = (char *)"qemu", .version = (char *)"10.0"};
	struct vm_config config = {.qemu = &qemu, .mode = VM_DET, .memory_mib = 256, .dir = "/d",
				   .topology = {.numa_nodes = 1, .llcs = 1, .cores_per_llc = 1, .threads_per_core = 1},
				   .kernel = "/proc/self/exe", .initramfs = "/proc/self/exe"};

	CHECK(mkdtemp(cache));
	CHECK_EQ(template_key(&config, cache, plain, NULL), 0);
	config.plugin = "/lib/x.so,out=/d/raw";
	CHECK_EQ(template_key(&config, cache, traced, NULL), 0);
	CHECK_STR(traced, plain);
	argv = vm_argv(&config, 3, 4);
	for (size_t i = 0; argv.at[i]; i++)
		buf_printf(&line, "%s ", argv.at[i]);
	CHECK_HAS(buf_text(&line), " -plugin /lib/x.so,out=/d/raw ");
	CHECK_EQ(tree_remove(cache, NULL), 0);
}

TEST(a_template_key_does_not_know_where_clones_put_things)
{
	char kernel[64], init[64];
	struct bench bench;
	AUTO(free) char *plain = NULL;
	AUTO(free) char *other = NULL;

	bench_make(&bench, kernel, init);
	plain = key_of(&bench);
	bench.config.dir = "/elsewhere";
	bench.config.template_dir = "/t";
	bench.config.clone = true;
	bench.config.card_fd = 77;
	other = key_of(&bench);
	CHECK_STR(plain, other);
	tree_remove(bench.dir, NULL);
}

static void put_template(const char *cache, const char *key, long used_s, size_t bytes)
{
	AUTO(free) char *dir = xasprintf("%s/templates/%s", cache, key);
	AUTO(free) char *said = xasprintf("%s/template.json", dir);
	AUTO(free) char *ram = xasprintf("%s/ram0", dir);
	AUTO(free) char *content = xcalloc(bytes, 1);
	const struct timespec used[2] = {{.tv_sec = used_s}, {.tv_sec = used_s}};

	memset(content, 'x', bytes);
	CHECK_EQ(dir_make(dir, 0755, NULL), 0);
	CHECK_EQ(file_write_atomic(said, "{\"files\":{\"ram0\":1}}", 20, 0644, NULL), 0);
	CHECK_EQ(file_write_atomic(ram, content, bytes, 0644, NULL), 0);
	CHECK_EQ(utimensat(AT_FDCWD, said, used, 0), 0);
}

TEST(the_least_recently_used_template_goes_first_and_one_in_use_stays)
{
	char cache[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(strings_done) struct strings removed = {0};
	AUTO(template_infos_done) struct template_infos infos = {0};
	AUTO(free) char *half = NULL;
	AUTO(free) char *lock_path = NULL;
	AUTO(fd_close) int lock = -1;

	CHECK(mkdtemp(cache));
	put_template(cache, "old", 1000, 40960);
	put_template(cache, "older", 500, 40960);
	put_template(cache, "new", 2000, 40960);
	half = xasprintf("%s/templates/.new-gone", cache);
	CHECK_EQ(dir_make(half, 0755, NULL), 0);
	lock_path = xasprintf("%s/templates/older.lock", cache);
	lock = open(lock_path, O_RDWR | O_CREAT, 0644);
	CHECK_EQ(flock(lock, LOCK_SH), 0);
	CHECK_EQ(templates_trim(cache, 50000, &removed, NULL), 0);
	CHECK_EQ(removed.len, 1);
	CHECK_STR(removed.at[0], "old");
	CHECK(access(half, F_OK) < 0);
	CHECK_EQ(templates_list(cache, &infos, NULL), 0);
	CHECK_EQ(infos.len, 2);
	CHECK_STR(infos.at[0].key, "new");
	CHECK(infos.at[1].in_use);
	tree_remove(cache, NULL);
}

RUN_TESTS();
