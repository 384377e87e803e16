/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/guest.h"
#include "test.h"
#include "tree.h"

#include "../fuzz/replay.h"
#define LLVMFuzzerTestOneInput fuzz_request
#include "../fuzz/fuzz_request.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_nfit
#include "../fuzz/fuzz_nfit.c"
#undef LLVMFuzzerTestOneInput

#define NONCE 77

static void put_u16(unsigned char *at, unsigned value)
{
	at[0] = (unsigned char)value;
	at[1] = (unsigned char)(value >> 8);
}

static void put_u64(unsigned char *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

/* A header, a structure of another type, a range. */
static void fill_nfit(unsigned char table[40 + 16 + 56])
{
	memset(table, 0, 40 + 16 + 56);
	memcpy(table, "NFIT", 4);
	put_u16(table + 40, 4);
	put_u16(table + 42, 16);
	put_u16(table + 56, 0);
	put_u16(table + 58, 56);
	put_u64(table + 56 + 32, 0x100000000);
	put_u64(table + 56 + 40, WIRE_CARD_SIZE);
}

TEST(the_card_is_found_by_its_size)
{
	unsigned char table[40 + 16 + 56];
	uint64_t address = 0;

	fill_nfit(table);
	CHECK_EQ(nfit_find_range(sv_bytes(table, sizeof(table)), WIRE_CARD_SIZE, &address, NULL), 0);
	CHECK_EQ(address, 0x100000000);
	CHECK_EQ(nfit_find_range(sv_bytes(table, sizeof(table)), 4096, &address, NULL), -ENOENT);
}

TEST(a_broken_nfit_is_refused)
{
	unsigned char table[40 + 16 + 56];
	uint64_t address;

	fill_nfit(table);
	put_u16(table + 42, 0);        /* a structure that never ends */
	CHECK_EQ(nfit_find_range(sv_bytes(table, sizeof(table)), WIRE_CARD_SIZE, &address, NULL),
		 -EBADMSG);
	put_u16(table + 42, 16);
	for (size_t len = 0; len < sizeof(table); len++)
		CHECK(nfit_find_range(sv_bytes(table, len), WIRE_CARD_SIZE, &address, NULL) < 0);
}

static void put_file(struct buf *frames, const char *path, const char *content)
{
	struct wire_file file = {.mode = 0750, .path_len = (uint32_t)strlen(path)};
	AUTO(buf_done) struct buf payload = {0};

	buf_bytes(&payload, &file, sizeof(file));
	buf_bytes(&payload, path, file.path_len + 1);
	buf_str(&payload, content);
	wire_put(frames, NONCE, WIRE_REQ_FILE, 0, payload.data, (uint32_t)payload.len);
}

static int read_frames(const struct buf *frames, const char *root, struct request *request,
		       struct ktstr_error *err)
{
	return request_read(sv_bytes(buf_text(frames), frames->len), NONCE, root, request, err);
}

/* --- files on the card ----------------------------------------------------------------------------- */

#define LOG_BYTES (4u << 20)

static void card_begin(struct card *card)
{
	card->map = xcalloc(1, sizeof(*card->map) + LOG_BYTES);
	card->log = (struct wire_log){.card = card->map, .nonce = NONCE, .offset = sizeof(*card->map),
				      .capacity = LOG_BYTES};
}

static struct sv next_frame(struct sv *log, uint32_t *ret_type)
{
	struct wire_frame frame = {0};
	struct sv payload = {0};
	int64_t used = wire_get(*log, NONCE, LOG_BYTES, &frame, &payload, NULL);

	CHECK(used >= 0);
	*log = sv_skip(*log, (size_t)used);
	*ret_type = frame.type;
	return payload;
}

TEST(a_file_goes_onto_the_card_in_pieces)
{
	const size_t len = (1u << 20) + 5;
	AUTO(free) char *content = xmalloc(len);
	struct card card;
	struct wire_pieces_end end;
	struct ktstr_error err = {0};
	struct sv log, payload;
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(free) char *path = below(&tree, "file");
	uint32_t type;

	card_begin(&card);
	for (size_t i = 0; i < len; i++)
		content[i] = (char)(i * 7);
	CHECK_EQ(file_write_atomic(path, content, len, 0600, NULL), 0);
	CHECK_EQ(card_put_file(&card, path, WIRE_STEPS, WIRE_STEPS_END, len, &err), 0);
	log = sv_bytes((char *)card.map + card.log.offset, card.map->log_len);
	payload = next_frame(&log, &type);
	CHECK_EQ(type, WIRE_STEPS);
	CHECK_EQ(payload.len, 1u << 20);
	payload = next_frame(&log, &type);
	CHECK_EQ(payload.len, 5);
	payload = next_frame(&log, &type);
	CHECK_EQ(type, WIRE_STEPS_END);
	CHECK_EQ(payload.len, sizeof(end));
	memcpy(&end, payload.data, sizeof(end));
	CHECK_EQ(end.size, len);
	CHECK_EQ(end.crc, crc32_of(0, content, len));
	CHECK_EQ(log.len, 0);
	free(card.map);
}

TEST(what_a_body_left_for_the_card_is_not_trusted)
{
	struct card card;
	struct ktstr_error err = {0};
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(free) char *path = below(&tree, "file");

	card_begin(&card);
	CHECK_EQ(card_put_file(&card, path, WIRE_STEPS, WIRE_STEPS_END, 9, &err), -ENOENT);
	CHECK_EQ(symlink("/etc/passwd", path), 0);
	CHECK_EQ(card_put_file(&card, path, WIRE_STEPS, WIRE_STEPS_END, 9, &err), -ELOOP);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(card_put_file(&card, path, WIRE_STEPS, WIRE_STEPS_END, 9, &err), -EINVAL);
	CHECK_HAS(err.msg, "is no regular file");
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(card.map->log_len, 0);
	CHECK_EQ(file_write_atomic(path, "ten bytes!", 10, 0600, NULL), 0);
	CHECK_EQ(card_put_file(&card, path, WIRE_STEPS, WIRE_STEPS_END, 9, &err), -EFBIG);
	CHECK_EQ(card.map->log_len, 0);
	free(card.map);
}

/* --- the tracer ------------------------------------------------------------------------------------ */

#define CARD_BYTES (1u << 17)

/* A tracer of these words, to its end; what comes onto the card is written behind `ret_trace` and -`why`. */
static void trace_with(const char *script, bool to_its_end, struct buf *ret_trace, struct buf *ret_why)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	AUTO(free) char *bytes = xcalloc(1, CARD_BYTES);
	struct wire_card *map = (struct wire_card *)(void *)bytes;
	struct card card = {.map = map, .log = {.card = map, .nonce = NONCE, .offset = 4096,
						 .capacity = CARD_BYTES - 4096}};
	struct tracer tracer = TRACER_NONE;
	int out[2], words[2];
	struct spawn_config config = {.argv = argv, .stdin_fd = -1};
	struct wire_frame frame;
	struct sv frames, payload;
	int64_t used;

	CHECK_EQ(pipe2(out, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(words, O_CLOEXEC), 0);
	config.stdout_fd = out[1];
	config.stderr_fd = words[1];
	tracer.fd = out[0];
	tracer.words_fd = words[0];
	CHECK_EQ(fcntl(words[0], F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(child_spawn(&config, &tracer.child, NULL), 0);
	close(out[1]);
	close(words[1]);
	if (to_its_end)
		tracer_read(&tracer, &card);        /* blocks until it has closed its output */
	tracer_judge(&tracer, &card);
	tracer_done(&tracer);
	CHECK_EQ(tracer.fd, -1);
	frames = sv_bytes(bytes + 4096, map->log_len);
	while ((used = wire_get(frames, NONCE, CARD_BYTES, &frame, &payload, NULL)) > 0) {
		buf_bytes(frame.type == WIRE_TRACE ? ret_trace : ret_why, payload.data, payload.len);
		frames = sv_skip(frames, (size_t)used);
	}
}

TEST(what_a_tracer_tells_and_why_it_ended_come_onto_the_card)
{
	AUTO(buf_done) struct buf trace = {0};
	AUTO(buf_done) struct buf why = {0};

	trace_with("printf 'all of it'", true, &trace, &why);
	CHECK_STR(buf_text(&trace), "all of it");
	CHECK_EQ(why.len, 0);
	trace_with("printf ', part of it'; echo no ring >&2; exit 1", true, &trace, &why);
	CHECK_STR(buf_text(&trace), "all of it, part of it");
	CHECK_STR(buf_text(&why), "no ring");
	buf_clear(&why);
	trace_with("exit 3", true, &trace, &why);
	CHECK_STR(buf_text(&why), "the tracer ended: exit status 3");
	buf_clear(&why);
	trace_with("sleep 100", false, &trace, &why);
	CHECK_STR(buf_text(&why), "the tracer did not begin in time");
}

TEST(wprof_gets_its_arguments_and_where_to_write)
{
	AUTO(strings_done) struct strings argv = {0};

	wprof_argv("-d\x1f" "500\x1f-e x", &argv);
	CHECK_EQ(argv.len, 8);
	CHECK_STR(argv.at[0], "/bin/wprof");
	CHECK_STR(argv.at[2], "500");
	CHECK_STR(argv.at[3], "-e x");
	CHECK_STR(argv.at[4], "-T");
	CHECK_STR(argv.at[5], "/tmp/wprof.pb");
	CHECK_STR(argv.at[6], "-D");
	CHECK_STR(argv.at[7], "/tmp/wprof.data");
	strings_done(&argv);
	wprof_argv("", &argv);
	CHECK_EQ(argv.len, 5);
}

TEST(a_request_leaves_its_files_and_words)
{
	char root[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(buf_done) struct buf frames = {0};
	AUTO(request_done) struct request request = {0};
	AUTO(free) char *path = NULL;
	AUTO(free) char *text = NULL;
	struct ktstr_error err = {0};
	struct stat st;

	CHECK(mkdtemp(root));
	put_file(&frames, "/a/b/prog", "content");
	wire_put(&frames, NONCE, WIRE_REQ_TEST, 0, "/a/b/prog", 9);
	wire_put(&frames, NONCE, WIRE_REQ_TEST, 0, "x y", 3);
	wire_put(&frames, NONCE, WIRE_REQ_SYSCTL, 0, "a.b=1 2", 7);
	wire_put(&frames, NONCE, WIRE_REQ_CGROUP, 0, "/sys/fs/cgroup/w", 16);
	wire_put(&frames, NONCE, WIRE_REQ_TRACER_ENV, 0, "HOME=/", 6);
	wire_put(&frames, NONCE, WIRE_REQ_END, 0, NULL, 0);
	if (read_frames(&frames, root, &request, &err) < 0)
		fail_msg("%s", err.msg);
	CHECK_EQ(request.test_argv.len, 2);
	CHECK_STR(request.test_argv.at[1], "x y");
	CHECK_EQ(request.scheduler_argv.len, 0);
	CHECK_EQ(request.sysctls.len, 1);
	CHECK_STR(request.sysctls.at[0], "a.b=1 2");
	CHECK_STR(request.cgroup, "/sys/fs/cgroup/w");
	CHECK_EQ(request.tracer_env.len, 1);
	CHECK_EQ(request.wprof_env.len, 0);
	path = xasprintf("%s/a/b/prog", root);
	text = file_line(AT_FDCWD, path);
	CHECK_STR(text, "content");
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0750);
	tree_remove(root, NULL);
}

/* A directory stands in for /proc/sys. */
TEST(a_sysctl_is_set_and_one_that_does_not_exist_is_named)
{
	char root[] = "/tmp/ktstr-unit.XXXXXX";
	AUTO(strings_done) struct strings words = {0};
	AUTO(free) char *dir = NULL;
	AUTO(free) char *path = NULL;
	AUTO(free) char *text = NULL;
	AUTO(free) char *wanted = NULL;
	struct ktstr_error err = {0};

	CHECK(mkdtemp(root));
	dir = xasprintf("%s/net/eth0.1", root);
	path = xasprintf("%s/arp", dir);
	CHECK_EQ(dir_make(dir, 0700, NULL), 0);
	CHECK_EQ(file_write_atomic(path, "0", 1, 0600, NULL), 0);
	strings_push(&words, xstrdup("net/eth0.1/arp=1 2=3"));
	if (machine_set_sysctls(root, &words, &err) < 0)
		fail_msg("%s", err.msg);
	text = file_line(AT_FDCWD, path);
	CHECK_STR(text, "1 2=3");
	strings_push(&words, xstrdup("kernel.nothing=1"));
	CHECK_EQ(machine_set_sysctls(root, &words, &err), -ENOENT);
	wanted = xasprintf("sysctl kernel.nothing: this kernel does not have it (there is no "
			   "%s/kernel/nothing)", root);
	CHECK_STR(err.msg, wanted);
	tree_remove(root, NULL);
}

/* --- sched_ext's dump ---------------------------------------------------------------------------- */

#define INSTANCE "instances/ktstr/"
#define EVENT "events/sched_ext/sched_ext_dump/enable"

/* A file below directories that may be missing. */
static void lay(const struct tree *tree, const char *path, const char *text)
{
	AUTO(free) char *dir = xstrdup(path);

	*strrchr(dir, '/') = '\0';
	make(tree, dir);
	put(tree, path, text);
}

static void check_file(const struct tree *tree, const char *path, const char *want)
{
	AUTO(free) char *text = get(tree, path);

	CHECK_STR(text ?: "no such file", want);
}

TEST(the_dump_of_sched_ext_is_switched_on_in_an_instance_of_its_own)
{
	static const char *const files[] = {EVENT, INSTANCE "buffer_size_kb", INSTANCE "trace_options",
					    INSTANCE EVENT};
	AUTO(tree_done) struct tree tree = tree_new();

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		lay(&tree, files[i], "0");
	exit_dump_prepare(tree.path);
	check_file(&tree, EVENT, "0");
	check_file(&tree, INSTANCE EVENT, "1");
	check_file(&tree, INSTANCE "buffer_size_kb", "256");
}

TEST(a_kernel_without_the_event_is_left_alone)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(buf_done) struct buf dump = {0};

	exit_dump_prepare(tree.path);
	CHECK(!is_there(&tree, INSTANCE));
	exit_dump_read(tree.path, &dump);
	CHECK_EQ(dump.len, 0);
}

TEST(a_dump_is_its_lines_and_those_without_room_are_counted)
{
	AUTO(tree_done) struct tree tree = tree_new();
	AUTO(buf_done) struct buf dump = {0};
	AUTO(buf_done) struct buf cut = {0};

	lay(&tree, INSTANCE "trace", "# tracer: nop\n#\n"
				     "sched_ext_dump: spin[7] triggered exit kind 1026:\n"
				     "sched_ext_dump: \n"
				     "sched_ext_dump:   stalled\n"
				     "something else\n");
	exit_dump_read(tree.path, &dump);
	CHECK_STR(buf_text(&dump), "spin[7] triggered exit kind 1026:\n\n  stalled\n");
	lay(&tree, INSTANCE "per_cpu/cpu0/stats", "entries: 3\ndropped events: 12\n");
	exit_dump_read(tree.path, &cut);
	CHECK_HAS(buf_text(&cut), "  stalled\n(12 more lines: there was no room for them)\n");
}

TEST(a_file_path_that_leaves_its_place_is_refused)
{
	const char *const bad[] = {"/a/../../etc/x", "relative", "", "/..", NULL};

	for (int i = 0; bad[i]; i++) {
		AUTO(buf_done) struct buf frames = {0};
		AUTO(request_done) struct request request = {0};

		put_file(&frames, bad[i], "x");
		wire_put(&frames, NONCE, WIRE_REQ_END, 0, NULL, 0);
		CHECK_EQ(read_frames(&frames, "/nonexistent", &request, NULL), -EBADMSG);
	}
}

TEST(a_watchdog_is_taken_whole_or_refused)
{
	const struct wire_watchdog watchdog = {.timeout_ms = 800, .value_type_id = 7, .offset = 64};

	for (uint32_t len = 0; len <= sizeof(watchdog); len += 4) {
		AUTO(buf_done) struct buf frames = {0};
		AUTO(request_done) struct request request = {0};
		bool whole = len == sizeof(watchdog);

		wire_put(&frames, NONCE, WIRE_REQ_WATCHDOG, 0, &watchdog, len);
		wire_put(&frames, NONCE, WIRE_REQ_TEST, 0, "/bin/sh", 7);
		wire_put(&frames, NONCE, WIRE_REQ_END, 0, NULL, 0);
		CHECK_EQ(read_frames(&frames, "", &request, NULL), whole ? 0 : -EBADMSG);
		CHECK_EQ(request.watchdog.offset, whole ? 64 : 0);
	}
}

TEST(a_shell_is_of_a_kind_that_we_know)
{
	for (uint32_t kind = 0; kind < 4; kind++) {
		AUTO(buf_done) struct buf frames = {0};
		AUTO(request_done) struct request request = {0};
		bool known = kind == WIRE_SHELL_COMMAND || kind == WIRE_SHELL_TERMINAL;

		wire_put(&frames, NONCE, WIRE_REQ_SHELL, 0, &kind, sizeof(kind));
		wire_put(&frames, NONCE, WIRE_REQ_TEST, 0, "/bin/sh", 7);
		wire_put(&frames, NONCE, WIRE_REQ_END, 0, NULL, 0);
		CHECK_EQ(read_frames(&frames, "", &request, NULL), known ? 0 : -EBADMSG);
		CHECK_EQ(request.shell, known ? kind : 0);
	}
}

TEST(a_request_that_is_not_whole_says_what_is_missing)
{
	AUTO(buf_done) struct buf frames = {0};
	AUTO(request_done) struct request request = {0};
	struct ktstr_error err = {0};

	CHECK_EQ(read_frames(&frames, "", &request, &err), -EBADMSG);
	CHECK_STR(err.msg, "request: it ends before its last frame");
	wire_put(&frames, NONCE, WIRE_REQ_END, 0, NULL, 0);
	CHECK_EQ(read_frames(&frames, "", &request, &err), -EBADMSG);
	CHECK_STR(err.msg, "request: no test program");
}

/* --- fuzz targets, on their corpora and around them -------------------------------------------- */

TEST(fuzz_request_holds_on_its_corpus)
{
	replay_corpus("request", fuzz_request);
}

TEST(fuzz_nfit_holds_on_its_corpus)
{
	replay_corpus("nfit", fuzz_nfit);
}

RUN_TESTS();
