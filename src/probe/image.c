/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/image.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sv.h"

#define PAGE_BYTES 4096u
#define BUILD_ID_BYTES_MAX 64

static const char *const tsd_names[] = {"tsd_tls", "je_tsd_tls", "_rjem_je_tsd_tls"};

void image_done(struct image *image)
{
	if (image->elf)
		(void)elf_end(image->elf);      /* a count of further users; there are none */
	*image = (struct image){.fd = -1};
}

static int corrupt(const char *what, struct ktstr_error *err)
{
	return error_set(err, -ENOEXEC, "%s", what);
}

static int take_tls(const GElf_Phdr *phdr, struct image *image, struct ktstr_error *err)
{
	uint64_t align = phdr->p_align ?: 1;

	if (phdr->p_memsz > IMAGE_TLS_BYTES_MAX || align > IMAGE_TLS_BYTES_MAX || align & (align - 1))
		return corrupt("PT_TLS has an impossible size or alignment", err);
	image->has_tls = phdr->p_memsz > 0;
	image->tls_bytes = phdr->p_memsz;
	image->tls_align = align;
	image->tls_address = phdr->p_vaddr;
	return 0;
}

static int read_segments(struct image *image, struct ktstr_error *err)
{
	size_t count;
	int r = 0;

	if (elf_getphdrnum(image->elf, &count) < 0)
		return corrupt(elf_errmsg(-1), err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(image->elf, (int)i, &phdr))
			return corrupt(elf_errmsg(-1), err);
		if (phdr.p_type == PT_TLS)
			r = take_tls(&phdr, image, err);
		else if (phdr.p_type == PT_LOAD && phdr.p_offset < PAGE_BYTES)
			image->base_address = phdr.p_vaddr & ~(uint64_t)(PAGE_BYTES - 1);
	}
	return r;
}

static bool is_tsd(const char *name)
{
	for (size_t i = 0; i < sizeof(tsd_names) / sizeof(tsd_names[0]); i++) {
		if (strcmp(name, tsd_names[i]) == 0)
			return true;
	}
	return false;
}

/* mallctl, je_mallctl, _rjem_mallctl: the prefix is whatever jemalloc was configured with. */
static bool is_mallctl(const char *name)
{
	size_t len = strlen(name), tail = strlen("_mallctl");

	return strcmp(name, "mallctl") == 0 ||
	       (len >= tail && len < IMAGE_NAME_MAX && strcmp(name + len - tail, "_mallctl") == 0);
}

static void take_symbol(const GElf_Sym *symbol, const char *name, bool is_dynamic, struct image *image)
{
	if (symbol->st_shndx == SHN_UNDEF || !name)
		return;
	if (GELF_ST_TYPE(symbol->st_info) == STT_TLS && !image->has_tsd && is_tsd(name) &&
	    symbol->st_value < IMAGE_TLS_BYTES_MAX) {
		image->has_tsd = true;
		image->tsd_offset = symbol->st_value;
	}
	if (is_dynamic && GELF_ST_TYPE(symbol->st_info) == STT_FUNC && !image->mallctl[0] &&
	    is_mallctl(name))
		snprintf(image->mallctl, sizeof(image->mallctl), "%s", name);
}

static void read_symbols(Elf_Scn *section, const GElf_Shdr *shdr, struct image *image)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym symbol;

	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
		int type = GELF_ST_TYPE(symbol.st_info);

		if (type == STT_TLS || (type == STT_FUNC && shdr->sh_type == SHT_DYNSYM))
			take_symbol(&symbol, elf_strptr(image->elf, shdr->sh_link, symbol.st_name),
				    shdr->sh_type == SHT_DYNSYM, image);
	}
}

/* .symtab is asked before .dynsym, whichever comes first. */
static void read_tables(struct image *image)
{
	static const GElf_Word order[] = {SHT_SYMTAB, SHT_DYNSYM};

	for (unsigned i = 0; i < 2; i++) {
		Elf_Scn *section = NULL;

		while ((section = elf_nextscn(image->elf, section))) {
			GElf_Shdr shdr;

			if (!gelf_getshdr(section, &shdr) || shdr.sh_type != order[i])
				continue;
			image->has_symbols |= order[i] == SHT_SYMTAB;
			read_symbols(section, &shdr, image);
		}
	}
}

static void read_build_id(struct image *image)
{
	const void *bytes;
	ssize_t len = dwelf_elf_gnu_build_id(image->elf, &bytes);

	if (len <= 0 || len > BUILD_ID_BYTES_MAX)
		return;
	for (ssize_t i = 0; i < len; i++)
		sprintf(image->build_id + 2 * i, "%02x", ((const uint8_t *)bytes)[i]);
}

/* libelf silently shortens a table that passes the end of the file: look before it does. */
static int check_phdrs(const GElf_Ehdr *ehdr, int fd, struct ktstr_error *err)
{
	uint64_t bytes = (uint64_t)ehdr->e_phnum * ehdr->e_phentsize;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys(err, "stat");
	if (ehdr->e_phoff > (uint64_t)st.st_size || bytes > (uint64_t)st.st_size - ehdr->e_phoff)
		return corrupt("the program headers pass its end", err);
	return 0;
}

int image_open(int fd, struct image *ret_image, struct ktstr_error *err)
{
	AUTO(image_done) struct image image = {.fd = fd};
	GElf_Ehdr ehdr;
	int r;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return error_set(err, -ENOTSUP, "libelf is older than its headers");
	/* not ELF_C_READ_MMAP: whoever shortens the file meanwhile would make a mapping SIGBUS */
	image.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!image.elf)
		return corrupt(elf_errmsg(-1), err);
	if (elf_kind(image.elf) != ELF_K_ELF || !gelf_getehdr(image.elf, &ehdr))
		return corrupt("no ELF file", err);
	image.machine = ehdr.e_machine;
	image.is_64bit = ehdr.e_ident[EI_CLASS] == ELFCLASS64;
	r = check_phdrs(&ehdr, fd, err);
	if (r == 0)
		r = read_segments(&image, err);
	if (r < 0)
		return r;
	read_tables(&image);
	read_build_id(&image);
	*ret_image = TAKE(image, (struct image){.fd = -1});
	return 0;
}

bool image_is_native(const struct image *image)
{
#if defined(__x86_64__)
	return image->is_64bit && image->machine == EM_X86_64;
#elif defined(__aarch64__)
	return image->is_64bit && image->machine == EM_AARCH64;
#else
	return false;
#endif
}

int image_tls_from_pointer(const struct image *image, int64_t *ret_offset)
{
	uint64_t mask = image->tls_align - 1;

	switch (image->machine) {
	case EM_X86_64:        /* as far before the pointer as the block is large, at its alignment */
		*ret_offset = -(int64_t)(image->tls_bytes +
					 ((-image->tls_address - image->tls_bytes) & mask));
		return 0;
	case EM_AARCH64:
		*ret_offset = (int64_t)(16 + ((image->tls_address - 16) & mask));
		return 0;
	default:
		return -ENOTSUP;
	}
}
