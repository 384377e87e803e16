/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helper_main.c - the program of helper.h, in two lives. "confine NAME" gives away what it could do
 * harm with and executes itself anew with descriptor 4 preloaded; "ask NAME" calls the function NAME,
 * which is that object's mallctl, and prints how far into the object's TLS block the addresses of
 * this thread's two numbers are: "824 840". Descriptor 3 is the program itself. Libc alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

#if defined(__x86_64__)
#define AUDIT_ARCH_OURS AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_OURS AUDIT_ARCH_AARCH64
#endif

__attribute__((noreturn)) static void fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static void limit(int resource, rlim_t value)
{
	struct rlimit both = {.rlim_cur = value, .rlim_max = value};

	if (setrlimit((__rlimit_resource_t)resource, &both) < 0)
		fail("setrlimit", strerror(errno));
}

static void drop_user(void)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		fail("clear ambient capabilities", strerror(errno));
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		fail("become nobody", strerror(errno));
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)
#define ALLOW(name)                                                                                \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), ANSWER(SECCOMP_RET_ALLOW)
#define REFUSE ANSWER(SECCOMP_RET_ERRNO | EPERM)

/* What the dynamic linker and an allocator need to start, to read and to end. */
static struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_OURS, 1, 0),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
#if defined(__x86_64__)
	ALLOW(arch_prctl), ALLOW(access), ALLOW(readlink),
#endif
	ALLOW(read), ALLOW(write), ALLOW(pread64), ALLOW(close), ALLOW(fstat), ALLOW(newfstatat),
	ALLOW(lseek), ALLOW(readlinkat), ALLOW(faccessat),
	ALLOW(mmap), ALLOW(mprotect), ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(brk),
	ALLOW(execve), ALLOW(set_tid_address), ALLOW(set_robust_list), ALLOW(rseq), ALLOW(futex),
	ALLOW(getrandom), ALLOW(getpid), ALLOW(gettid), ALLOW(clock_gettime), ALLOW(sched_getaffinity),
	ALLOW(sched_yield), ALLOW(getcpu), ALLOW(uname), ALLOW(sysinfo),
	ALLOW(rt_sigaction), ALLOW(rt_sigprocmask), ALLOW(exit), ALLOW(exit_group),
	/* and files opened for nothing but reading */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
	REFUSE,
	LOAD(args[2]),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, 0, 1),
	REFUSE,
	ANSWER(SECCOMP_RET_ALLOW),
};

static void filter_calls(void)
{
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("no_new_privs", strerror(errno));
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		fail("seccomp", strerror(errno));
}

__attribute__((noreturn)) static void confine(char *name)
{
	char *argv[] = {"ktstr-jemalloc-helper", "ask", name, NULL};
	/* not even the file's own configuration of it: no background threads, no profiles */
	char *env[] = {"LD_PRELOAD=/proc/self/fd/4", "MALLOC_CONF=background_thread:false", NULL};

	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_CPU, 2);
	limit(RLIMIT_NOFILE, 32);
	limit(RLIMIT_AS, (rlim_t)4 << 30);
	drop_user();
	filter_calls();
	execve("/proc/self/fd/3", argv, env);
	fail("execute the helper anew", strerror(errno));
}

struct module {
	uintptr_t inside;        /* an address in it */
	uintptr_t tls;           /* this thread's block, or 0 */
	size_t tls_bytes;
};

static int find_module(struct dl_phdr_info *info, size_t size __attribute__((unused)), void *arg)
{
	struct module *module = arg;
	size_t tls_bytes = 0;
	int found = 0;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];

		if (phdr->p_type == PT_TLS)
			tls_bytes = phdr->p_memsz;
		if (phdr->p_type == PT_LOAD &&
		    module->inside - (info->dlpi_addr + phdr->p_vaddr) < phdr->p_memsz)
			found = 1;
	}
	if (found) {
		module->tls = (uintptr_t)info->dlpi_tls_data;
		module->tls_bytes = tls_bytes;
	}
	return found;
}

typedef int mallctl_fn(const char *, void *, size_t *, void *, size_t);

static size_t ask(mallctl_fn *mallctl, const char *what)
{
	struct module module = {.inside = (uintptr_t)mallctl};
	uint64_t *number = NULL;
	size_t size = sizeof(number);
	int r = mallctl(what, &number, &size, NULL, 0);

	if (r)
		fail(what, r == ENOENT ? "built without statistics" : strerror(r));
	dl_iterate_phdr(find_module, &module);
	if (!module.tls || (uintptr_t)number - module.tls >= module.tls_bytes)
		fail(what, "the number is not in the TLS block of the object");
	return (uintptr_t)number - module.tls;
}

int main(int argc, char **argv)
{
	mallctl_fn *mallctl;

	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "confine") == 0)
		confine(argv[2]);
	free(malloc(1));
	mallctl = (mallctl_fn *)dlsym(RTLD_DEFAULT, argv[2]);
	if (!mallctl)
		fail(argv[2], "not found: the object was not preloaded");
	printf("%zu %zu\n", ask(mallctl, "thread.allocatedp"), ask(mallctl, "thread.deallocatedp"));
	return 0;
}
