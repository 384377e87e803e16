/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbols/needs.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sv.h"

#define HEAD_BYTES 256                     /* what the kernel looks at: BINPRM_BUF_SIZE */
#define DYNAMIC_BYTES_MAX (1u << 20)
#define STRINGS_BYTES_MAX (256u << 20)

static void elf_close(Elf *elf)
{
	(void)elf_end(elf);     /* a count of further users; there are none */
}
DEFINE_AUTO(Elf *, elf_close)

struct image {
	Elf *elf;
	uint64_t size;        /* of the file */
	size_t phdr_count;
};

void needs_done(struct needs *needs)
{
	free(needs->interpreter);
	free(needs->soname);
	free(needs->rpath);
	free(needs->runpath);
	strings_done(&needs->needed);
	*needs = (struct needs){0};
}

/*
 * As fs/binfmt_script.c: blanks, then the interpreter up to the next blank or the end of the line.
 * A name that fills the whole head was cut, and the kernel does not run such a file.
 */
static void read_script(struct sv head, struct needs *needs)
{
	size_t end = 2, start;

	while (end < head.len && (head.data[end] == ' ' || head.data[end] == '\t'))
		end++;
	start = end;
	while (end < head.len && head.data[end] && !strchr(" \t\n", head.data[end]))
		end++;
	if (end == start || end == HEAD_BYTES)
		return;
	needs->form = NEEDS_FORM_SCRIPT;
	needs->interpreter = xstrndup(head.data + start, end - start);
}

static int corrupt(const char *what, struct ktstr_error *err)
{
	return error_set(err, -ENOEXEC, "%s", what);
}

/* The file's bytes at offset; what lies outside of it is an error that says so. */
static int read_chunk(const struct image *image, const char *what, uint64_t offset, uint64_t size,
		      Elf_Type type, Elf_Data **ret_data, struct ktstr_error *err)
{
	if (offset > image->size || size > image->size - offset)
		return error_set(err, -ENOEXEC,
				 "%s is at byte %llu with %llu bytes, and the file has %llu", what,
				 (unsigned long long)offset, (unsigned long long)size,
				 (unsigned long long)image->size);
	*ret_data = elf_getdata_rawchunk(image->elf, (int64_t)offset, size, type);
	return *ret_data ? 0 : corrupt(elf_errmsg(-1), err);
}

static int copy_text(const char *what, const Elf_Data *from, uint64_t offset, char **ret_text,
		     struct ktstr_error *err)
{
	const char *text = from->d_buf;
	size_t len;

	if (offset >= from->d_size)
		return error_set(err, -ENOEXEC, "%s lies outside of the string table", what);
	text += offset;
	len = strnlen(text, from->d_size - offset);
	if (len > NEEDS_TEXT_MAX)
		return error_set(err, -ENOEXEC, "%s is longer than %d bytes", what, NEEDS_TEXT_MAX);
	if (len == from->d_size - offset)
		return error_set(err, -ENOEXEC, "%s does not end", what);
	free(*ret_text);
	*ret_text = xstrndup(text, len);
	return 0;
}

static int read_interpreter(const struct image *image, const GElf_Phdr *phdr, struct needs *needs,
			    struct ktstr_error *err)
{
	Elf_Data *data;
	int r = read_chunk(image, "PT_INTERP", phdr->p_offset, phdr->p_filesz, ELF_T_BYTE, &data,
			   err);

	return r < 0 ? r : copy_text("PT_INTERP", data, 0, &needs->interpreter, err);
}

/* Where in the file the loader finds what it addresses: by the PT_LOAD that maps it. */
static int offset_of_address(const struct image *image, uint64_t address, uint64_t *ret_offset,
			     struct ktstr_error *err)
{
	for (size_t i = 0; i < image->phdr_count; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(image->elf, (int)i, &phdr))
			return corrupt(elf_errmsg(-1), err);
		if (phdr.p_type != PT_LOAD || address < phdr.p_vaddr ||
		    address - phdr.p_vaddr >= phdr.p_filesz)
			continue;
		if (__builtin_add_overflow(phdr.p_offset, address - phdr.p_vaddr, ret_offset))
			break;
		return 0;
	}
	return corrupt("no segment holds the string table", err);
}

/* The value of the last entry with this tag, as for ld.so; false without one. */
static bool dynamic_value(Elf_Data *dynamic, int64_t tag, uint64_t *ret_value)
{
	GElf_Dyn dyn;
	bool found = false;

	for (int i = 0; gelf_getdyn(dynamic, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
		if (dyn.d_tag != tag)
			continue;
		*ret_value = dyn.d_un.d_val;
		found = true;
	}
	return found;
}

static int read_strings(const struct image *image, Elf_Data *dynamic, Elf_Data **ret_strings,
			struct ktstr_error *err)
{
	uint64_t address = 0, size, offset = 0;
	int r;

	if (!dynamic_value(dynamic, DT_STRTAB, &address) ||
	    !dynamic_value(dynamic, DT_STRSZ, &size))
		return corrupt("PT_DYNAMIC has no string table", err);
	if (size > STRINGS_BYTES_MAX)
		return corrupt("the string table is larger than 256 MiB", err);
	r = offset_of_address(image, address, &offset, err);
	if (r < 0)
		return r;
	return read_chunk(image, "the string table", offset, size, ELF_T_BYTE, ret_strings, err);
}

static int add_needed(const Elf_Data *strings, uint64_t offset, struct needs *needs,
		      struct ktstr_error *err)
{
	AUTO(free) char *name = NULL;
	int r = copy_text("DT_NEEDED", strings, offset, &name, err);

	if (r < 0)
		return r;
	if (!*name)
		return corrupt("DT_NEEDED is empty", err);
	if (needs->needed.len == NEEDS_NAME_MAX)
		return corrupt("more than 4096 DT_NEEDED", err);
	strings_push(&needs->needed, TAKE_PTR(name));
	return 0;
}

static int read_entry(const Elf_Data *strings, const GElf_Dyn *dyn, struct needs *needs,
		      struct ktstr_error *err)
{
	uint64_t value = dyn->d_un.d_val;

	switch (dyn->d_tag) {
	case DT_NEEDED:
		return add_needed(strings, value, needs, err);
	case DT_SONAME:
		return copy_text("DT_SONAME", strings, value, &needs->soname, err);
	case DT_RPATH:
		return copy_text("DT_RPATH", strings, value, &needs->rpath, err);
	case DT_RUNPATH:
		return copy_text("DT_RUNPATH", strings, value, &needs->runpath, err);
	case DT_FLAGS_1:
		needs->no_default_dirs = value & DF_1_NODEFLIB;
		return 0;
	default:
		return 0;
	}
}

static int read_dynamic(const struct image *image, const GElf_Phdr *phdr, struct needs *needs,
			struct ktstr_error *err)
{
	Elf_Data *dynamic, *strings;
	GElf_Dyn dyn;
	int r;

	if (phdr->p_filesz > DYNAMIC_BYTES_MAX)
		return corrupt("PT_DYNAMIC is larger than 1 MiB", err);
	r = read_chunk(image, "PT_DYNAMIC", phdr->p_offset, phdr->p_filesz, ELF_T_DYN, &dynamic,
		       err);
	if (r == 0)
		r = read_strings(image, dynamic, &strings, err);
	for (int i = 0; r == 0 && gelf_getdyn(dynamic, i, &dyn) && dyn.d_tag != DT_NULL; i++)
		r = read_entry(strings, &dyn, needs, err);
	if (r == 0 && needs->runpath) {
		free(needs->rpath);
		needs->rpath = NULL;
	}
	return r;
}

/* libelf silently shortens a table that passes the end of the file: look before it does. */
static int count_phdrs(struct image *image, const GElf_Ehdr *ehdr, struct ktstr_error *err)
{
	uint64_t size = (uint64_t)ehdr->e_phnum * ehdr->e_phentsize;

	if (ehdr->e_phnum && (ehdr->e_phoff > image->size || size > image->size - ehdr->e_phoff))
		return corrupt("the program headers pass its end", err);
	if (elf_getphdrnum(image->elf, &image->phdr_count) < 0)
		return corrupt(elf_errmsg(-1), err);
	return 0;
}

static int read_segments(const struct image *image, struct needs *needs, struct ktstr_error *err)
{
	bool have_interpreter = false, have_dynamic = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < image->phdr_count; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(image->elf, (int)i, &phdr))
			return corrupt(elf_errmsg(-1), err);
		if (phdr.p_type == PT_INTERP && !have_interpreter) {
			have_interpreter = true;
			r = read_interpreter(image, &phdr, needs, err);
		} else if (phdr.p_type == PT_DYNAMIC && !have_dynamic && phdr.p_filesz) {
			have_dynamic = true;
			r = read_dynamic(image, &phdr, needs, err);
		}
	}
	return r;
}

/*
 * ELF_C_READ, not ELF_C_READ_MMAP: a compiler that rewrites the file meanwhile would turn a mapping
 * into SIGBUS. libelf reads only the pieces asked for.
 */
static int read_elf(int fd, uint64_t size, const struct elf_abi *only, struct needs *needs,
		    struct ktstr_error *err)
{
	AUTO(elf_close) Elf *elf = NULL;
	struct image image = {.size = size};
	GElf_Ehdr ehdr;
	int r;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return error_set(err, -ENOTSUP, "libelf is older than its headers");
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return corrupt(elf_errmsg(-1), err);
	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &ehdr))
		return corrupt("its header is incomplete", err);
	needs->form = NEEDS_FORM_ELF;
	needs->abi = (struct elf_abi){
		.elf_class = ehdr.e_ident[EI_CLASS],
		.data = ehdr.e_ident[EI_DATA],
		.machine = ehdr.e_machine,
	};
	if (only && !elf_abi_equal(needs->abi, *only))
		return 0;
	image.elf = elf;
	r = count_phdrs(&image, &ehdr, err);
	return r < 0 ? r : read_segments(&image, needs, err);
}

int needs_read(const char *path, const struct elf_abi *only, struct needs *ret_needs,
	       struct ktstr_error *err)
{
	AUTO(needs_done) struct needs needs = {.form = NEEDS_FORM_DATA};
	/* a FIFO must not hold us up */
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char head[HEAD_BYTES];
	struct stat st;
	ssize_t len;
	int r = 0;

	if (fd < 0)
		return error_sys(err, "open %s", path);
	if (fstat(fd, &st) < 0)
		return error_sys(err, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "%s: not a regular file", path);
	len = pread(fd, head, sizeof(head), 0);
	if (len < 0)
		return error_sys(err, "read %s", path);
	if (sv_starts(sv_bytes(head, (size_t)len), "#!"))
		read_script(sv_bytes(head, (size_t)len), &needs);
	else if (sv_starts(sv_bytes(head, (size_t)len), ELFMAG))
		r = read_elf(fd, (uint64_t)st.st_size, only, &needs, err);
	if (r == -ENOEXEC)
		return error_wrap(err, r, "%s: truncated or corrupt ELF file", path);
	if (r < 0)
		return r;
	*ret_needs = TAKE(needs, (struct needs){0});
	return 0;
}

bool needs_is_absent(int result)
{
	return result == -ENOENT || result == -ENOTDIR || result == -EACCES ||
	       result == -ENAMETOOLONG || result == -ELOOP;
}
