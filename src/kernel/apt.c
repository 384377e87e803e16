/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/apt.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_NS (60 * NS_PER_S)
#define UPDATE_NS (10 * 60 * NS_PER_S)
#define DOWNLOAD_NS (30 * 60 * NS_PER_S)
#define OUTPUT_BYTES_MAX (32u << 20)
#define COMPLAINT_BYTES_MAX 400
#define INDEX_AGE_MAX_S (24 * 60 * 60)

#define WITHOUT_APT                                                                                \
	"; without Debian's archive, build a kernel or copy one, and name it with --kernel PATH "  \
	"or KTSTR_KERNEL"

/*
 * Hooks of the system's configuration (they clean caches and rebuild databases) are not for us.
 * Error-Mode any: an index that could not be read is an error, not a warning.
 */
static const char conf_text[] =
	"#clear APT::Update;\n"
	"APT::Update::Error-Mode \"any\";\n"
	"APT::Sandbox::User \"root\";\n"
	"Acquire::Retries \"2\";\n"
	"Acquire::http::Timeout \"60\";\n"
	"Acquire::https::Timeout \"60\";\n"
	"Dir::State \"%1$s\";\n"
	"Dir::State::lists \"%1$s/lists\";\n"
	"Dir::State::status \"%1$s/status\";\n"
	"Dir::State::extended_states \"%1$s/extended_states\";\n"
	"Dir::Cache \"%1$s\";\n"
	"Dir::Cache::archives \"%1$s/archives\";\n"
	"Dir::Cache::pkgcache \"\";\n"
	"Dir::Cache::srcpkgcache \"\";\n"
	"Dir::Etc::sourcelist \"%1$s/ktstr.sources\";\n"
	"Dir::Etc::sourceparts \"/dev/null\";\n"
	"Dir::Etc::preferences \"/dev/null\";\n"
	"Dir::Etc::preferencesparts \"/dev/null\";\n";

void apt_done(struct apt *apt)
{
	free(apt->dir);
	free(apt->conf);
	free(apt->scratch);
	free(apt->suites);
	*apt = (struct apt){0};
}

/* apt's own words: its first "E: ..." line, else its first "W: ...". The others repeat it. */
static struct sv complaint_of(struct sv text)
{
	static const char *const marks[] = {"E: ", "W: "};

	for (unsigned i = 0; i < 2; i++) {
		struct sv rest = text, line;

		while (sv_line(&rest, &line)) {
			if (!sv_starts(line, marks[i]))
				continue;
			line = sv_trim(sv_skip(line, strlen(marks[i])));
			line.len = line.len < COMPLAINT_BYTES_MAX ? line.len : COMPLAINT_BYTES_MAX;
			return line;
		}
	}
	return (struct sv){0};
}

static int run(const char *const *argv, const char *dir, int out_fd, int err_fd, uint64_t timeout_ns,
	       struct ktstr_error *err)
{
	struct spawn_config config = {
		.argv = argv,
		.dir = dir,
		.stdin_fd = -1,
		.stdout_fd = out_fd,
		.stderr_fd = err_fd,
	};
	AUTO(child_done) struct child child = CHILD_NONE;
	AUTO(buf_done) struct buf text = {0};
	AUTO(buf_done) struct buf how = {0};
	struct sv complaint;
	int status, r = child_spawn(&config, &child, err);

	if (r == -ENOENT)
		return error_set(err, r, "this system has no %s%s", argv[0], WITHOUT_APT);
	if (r < 0)
		return r;
	r = child_wait(&child, deadline_in(timeout_ns), &status);
	if (r < 0)
		return error_set(err, r, "%s did not end within %llu s", argv[0],
				 (unsigned long long)(timeout_ns / NS_PER_S));
	if (status == 0)
		return 0;
	status_describe(status, &how);
	if (lseek(err_fd, 0, SEEK_SET) == 0)
		(void)fd_read_to_end(err_fd, 1 << 20, &text);      /* the status alone will do */
	complaint = complaint_of(sv_bytes(buf_text(&text), text.len));
	if (!complaint.len)
		complaint = sv_of(buf_text(&how));
	return error_set(err, -EIO, "%s: %.*s", argv[0], SV_ARG(complaint));
}

/* Output goes to memory, so that a full disk does not take away the words about it. */
static int run_apt(const char *const *argv, const char *dir, uint64_t timeout_ns, struct buf *ret_out,
		   struct ktstr_error *err)
{
	AUTO(fd_close) int out_fd = memfd_create("apt.out", MFD_CLOEXEC);
	AUTO(fd_close) int err_fd = memfd_create("apt.err", MFD_CLOEXEC);
	int r;

	if (out_fd < 0 || err_fd < 0)
		return error_sys(err, "memfd_create");
	r = run(argv, dir, out_fd, err_fd, timeout_ns, err);
	if (r < 0 || !ret_out)
		return r;
	if (lseek(out_fd, 0, SEEK_SET) < 0)
		return error_sys(err, "the output of %s", argv[0]);
	r = fd_read_to_end(out_fd, OUTPUT_BYTES_MAX, ret_out);
	return r < 0 ? error_set(err, r, "the output of %s: %s", argv[0], strerrordesc_np(-r)) : 0;
}

static char *system_key(const struct mirror *mirror)
{
	AUTO(buf_done) struct buf text = {0};
	const char *dot;

	if (!mirror->source_file ||
	    file_read(AT_FDCWD, mirror->source_file, 1 << 20, &text, NULL) < 0)
		return NULL;
	dot = strrchr(mirror->source_file, '.');
	return signed_by_of(sv_bytes(buf_text(&text), text.len), dot && strcmp(dot, ".sources") == 0,
			    mirror->source_entry);
}

/* The first "Suites: " line of our own sources, without its key. */
static char *suites_of(struct sv sources)
{
	struct sv line;

	while (sv_line(&sources, &line)) {
		if (sv_starts(line, "Suites: "))
			return xstrndup(line.data + strlen("Suites: "), line.len - strlen("Suites: "));
	}
	return xstrdup("");
}

static int write_text(const struct apt *apt, const char *name, const char *text, struct ktstr_error *err)
{
	AUTO(free) char *path = xasprintf("%s/%s", apt->dir, name);

	return file_write_atomic(path, text, strlen(text), 0644, err);
}

static int make_dirs(const struct apt *apt, struct ktstr_error *err)
{
	static const char *const names[] = {"lists/partial", "archives/partial"};
	int r = 0;

	for (unsigned i = 0; i < 2 && r == 0; i++) {
		AUTO(free) char *path = xasprintf("%s/%s", apt->dir, names[i]);

		r = dir_make(path, 0755, err);
	}
	return r;
}

/* updated is written after each complete update and holds the sources that it was for. */
static bool is_stale(const struct apt *apt, const char *sources)
{
	AUTO(free) char *path = xasprintf("%s/updated", apt->dir);
	AUTO(buf_done) struct buf updated = {0};
	struct stat st;

	if (stat(path, &st) < 0 || file_read(AT_FDCWD, path, 1 << 20, &updated, NULL) < 0)
		return true;
	return strcmp(buf_text(&updated), sources) != 0 ||
	       clock_unix_ns() / NS_PER_S > (uint64_t)st.st_mtim.tv_sec + INDEX_AGE_MAX_S;
}

static int configure(struct apt *apt, const struct mirror *mirror, struct ktstr_error *err)
{
	AUTO(free) char *conf = xasprintf(conf_text, apt->dir);
	AUTO(free) char *key = system_key(mirror);
	AUTO(buf_done) struct buf sources = {0};
	int r;

	mirror_sources(mirror, key, &sources);
	apt->suites = suites_of(sv_bytes(buf_text(&sources), sources.len));
	apt->is_stale = is_stale(apt, buf_text(&sources));
	r = make_dirs(apt, err);
	if (r == 0)
		r = write_text(apt, "status", "", err);
	if (r == 0)
		r = write_text(apt, "apt.conf", conf, err);
	if (r == 0)
		r = write_text(apt, "ktstr.sources", buf_text(&sources), err);
	return r;
}

int apt_open(const char *dir, const char *scratch, struct apt *ret_apt, struct ktstr_error *err)
{
	static const char *const argv[] = {"apt-get", "indextargets", "--format", MIRROR_FORMAT,
					   "Created-By: Packages", NULL};
	AUTO(apt_done) struct apt apt = {
		.dir = xstrdup(dir),
		.conf = xasprintf("%s/apt.conf", dir),
		.scratch = xstrdup(scratch),
	};
	AUTO(mirror_done) struct mirror mirror = {0};
	AUTO(buf_done) struct buf targets = {0};
	int r;

	if (strpbrk(dir, "\"\n%"))
		return error_set(err, -EINVAL,
				 "apt cannot work in %s: a quote, a newline or a '%%' in it; set "
				 "KTSTR_CACHE_DIR",
				 dir);
	r = run_apt(argv, scratch, LIST_NS, &targets, err);
	if (r < 0)
		return r;
	r = mirror_parse(sv_bytes(buf_text(&targets), targets.len), &mirror, err);
	if (r < 0)
		return error_set(err, r,
				 "this system's apt knows no Debian archive (`apt-get update` helps if it "
				 "was never run)%s",
				 WITHOUT_APT);
	r = configure(&apt, &mirror, err);
	if (r == 0)
		*ret_apt = TAKE(apt, (struct apt){0});
	return r;
}

int apt_update(const struct apt *apt, struct ktstr_error *err)
{
	const char *argv[] = {"apt-get", "-c", apt->conf, "-q", "update", NULL};
	AUTO(free) char *path = xasprintf("%s/ktstr.sources", apt->dir);
	AUTO(buf_done) struct buf sources = {0};
	int r = run_apt(argv, apt->scratch, UPDATE_NS, NULL, err);

	if (r < 0)
		return error_wrap(err, r, "read the index of %s", apt->suites);
	r = file_read(AT_FDCWD, path, 1 << 20, &sources, err);
	return r < 0 ? r : write_text(apt, "updated", buf_text(&sources), err);
}

int apt_kernels(const struct apt *apt, struct packages *ret_packages, struct ktstr_error *err)
{
	const char *argv[] = {"apt-cache", "-c", apt->conf, "-q", "--no-all-versions", "show",
			      "~n^linux-.*-cloud-amd64", NULL};
	AUTO(buf_done) struct buf text = {0};
	int r = run_apt(argv, apt->scratch, LIST_NS, &text, err);

	if (r == 0)
		packages_parse(sv_bytes(buf_text(&text), text.len), ret_packages);
	return r;
}

static int only_file(const char *dir, char **ret_path, struct ktstr_error *err)
{
	AUTO(free) char *pattern = xasprintf("%s/*.deb", dir);
	glob_t found = {0};
	int r = glob(pattern, 0, NULL, &found);

	if (r == 0 && found.gl_pathc == 1)
		*ret_path = xstrdup(found.gl_pathv[0]);
	else
		r = error_set(err, -EIO, "apt-get download left no single package in %s", dir);
	globfree(&found);
	return r;
}

int apt_download(const struct apt *apt, const struct package *package, char **ret_path,
		 struct ktstr_error *err)
{
	AUTO(free) char *dir = xasprintf("%s/%s", apt->scratch, package->name);
	AUTO(free) char *what = xasprintf("%s=%s", package->name, package->version);
	const char *argv[] = {"apt-get", "-c", apt->conf, "-q", "download", what, NULL};
	int r = dir_make(dir, 0755, err);

	if (r == 0)
		r = run_apt(argv, dir, DOWNLOAD_NS, NULL, err);
	if (r == 0)
		r = only_file(dir, ret_path, err);
	return r < 0 ? error_wrap(err, r, "download %s", package->name) : 0;
}
