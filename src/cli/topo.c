/* SPDX-License-Identifier: BSD-2-Clause */
/* topo.c - `ktstr topo` */
#include <fcntl.h>
#include <stdio.h>

#include "cli/cli.h"
#include "run/run.h"

static const char help_text[] =
	"usage: ktstr topo [--json]\n\n"
	"Prints this host's CPUs, last-level caches and NUMA nodes, and the topology that `ktstr run\n"
	"--host` takes them for: 1n2l4c2t is 1 node, 2 LLCs in all, 4 cores each, 2 threads a core. A\n"
	"host of another shape is one LLC of all its CPUs there.\n";

static void print_group(const char *what, const struct host_group *group, struct buf *out)
{
	buf_printf(out, "%s %u: CPUs ", what, group->number);
	cpuset_format(&group->cpus, out);
	buf_char(out, '\n');
}

static void print_text(const struct host_groups *groups, const char *topology, struct buf *out)
{
	buf_printf(out, "topology %s\n%u CPUs: ", topology, cpuset_count(&groups->online));
	cpuset_format(&groups->online, out);
	buf_char(out, '\n');
	vec_each(llc, &groups->llcs)
		print_group("LLC", llc, out);
	vec_each(node, &groups->nodes)
		print_group("node", node, out);
}

static void put_groups(struct json_out *json, const char *key, const struct host_group_list *list)
{
	jout_array(json, key);
	vec_each(group, list) {
		AUTO(buf_done) struct buf cpus = {0};

		cpuset_format(&group->cpus, &cpus);
		jout_object(json, NULL);
		jout_u64(json, "number", group->number);
		jout_string(json, "cpus", buf_text(&cpus));
		jout_end(json);
	}
	jout_end(json);
}

static void print_json(const struct host_groups *groups, const char *topology, struct buf *out)
{
	AUTO(buf_done) struct buf cpus = {0};
	struct json_out json = {.buf = out};

	cpuset_format(&groups->online, &cpus);
	jout_object(&json, NULL);
	jout_string(&json, "topology", topology);
	jout_u64(&json, "cpu_count", cpuset_count(&groups->online));
	jout_string(&json, "cpus", buf_text(&cpus));
	put_groups(&json, "llcs", &groups->llcs);
	put_groups(&json, "nodes", &groups->nodes);
	jout_end(&json);
	buf_char(out, '\n');
}

static int topo(bool json)
{
	AUTO(fd_close) int sys_fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(host_groups_done) struct host_groups groups = {0};
	AUTO(buf_done) struct buf text = {0};
	struct ktstr_error err = {0};
	struct topology topology;
	char name[TOPOLOGY_TEXT_MAX];

	if (sys_fd < 0 || host_groups_read(sys_fd, &groups, &err) < 0) {
		log_error("topo: %s", sys_fd < 0 ? "/sys cannot be opened" : err.msg);
		return EXIT_TROUBLE;
	}
	topology = host_topology(sys_fd);
	topology_format(&topology, name);
	if (json)
		print_json(&groups, name, &text);
	else
		print_text(&groups, name, &text);
	return cli_help(buf_text(&text));
}

int cli_topo(int argc, char **argv)
{
	bool json;
	int status;

	if (!cli_take_json("topo", help_text, argc, argv, &json, &status))
		return status;
	return topo(json);
}
