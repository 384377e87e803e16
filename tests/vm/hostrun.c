/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostrun.c - what ktstr does on the machine that it runs on, tried where that harms nobody: a guest
 * plays the host. KTSTR and KTSTR_CATALOGUE are the paths of the programs, from meson.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define CGROUPS "/sys/fs/cgroup"
#define OUT "/tmp/out"
#define TEXT_MAX (1 << 20)

#define WITH_KTSTR .topology = "1n2l2c1t", .include_files = KTSTR_ARGS(KTSTR, KTSTR_CATALOGUE)

/* ktstr looks for the catalogue where it would have been installed. */
static int install(struct ktstr_error *err)
{
	(void)mkdir("/libexec", 0755);
	(void)mkdir("/libexec/ktstr", 0755);
	(void)mkdir("/tmp", 0777);
	if (symlink("/include-files/ktstr-catalogue", "/libexec/ktstr/ktstr-catalogue") == 0)
		return 0;
	return ktstr_error_set(err, -errno, "install the catalogue: %s", strerror(errno));
}

static char text[TEXT_MAX];

static const char *slurp(const char *path)
{
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[len] = '\0';
	if (file)
		fclose(file);
	return text;
}

/* Cgroups that ktstr has made here, by their names. */
static unsigned cgroups_of_ktstr(void)
{
	DIR *list = opendir(CGROUPS);
	struct dirent *entry;
	unsigned count = 0;

	while (list && (entry = readdir(list)))
		count += strncmp(entry->d_name, "ktstr", 5) == 0;
	if (list)
		closedir(list);
	return count;
}

enum as { AS_ROOT, AS_NOBODY, WITHOUT_CGROUPS, INTERRUPTED };

/* Its exit status; its output is in OUT, and the most cgroups of its that were seen in *ret_seen. */
static int run_as(enum as as, unsigned *ret_seen, const char *const *args)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	unsigned seen = 0, looks = 0;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int fd = open(OUT, O_RDWR | O_CREAT | O_TRUNC, 0666);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0 ||
		    setenv("KTSTR_RUNS_DIR", "/tmp/runs", 1) < 0)
			_exit(127);
		if (as == AS_NOBODY && setresuid(65534, 65534, 65534) < 0)
			_exit(127);
		if (as == WITHOUT_CGROUPS &&
		    (unshare(CLONE_NEWNS) < 0 || umount2(CGROUPS, MNT_DETACH) < 0))
			_exit(127);
		execv("/include-files/ktstr", (char *const *)args);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0) {
		unsigned now = cgroups_of_ktstr();

		seen = now > seen ? now : seen;
		looks += now > 0;
		if (as == INTERRUPTED && looks == 10)        /* its workers are at work by then */
			(void)kill(pid, SIGINT);
		(void)nanosleep(&pause, NULL);
	}
	if (ret_seen)
		*ret_seen = seen;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
#define RUN_AS(as, seen, ...) run_as(as, seen, (const char *const[]){"ktstr", __VA_ARGS__, NULL})

static void expect(struct ktstr_verdict *verdict, bool is_so, const char *what)
{
	if (is_so)
		return;
	ktstr_verdict_fail(verdict, KTSTR_KIND_OTHER, "not so: %s", what);
	printf("%s\n", slurp(OUT));
}
#define EXPECT(is_so) expect(verdict, is_so, #is_so)

static bool says(const char *words)
{
	return strstr(slurp(OUT), words) != NULL;
}

static unsigned times(const char *path, const char *words)
{
	unsigned count = 0;

	for (const char *at = slurp(path); (at = strstr(at, words)); at++)
		count++;
	return count;
}

/* One of them needs two LLCs, so the guest's shape must have been understood. */
KTSTR_TEST(scenarios_run_on_the_host, WITH_KTSTR)
{
	int r = install(err), status;
	unsigned seen;

	if (r < 0)
		return r;
	/* one worker a cgroup: whom EEVDF favours for a second is not the point here */
	status = RUN_AS(AS_ROOT, &seen, "run", "--host", "--workers", "1", "--duration", "1", "--format", "json", "-o",
		      "/tmp/json", "cgroup_steady", "cgroup_cpuset_apply_midrun",
		      "cgroup_cpuset_llc_steady");
	if (status)
		printf("%.8000s\n", slurp("/tmp/json"));
	EXPECT(status == 0);
	EXPECT(seen == 1);
	EXPECT(cgroups_of_ktstr() == 0);
	EXPECT(times("/tmp/json", "\"passed\": true") == 3 || times("/tmp/json", "\"passed\":true") == 3);
	EXPECT(times("/tmp/json", "\"skipped\": true") + times("/tmp/json", "\"skipped\":true") == 0);
	return 0;
}

KTSTR_TEST(an_interrupted_run_leaves_no_cgroup, WITH_KTSTR)
{
	unsigned seen;
	int r = install(err);

	if (r < 0)
		return r;
	EXPECT(RUN_AS(INTERRUPTED, &seen, "run", "--host", "--duration", "20", "cgroup_steady") == 130);
	EXPECT(seen == 1);
	EXPECT(cgroups_of_ktstr() == 0);
	return 0;
}

KTSTR_TEST(the_host_is_refused_in_words, WITH_KTSTR)
{
	int r = install(err);

	if (r < 0)
		return r;
	EXPECT(RUN_AS(AS_NOBODY, NULL, "run", "--host", "cgroup_steady") == 3);
	EXPECT(says("ktstr: --host makes cgroups on this machine: be root\n"));
	EXPECT(RUN_AS(WITHOUT_CGROUPS, NULL, "run", "--host", "cgroup_steady") == 3);
	EXPECT(says("ktstr: no cgroup v2 file system is mounted here; `mount -t cgroup2 none "
		    "/sys/fs/cgroup` makes it one\n"));
	EXPECT(RUN_AS(WITHOUT_CGROUPS, NULL, "cleanup") == 0);
	return 0;
}

KTSTR_TEST(the_host_has_the_shape_of_the_guest, WITH_KTSTR)
{
	EXPECT(RUN_AS(AS_ROOT, NULL, "topo") == 0);
	EXPECT(says("topology 1n2l2c1t\n4 CPUs: 0-3\nLLC 0: CPUs 0-1\nLLC 1: CPUs 2-3\nnode 0: CPUs 0-3\n"));
	EXPECT(RUN_AS(AS_ROOT, NULL, "topo", "--json") == 0);
	EXPECT(says("\"topology\":\"1n2l2c1t\""));
	return 0;
}

/* A process that sleeps in a cgroup, under this name. */
static pid_t put_sleeper(const char *cgroup, const char *name)
{
	pid_t pid = fork();
	char path[128];
	FILE *file;

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, name);
		for (;;)
			pause();
	}
	if (!cgroup)
		return pid;
	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	file = fopen(path, "we");
	if (!file || fprintf(file, "%d", pid) < 0 || fclose(file) == EOF)
		return -1;
	return pid;
}

#define DEAD CGROUPS "/ktstr-999999"

KTSTR_TEST(cgroups_of_the_dead_are_removed, WITH_KTSTR)
{
	pid_t inside, live;
	char dir[64], words[128];
	int status;

	if (mkdir(DEAD, 0755) < 0 || mkdir(DEAD "/cg_0", 0755) < 0 || mkdir(DEAD "/cg_0/sub", 0755) < 0)
		return ktstr_error_set(err, -errno, "mkdir below %s: %s", DEAD, strerror(errno));
	inside = put_sleeper(DEAD "/cg_0/sub", "cg_0-1");
	live = put_sleeper(NULL, "ktstr");
	snprintf(dir, sizeof(dir), CGROUPS "/ktstr-%d", live);
	if (inside < 0 || live < 0 || mkdir(dir, 0755) < 0)
		return ktstr_error_set(err, -EINVAL, "the leftovers cannot be made");
	EXPECT(RUN_AS(AS_ROOT, NULL, "cleanup") == 0);
	EXPECT(says(DEAD "\n"));
	snprintf(words, sizeof(words), "ktstr: skipping %s (live process)\n", dir);
	expect(verdict, says(words), words);
	EXPECT(access(DEAD, F_OK) < 0);
	EXPECT(access(dir, F_OK) == 0);
	EXPECT(waitpid(inside, &status, 0) == inside && WIFSIGNALED(status));
	(void)kill(live, SIGKILL);
	(void)waitpid(live, &status, 0);
	EXPECT(RUN_AS(AS_ROOT, NULL, "cleanup", "--parent-cgroup", "/tmp") == 3);
	EXPECT(says("ktstr: /tmp is no cgroup\n"));
	EXPECT(RUN_AS(AS_ROOT, NULL, "cleanup", "--parent-cgroup", dir) == 0);
	EXPECT(access(dir, F_OK) < 0);
	return 0;
}

/* Cgroups of others are emptied by nobody but them. */
KTSTR_TEST(processes_of_others_are_left_alone, WITH_KTSTR)
{
	pid_t inside;

	if (mkdir(CGROUPS "/mine", 0755) < 0)
		return ktstr_error_set(err, -errno, "mkdir: %s", strerror(errno));
	if (mkdir(CGROUPS "/mine/empty", 0755) < 0)
		return ktstr_error_set(err, -errno, "mkdir: %s", strerror(errno));
	inside = put_sleeper(CGROUPS "/mine", "sleeper");
	EXPECT(RUN_AS(AS_ROOT, NULL, "cleanup", "--parent-cgroup", CGROUPS "/mine") == 3);
	EXPECT(says("ktstr: " CGROUPS "/mine has processes in it\n"));
	EXPECT(access(CGROUPS "/mine/empty", F_OK) == 0);
	EXPECT(RUN_AS(AS_ROOT, NULL, "cleanup", "--parent-cgroup", CGROUPS) == 3);
	EXPECT(says("ktstr: " CGROUPS " is where cgroups are mounted: name one in it\n"));
	EXPECT(access(CGROUPS "/mine/empty", F_OK) == 0);
	EXPECT(kill(inside, 0) == 0);
	(void)kill(inside, SIGKILL);
	EXPECT(waitpid(inside, NULL, 0) == inside);
	return 0;
}
