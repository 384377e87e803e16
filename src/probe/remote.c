/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/remote.h"

#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/sv.h"

#define MODULE_MAX 8192
#define PHDR_MAX 256
#define DYNAMIC_MAX 512
#define MODID_MAX (1u << 20)
#define FIELD_OFFSET_MAX (1u << 16)

int remote_read(pid_t tid, uint64_t address, void *buf, size_t bytes)
{
	struct iovec here = {.iov_base = buf, .iov_len = bytes};
	struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = bytes};
	ssize_t n = process_vm_readv(tid, &here, 1, &there, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == bytes ? 0 : -EFAULT;
}

/* ---- the _thread_db_* variables ---- */

/* The file's bytes that would be at this address. */
static int read_at_address(const struct image *image, uint64_t address, void *buf, size_t bytes)
{
	size_t count;

	if (elf_getphdrnum(image->elf, &count) < 0)
		return -ENOEXEC;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr phdr;
		uint64_t inside;

		if (!gelf_getphdr(image->elf, (int)i, &phdr))
			return -ENOEXEC;
		inside = address - phdr.p_vaddr;
		if (phdr.p_type != PT_LOAD || inside >= phdr.p_filesz || bytes > phdr.p_filesz - inside)
			continue;
		return pread(image->fd, buf, bytes, (off_t)(phdr.p_offset + inside)) == (ssize_t)bytes
			       ? 0
			       : -ENOEXEC;
	}
	return -ENOEXEC;
}

/* nptl_db/db_info.c: a field is described by its size in bits, how many there are, and its offset */
struct field {
	uint32_t bits, count, offset;
};

struct wanted {
	const char *symbol;
	struct field field;
	bool found;
};

static int read_wanted(const struct image *image, struct wanted *wanted, size_t count)
{
	Elf_Scn *section = NULL;
	int r = 0;

	while (r == 0 && (section = elf_nextscn(image->elf, section))) {
		GElf_Shdr shdr;
		GElf_Sym symbol;
		Elf_Data *data;

		if (!gelf_getshdr(section, &shdr) ||
		    (shdr.sh_type != SHT_DYNSYM && shdr.sh_type != SHT_SYMTAB))
			continue;
		data = elf_getdata(section, NULL);
		for (int i = 0; r == 0 && data && gelf_getsym(data, i, &symbol); i++) {
			const char *name = elf_strptr(image->elf, shdr.sh_link, symbol.st_name);

			if (!name || symbol.st_shndx == SHN_UNDEF ||
			    strncmp(name, "_thread_db_", strlen("_thread_db_")) != 0)
				continue;
			for (size_t j = 0; r == 0 && j < count; j++) {
				if (wanted[j].found || strcmp(name, wanted[j].symbol) != 0)
					continue;
				r = read_at_address(image, symbol.st_value, &wanted[j].field,
						    sizeof(wanted[j].field));
				wanted[j].found = r == 0;
			}
		}
	}
	return r;
}

int thread_db_read(const struct image *image, struct thread_db *ret_db, struct ktstr_error *err)
{
	struct wanted wanted[] = {
		{.symbol = "_thread_db_link_map_l_tls_offset"},
		{.symbol = "_thread_db_link_map_l_tls_modid"},
		{.symbol = "_thread_db_pthread_dtvp"},
		{.symbol = "_thread_db_dtv_dtv"},
		{.symbol = "_thread_db_dtv_t_pointer_val"},
	};
	const size_t count = sizeof(wanted) / sizeof(wanted[0]);
	int r = read_wanted(image, wanted, count);

	if (r < 0)
		return error_set(err, r, "its _thread_db_* variables pass its end");
	for (size_t i = 0; i < count; i++) {
		if (!wanted[i].found)
			return error_set(err, -ENOENT, "no %s in it", wanted[i].symbol);
		if (wanted[i].field.offset > FIELD_OFFSET_MAX || wanted[i].field.bits > 8 * 256)
			return error_set(err, -EBADMSG, "%s makes no sense", wanted[i].symbol);
	}
	if (wanted[0].field.bits != 64 || wanted[1].field.bits != 64 || wanted[3].field.bits < 64)
		return error_set(err, -EBADMSG, "its _thread_db_* variables are not of a 64-bit glibc");
	*ret_db = (struct thread_db){
		.l_tls_offset = wanted[0].field.offset,
		.l_tls_modid = wanted[1].field.offset,
		.dtvp = wanted[2].field.offset,
		.dtv_slot_bytes = wanted[3].field.bits / 8,
		.dtv_pointer = wanted[4].field.offset,
	};
	return 0;
}

/* ---- the list of modules ---- */

struct reading {
	pid_t pid;
	remote_reader *read;
	struct ktstr_error *err;
};

static int fetch(const struct reading *from, const char *what, uint64_t address, void *buf,
		 size_t bytes)
{
	int r = from->read(from->pid, address, buf, bytes);

	return r < 0 ? error_set(from->err, r, "read %s: %s", what, strerrordesc_np(-r)) : 0;
}

/* The address of PT_DYNAMIC; the program headers themselves say how far the program was moved. */
static int find_dynamic(const struct reading *from, uint64_t phdr_address, uint64_t phdr_count,
			uint64_t *ret_address)
{
	Elf64_Phdr phdrs[PHDR_MAX];
	uint64_t bias = 0, dynamic = 0;
	bool has_dynamic = false;
	int r;

	if (phdr_count > PHDR_MAX)
		return error_set(from->err, -EFBIG, "more than %d program headers", PHDR_MAX);
	r = fetch(from, "the program headers", phdr_address, phdrs, phdr_count * sizeof(*phdrs));
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < phdr_count; i++) {
		if (phdrs[i].p_type == PT_PHDR)
			bias = phdr_address - phdrs[i].p_vaddr;
		if (phdrs[i].p_type == PT_DYNAMIC) {
			has_dynamic = true;
			dynamic = phdrs[i].p_vaddr;
		}
	}
	if (!has_dynamic)
		return error_set(from->err, -ENOENT, "the executable is static");
	*ret_address = bias + dynamic;
	return 0;
}

static int find_debug(const struct reading *from, uint64_t dynamic, uint64_t *ret_address)
{
	for (unsigned i = 0; i < DYNAMIC_MAX; i++) {
		Elf64_Dyn dyn;
		int r = fetch(from, "PT_DYNAMIC", dynamic + i * sizeof(dyn), &dyn, sizeof(dyn));

		if (r < 0)
			return r;
		if (dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag != DT_DEBUG)
			continue;
		*ret_address = dyn.d_un.d_ptr;
		if (dyn.d_un.d_ptr)
			return 0;
		return error_set(from->err, -EAGAIN, "it is just starting; try again");
	}
	return error_set(from->err, -ENOENT, "the executable has no DT_DEBUG");
}

/* The first module. -EAGAIN: modules are being loaded, and what is told of them is not final. */
static int find_list(const struct reading *from, uint64_t phdr, uint64_t phdr_count, uint64_t *ret_module)
{
	struct {
		uint64_t r_version, r_map, r_brk;
		uint32_t r_state;
	} debug;
	uint64_t dynamic = 0, address = 0;
	int r = find_dynamic(from, phdr, phdr_count, &dynamic);

	if (r == 0)
		r = find_debug(from, dynamic, &address);
	if (r == 0)
		r = fetch(from, "r_debug", address, &debug, offsetof(typeof(debug), r_state) + 4);
	if (r < 0)
		return r;
	if (debug.r_state != RT_CONSISTENT)
		return error_set(from->err, -EAGAIN, "it is loading a library just now; try again");
	*ret_module = debug.r_map;
	return 0;
}

bool linker_is_busy(pid_t pid, remote_reader *read, uint64_t phdr, uint64_t phdr_count)
{
	const struct reading from = {.pid = pid, .read = read};
	uint64_t module;

	return find_list(&from, phdr, phdr_count, &module) == -EAGAIN;
}

static int find_module(const struct reading *from, uint64_t module, uint64_t bias, uint64_t *ret_link_map)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && module && i < MODULE_MAX; i++) {
		struct {
			uint64_t l_addr, l_name, l_ld, l_next;
		} map;

		r = fetch(from, "a link_map", module, &map, sizeof(map));
		if (r == 0 && map.l_addr == bias) {
			*ret_link_map = module;
			return 0;
		}
		module = map.l_next;
	}
	return r < 0 ? r : error_set(from->err, -ENOENT,
				     "the dynamic linker's list of modules does not have it (dlmopen?)");
}

int tls_place_find(pid_t pid, remote_reader *read, uint64_t phdr, uint64_t phdr_count, uint64_t bias,
		   const struct thread_db *db, struct tls_place *ret_place, struct ktstr_error *err)
{
	const struct reading from = {.pid = pid, .read = read, .err = err};
	struct tls_place place = {.db = *db};
	uint64_t module = 0;
	int64_t offset = 0;
	int r = find_list(&from, phdr, phdr_count, &module);

	if (r == 0)
		r = find_module(&from, module, bias, &module);
	if (r == 0)
		r = fetch(&from, "l_tls_offset", module + db->l_tls_offset, &offset, sizeof(offset));
	if (r == 0)
		r = fetch(&from, "l_tls_modid", module + db->l_tls_modid, &place.modid,
			  sizeof(place.modid));
	if (r < 0)
		return r;
	/*
	 * include/link.h: NO_TLS_OFFSET and FORCED_DYNAMIC_TLS_OFFSET are 0 and -1 where blocks lie
	 * before the thread pointer, and -1 and -2 where they lie behind it.
	 */
#if defined(__x86_64__)
	place.is_static = offset > 0;
	place.from_pointer = -offset;
#else
	place.is_static = offset >= 0;
	place.from_pointer = offset;
#endif
	if (!place.is_static && (place.modid == 0 || place.modid > MODID_MAX))
		return error_set(err, -EBADMSG, "its l_tls_modid is %llu",
				 (unsigned long long)place.modid);
	*ret_place = place;
	return 0;
}

/*
 * dtv[-1].counter is the length of the array, dtv[i] the block of module i; TLS_DTV_UNALLOCATED is -1
 * (sysdeps/generic/dl-dtv.h). A thread's array grows when it first uses a newer module.
 */
int tls_block_find(pid_t tid, remote_reader *read, const struct tls_place *place, uint64_t pointer,
		   uint64_t *ret_block)
{
	const struct thread_db *db = &place->db;
	uint64_t dtv = 0, length = 0, block = 0;
	int r;

	if (place->is_static) {
		*ret_block = pointer + (uint64_t)place->from_pointer;
		return 0;
	}
#if defined(__x86_64__)
	r = read(tid, pointer + db->dtvp, &dtv, sizeof(dtv));
#else
	r = read(tid, pointer, &dtv, sizeof(dtv));        /* tcbhead_t begins with it */
#endif
	if (r == 0)
		r = read(tid, dtv - db->dtv_slot_bytes, &length, sizeof(length));
	if (r < 0)
		return r;
	*ret_block = 0;
	if (place->modid > length)
		return 0;
	r = read(tid, dtv + place->modid * db->dtv_slot_bytes + db->dtv_pointer, &block, sizeof(block));
	if (r == 0 && block != UINT64_MAX)
		*ret_block = block;
	return r;
}
