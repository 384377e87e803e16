/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * members.c - where struct tsd_s keeps a thread's two numbers, by the debug information:
 *
 *	DW_TAG_compile_unit "src/jemalloc.c"
 *	  DW_TAG_structure_type "tsd_s"
 *	    DW_TAG_member "cant_access_tsd_items_directly_..._thread_allocated"
 *	      DW_AT_data_member_location 824
 */
#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "base/sv.h"
#include "probe/image.h"

#define MEMBER "cant_access_tsd_items_directly_use_a_getter_or_setter_"
#define UNIT_MAX (1u << 20)
#define ENTRY_MAX (1u << 24)           /* looked at, over all units */
#define SPAN_BYTES_MAX 4096

static void dwarf_close(Dwarf *dwarf)
{
	(void)dwarf_end(dwarf);
}
DEFINE_AUTO(Dwarf *, dwarf_close)

struct search {
	struct tsd_members members;
	bool has_allocated, has_deallocated;
	unsigned entries_left;
	const struct image *image;
	const char *section;              /* the one that the last name stood in */
	size_t section_bytes;
};

/*
 * libdw checks the ends of names that are in a table of strings, but not of those that stand where
 * they are used (DW_FORM_string): the section may be cut in the middle of one.
 */
static void find_section(const char *text, struct search *search)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(search->image->elf, section))) {
		GElf_Shdr shdr;
		Elf_Data *data;

		/* nothing that is loaded: it would be read from the file for this */
		if (!gelf_getshdr(section, &shdr) || shdr.sh_flags & SHF_ALLOC ||
		    shdr.sh_type != SHT_PROGBITS)
			continue;
		data = elf_getdata(section, NULL);
		if (!data || !data->d_buf || (uintptr_t)text - (uintptr_t)data->d_buf >= data->d_size)
			continue;
		search->section = data->d_buf;
		search->section_bytes = data->d_size;
		return;
	}
}

static bool ends_in_section(const char *text, struct search *search)
{
	if ((uintptr_t)text - (uintptr_t)search->section >= search->section_bytes)
		find_section(text, search);
	if ((uintptr_t)text - (uintptr_t)search->section >= search->section_bytes)
		return false;
	return memchr(text, '\0', search->section_bytes - (size_t)(text - search->section)) != NULL;
}

static const char *name_of(Dwarf_Die *die, struct search *search)
{
	Dwarf_Attribute attribute;

	if (!dwarf_attr(die, DW_AT_name, &attribute))
		return NULL;
	if (dwarf_whatform(&attribute) == DW_FORM_string &&
	    !ends_in_section((const char *)attribute.valp, search))
		return NULL;
	return dwarf_formstring(&attribute);
}

static bool is_named(Dwarf_Die *die, const char *want, struct search *search)
{
	const char *name = name_of(die, search);

	return name && strcmp(name, want) == 0;
}

/* A constant, or in DWARF 2 an expression that adds one. */
static bool member_location(Dwarf_Die *member, uint64_t *ret_offset)
{
	Dwarf_Attribute attribute;
	Dwarf_Op *op;
	size_t len;

	if (!dwarf_attr(member, DW_AT_data_member_location, &attribute))
		return false;
	if (dwarf_formudata(&attribute, ret_offset) == 0)
		return true;
	if (dwarf_getlocation(&attribute, &op, &len) < 0 || len != 1 ||
	    op[0].atom != DW_OP_plus_uconst)
		return false;
	*ret_offset = op[0].number;
	return true;
}

static void read_struct(Dwarf_Die *type, struct search *search)
{
	Dwarf_Die member;

	if (dwarf_child(type, &member) != 0)
		return;
	do {
		if (dwarf_tag(&member) != DW_TAG_member)
			continue;
		if (is_named(&member, MEMBER "thread_allocated", search))
			search->has_allocated = member_location(&member, &search->members.allocated);
		else if (is_named(&member, MEMBER "thread_deallocated", search))
			search->has_deallocated =
				member_location(&member, &search->members.deallocated);
	} while (search->entries_left && search->entries_left-- &&
		 dwarf_siblingof(&member, &member) == 0);
}

/* The members, where this unit declares the struct whole. */
static bool search_unit(Dwarf_Die *unit, struct search *search)
{
	Dwarf_Die entry;

	if (dwarf_child(unit, &entry) != 0)
		return false;
	do {
		if (dwarf_tag(&entry) != DW_TAG_structure_type || !is_named(&entry, "tsd_s", search))
			continue;
		read_struct(&entry, search);
		if (search->has_allocated && search->has_deallocated)
			return true;
	} while (search->entries_left && search->entries_left-- &&
		 dwarf_siblingof(&entry, &entry) == 0);
	return false;
}

/* "/build/jemalloc-5.3.0/src/tsd.c": what to look at first where there are thousands of units */
static bool is_likely(Dwarf_Die *unit, struct search *search)
{
	const char *name = name_of(unit, search);

	return name && (strstr(name, "jemalloc") || strstr(name, "tsd.c"));
}

static bool search_units(Dwarf *dwarf, bool likely, struct search *search)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;

	for (unsigned i = 0; i < UNIT_MAX && search->entries_left; i++) {
		if (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) != 0)
			return false;
		if (is_likely(&die, search) == likely && search_unit(&die, search))
			return true;
	}
	return false;
}

static int check(const struct tsd_members *members, struct ktstr_error *err)
{
	if (members->deallocated <= members->allocated ||
	    members->deallocated - members->allocated > SPAN_BYTES_MAX ||
	    members->deallocated > IMAGE_TLS_BYTES_MAX || members->allocated % 8 ||
	    members->deallocated % 8)
		return error_set(err, -EBADMSG,
				 "debug information has struct tsd_s with thread_allocated at %llu and "
				 "thread_deallocated at %llu, which makes no sense",
				 (unsigned long long)members->allocated,
				 (unsigned long long)members->deallocated);
	return 0;
}

int image_read_members(const struct image *image, struct tsd_members *ret_members,
		       struct ktstr_error *err)
{
	AUTO(dwarf_close) Dwarf *dwarf = dwarf_begin_elf(image->elf, DWARF_C_READ, NULL);
	struct search search = {.entries_left = ENTRY_MAX, .image = image};
	int r;

	if (!dwarf)
		return error_set(err, -ENODATA, "no debug information (%s)", dwarf_errmsg(-1));
	if (!search_units(dwarf, true, &search) && !search_units(dwarf, false, &search))
		return error_set(err, -ENODATA,
				 "the debug information does not describe jemalloc's struct tsd_s with "
				 "thread_allocated and thread_deallocated");
	r = check(&search.members, err);
	if (r == 0)
		*ret_members = search.members;
	return r;
}
