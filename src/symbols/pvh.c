/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbols/pvh.h"

#include <gelf.h>
#include <string.h>

#define PHYS32_ENTRY 18

static void elf_done(Elf *elf)
{
	elf_end(elf);
}
DEFINE_AUTO(Elf *, elf_done)

static bool has_entry_note(Elf_Data *notes)
{
	size_t at = 0, name, desc, next;
	GElf_Nhdr note;

	while (notes && (next = gelf_getnote(notes, at, &note, &name, &desc)) > 0) {
		if (note.n_type == PHYS32_ENTRY && note.n_namesz == sizeof("Xen") &&
		    memcmp((char *)notes->d_buf + name, "Xen", sizeof("Xen")) == 0)
			return true;
		at = next;
	}
	return false;
}

bool vmlinux_has_pvh(const struct buf *vmlinux)
{
	AUTO(elf_done) Elf *elf = NULL;
	size_t count = 0;

	elf_version(EV_CURRENT);
	elf = elf_memory(vmlinux->data, vmlinux->len);
	if (!elf || elf_getphdrnum(elf, &count) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr phdr;

		if (gelf_getphdr(elf, (int)i, &phdr) && phdr.p_type == PT_NOTE &&
		    has_entry_note(elf_getdata_rawchunk(elf, (int64_t)phdr.p_offset, phdr.p_filesz,
							ELF_T_NHDR)))
			return true;
	}
	return false;
}
