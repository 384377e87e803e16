/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "vm/template.h"

static void add(SHA2_CTX *digest, const char *word)
{
	/* with its end, so that words cannot run into each other */
	SHA256Update(digest, (const uint8_t *)word, strlen(word) + 1);
}

/* The digest of a file's content; of a large file that has not changed since, as remembered. */
static int file_digest(const char *path, const char *cache_dir, char text[SHA256_DIGEST_STRING_LENGTH],
		       struct ktstr_error *err)
{
	AUTO(free) char *identity = NULL;
	AUTO(free) char *memo = NULL;
	AUTO(free) char *known = NULL;
	AUTO(free) char *dir = xasprintf("%s/digests", cache_dir);
	char name[SHA256_DIGEST_STRING_LENGTH];
	struct stat st;

	if (stat(path, &st) < 0)
		return error_sys(err, "%s", path);
	identity = xasprintf("%llu %llu %lld %lld.%09ld", (unsigned long long)st.st_dev,
			     (unsigned long long)st.st_ino, (long long)st.st_size,
			     (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	SHA256Data((const uint8_t *)identity, strlen(identity), name);
	memo = xasprintf("%s/%.32s", dir, name);
	known = file_line(AT_FDCWD, memo);
	if (known && strlen(known) == SHA256_DIGEST_STRING_LENGTH - 1) {
		memcpy(text, known, SHA256_DIGEST_STRING_LENGTH);
		return 0;
	}
	if (!SHA256File(path, text))
		return error_sys(err, "read %s", path);
	if (dir_make(dir, 0755, NULL) == 0)        /* a digest that cannot be kept is made again */
		(void)file_write_atomic(memo, text, strlen(text), 0644, NULL);
	return 0;
}

static void add_host(SHA2_CTX *digest)
{
	AUTO(free) char *cpus = file_line(AT_FDCWD, "/proc/cpuinfo");
	const char *model = cpus ? strstr(cpus, "model name") : NULL;
	struct utsname host = {0};

	(void)uname(&host);
	add(digest, host.release);
	add(digest, host.version);
	if (model)
		SHA256Update(digest, (const uint8_t *)model, strcspn(model, "\n"));
}

int template_key(const struct vm_config *config, const char *cache_dir, char key[TEMPLATE_KEY_MAX],
		 struct ktstr_error *err)
{
	struct vm_config plain = *config;
	AUTO(strings_done) struct strings argv = {0};
	char kernel[SHA256_DIGEST_STRING_LENGTH], init[SHA256_DIGEST_STRING_LENGTH];
	char all[SHA256_DIGEST_STRING_LENGTH];
	SHA2_CTX digest;
	int r = file_digest(config->kernel, cache_dir, kernel, err);

	if (r == 0)
		r = file_digest(config->initramfs, cache_dir, init, err);
	if (r < 0)
		return r;
	plain.dir = plain.kernel = plain.initramfs = "@";
	plain.template_dir = "@";
	plain.clone = plain.shell = false;
	plain.plugin = NULL;
	plain.stay_when_off = false;
	argv = vm_argv(&plain, 0, 0);
	SHA256Init(&digest);
	for (size_t i = 0; argv.at[i]; i++)
		add(&digest, argv.at[i]);
	add(&digest, kernel);
	add(&digest, init);
	add(&digest, config->qemu->version);
	if (config->mode == VM_KVM)
		add_host(&digest);
	SHA256End(&digest, all);
	snprintf(key, TEMPLATE_KEY_MAX, "%.32s", all);
	return 0;
}
