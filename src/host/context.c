/* SPDX-License-Identifier: BSD-2-Clause */
/* context.c - reading the host context from /proc and /sys. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host/fields.h"

#define FILE_MAX (1u << 20)            /* of /proc/meminfo and what is read of a /sys file */
#define CPUINFO_MAX (16u << 20)        /* 1,024 CPUs of 1.5 KiB each, and much room */
#define ENTRIES_MAX 65536              /* read from a directory */

static void dir_close(DIR *dir)
{
	if (dir)
		closedir(dir);
}
DEFINE_AUTO(DIR *, dir_close)

#define FIELD(key, type) {#key, type, offsetof(struct host_context, key)}

const struct host_field host_context_fields[] = {
	FIELD(kernel_name, HOST_TEXT),
	FIELD(kernel_release, HOST_TEXT),
	FIELD(arch, HOST_TEXT),
	FIELD(cpu_model, HOST_TEXT),
	FIELD(cpu_vendor, HOST_TEXT),
	FIELD(total_memory_kb, HOST_NUMBER),
	FIELD(hugepages_total, HOST_NUMBER),
	FIELD(hugepages_free, HOST_NUMBER),
	FIELD(hugepages_size_kb, HOST_NUMBER),
	FIELD(online_cpus, HOST_NUMBER),
	FIELD(numa_nodes, HOST_NUMBER),
	FIELD(thp_enabled, HOST_TEXT),
	FIELD(thp_defrag, HOST_TEXT),
	FIELD(kernel_cmdline, HOST_TEXT),
	FIELD(cpufreq_governor, HOST_MAP),
	FIELD(sched_tunables, HOST_MAP),
	{NULL, HOST_TEXT, 0},
};

void host_pair_done(struct host_pair *pair)
{
	free(pair->key);
	free(pair->value);
}

void host_context_done(struct host_context *context)
{
	for (const struct host_field *field = host_context_fields; field->key; field++) {
		if (field->type == HOST_TEXT)
			free(*host_text_at(context, field));
		else if (field->type == HOST_MAP)
			host_pairs_done(&host_map_at(context, field)->pairs);
	}
	*context = (struct host_context){0};
}

static int compare_pairs(const void *a, const void *b)
{
	return strverscmp(((const struct host_pair *)a)->key, ((const struct host_pair *)b)->key);
}

void host_map_sort(struct host_map *map)
{
	struct host_pairs *pairs = &map->pairs;
	size_t kept = 0;

	if (pairs->len)
		qsort(pairs->at, pairs->len, sizeof(*pairs->at), compare_pairs);
	for (size_t i = 0; i < pairs->len; i++) {
		if (kept && compare_pairs(&pairs->at[kept - 1], &pairs->at[i]) == 0)
			host_pair_done(&pairs->at[i]);
		else
			pairs->at[kept++] = pairs->at[i];
	}
	pairs->len = kept;
}

/* "MemTotal:       24034216 kB" */
static struct host_number meminfo_number(struct sv text, const char *key)
{
	struct host_number number = {0};
	struct sv line;

	while (sv_line(&text, &line)) {
		struct sv name = sv_split(&line, ':');

		line = sv_trim(line);
		if (!sv_eq(name, key))
			continue;
		number.known = sv_u64(sv_split(&line, ' '), INT64_MAX, &number.value) == 0;
		break;
	}
	return number;
}

static void read_hugepages(int root_fd, struct host_context *context)
{
	AUTO(buf_done) struct buf text = {0};
	struct sv meminfo;

	if (file_read(root_fd, "proc/meminfo", FILE_MAX, &text, NULL) < 0)
		return;
	meminfo = sv_bytes(buf_text(&text), text.len);
	context->hugepages_total = meminfo_number(meminfo, "HugePages_Total");
	context->hugepages_free = meminfo_number(meminfo, "HugePages_Free");
	context->hugepages_size_kb = meminfo_number(meminfo, "Hugepagesize");
	context->total_memory_kb = meminfo_number(meminfo, "MemTotal");
}

/* "model name	: AMD EPYC 7B13"; other architectures have other names or none */
static void read_cpuinfo(int root_fd, struct host_context *context)
{
	AUTO(buf_done) struct buf text = {0};
	struct sv rest, line;

	if (file_read(root_fd, "proc/cpuinfo", CPUINFO_MAX, &text, NULL) < 0)
		return;
	rest = sv_bytes(buf_text(&text), text.len);
	while (sv_line(&rest, &line) && sv_trim(line).len) {        /* a blank line ends the first CPU */
		struct sv name = sv_trim(sv_split(&line, ':'));

		line = sv_trim(line);
		if (sv_eq(name, "model name") && !context->cpu_model)
			context->cpu_model = text_clean(line, FILE_MAX);
		else if (sv_eq(name, "vendor_id") && !context->cpu_vendor)
			context->cpu_vendor = text_clean(line, FILE_MAX);
	}
}

static char *clean_line(int dir_fd, const char *path)
{
	AUTO(free) char *line = file_line(dir_fd, path);

	return line ? text_clean(sv_of(line), FILE_MAX) : NULL;
}

static struct host_number list_count(int root_fd, const char *path)
{
	AUTO(free) char *list = file_line(root_fd, path);
	struct cpuset set;

	if (!list || cpuset_parse(sv_of(list), &set, NULL) < 0)
		return (struct host_number){0};
	return (struct host_number){.known = true, .value = cpuset_count(&set)};
}

static DIR *open_dir(int root_fd, const char *path)
{
	int fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		fd_close(fd);
	return dir;
}

/* For each entry `<prefix>...` of a directory the line in the file `<entry><suffix>`, if there is one. */
static struct host_map read_map(int root_fd, const char *path, const char *prefix, const char *suffix)
{
	AUTO(dir_close) DIR *dir = open_dir(root_fd, path);
	struct host_map map = {.known = dir != NULL};
	struct dirent *entry;
	unsigned count = 0;

	while (dir && count++ < ENTRIES_MAX && (entry = readdir(dir))) {
		AUTO(free) char *file = xasprintf("%s%s", entry->d_name, suffix);
		char *value;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		value = clean_line(dirfd(dir), file);
		if (value)
			host_pairs_push(&map.pairs,
					(struct host_pair){.key = text_clean(sv_of(entry->d_name), 256),
							   .value = value});
	}
	host_map_sort(&map);
	return map;
}

void host_context_read(int root_fd, struct host_context *ret_context)
{
	struct host_context context = {
		.kernel_name = clean_line(root_fd, "proc/sys/kernel/ostype"),
		.kernel_release = clean_line(root_fd, "proc/sys/kernel/osrelease"),
		.arch = clean_line(root_fd, "proc/sys/kernel/arch"),
		.online_cpus = list_count(root_fd, "sys/devices/system/cpu/online"),
		.numa_nodes = list_count(root_fd, "sys/devices/system/node/online"),
		.thp_enabled = clean_line(root_fd, "sys/kernel/mm/transparent_hugepage/enabled"),
		.thp_defrag = clean_line(root_fd, "sys/kernel/mm/transparent_hugepage/defrag"),
		.kernel_cmdline = clean_line(root_fd, "proc/cmdline"),
		.cpufreq_governor = read_map(root_fd, "sys/devices/system/cpu", "cpu",
					     "/cpufreq/scaling_governor"),
		.sched_tunables = read_map(root_fd, "proc/sys/kernel", "sched_", ""),
	};

	read_cpuinfo(root_fd, &context);
	read_hugepages(root_fd, &context);
	*ret_context = context;
}

static void copy_context(const struct host_context *from, struct host_context *to)
{
	*to = *from;
	for (const struct host_field *field = host_context_fields; field->key; field++) {
		if (field->type == HOST_TEXT && *host_text_at(from, field))
			*host_text_at(to, field) = xstrdup(*host_text_at(from, field));
		if (field->type != HOST_MAP)
			continue;
		host_map_at(to, field)->pairs = (struct host_pairs){0};
		vec_each(pair, &host_map_at(from, field)->pairs)
			host_pairs_push(&host_map_at(to, field)->pairs,
					(struct host_pair){.key = xstrdup(pair->key),
							   .value = xstrdup(pair->value)});
	}
}

static struct host_context fixed;        /* lives as long as the process */
static int fixed_root_fd = -1;

static void read_fixed(void)
{
	struct utsname name;

	fixed_root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	host_context_read(fixed_root_fd, &fixed);
	if (!fixed.arch && uname(&name) == 0)        /* the file is there since Linux 6.1 */
		fixed.arch = xstrdup(name.machine);
}

void host_context_collect(struct host_context *ret_context)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_fixed);
	copy_context(&fixed, ret_context);
	read_hugepages(fixed_root_fd, ret_context);
	ret_context->heap_state = host_heap_collect();
	ret_context->has_heap_state = !host_heap_is_unused(&ret_context->heap_state);
}
