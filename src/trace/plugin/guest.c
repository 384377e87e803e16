/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "trace/plugin/plugin.h"

/* Handles are numbers of registers, the same for all vCPUs; they are read on the vCPU's thread. */
static struct qemu_plugin_register *registers[GUEST_REGISTER_COUNT];

void guest_find_registers(void)
{
	static const char *const names[GUEST_REGISTER_COUNT] = {"rax", "rdx", "rdi", "rsi",
								"gs_base"};
	GArray *all = qemu_plugin_get_registers();
	const struct qemu_plugin_register_descriptor *descriptor = (const void *)all->data;

	for (unsigned i = 0; i < all->len; i++) {
		for (int reg = 0; reg < GUEST_REGISTER_COUNT; reg++) {
			/* the first of a name: the second gs_base is that of Linux processes, and
			 * no base */
			if (strcmp(descriptor[i].name, names[reg]) == 0 && !registers[reg])
				registers[reg] = descriptor[i].handle;
		}
	}
	g_array_free(all, 1);
}

static GByteArray *buffer(void)
{
	static __thread GByteArray *bytes;

	if (!bytes)
		bytes = g_byte_array_new();
	return g_byte_array_set_size(bytes, 0);
}

uint64_t guest_register(enum guest_register reg)
{
	GByteArray *bytes = buffer();
	uint64_t value = 0;
	int size = registers[reg] ? qemu_plugin_read_register(registers[reg], bytes) : 0;

	if (size <= 0 || (size_t)size > sizeof(value))
		output_count_unread();
	else
		memcpy(&value, bytes->data, (size_t)size);
	return value;
}

void guest_bytes(uint64_t address, void *data, size_t size)
{
	GByteArray *bytes = buffer();

	if (qemu_plugin_read_memory_vaddr(address, bytes, size) && bytes->len == size) {
		memcpy(data, bytes->data, size);
		return;
	}
	memset(data, 0, size);
	output_count_unread();
}

uint32_t guest_u32(uint64_t address)
{
	uint32_t value;

	guest_bytes(address, &value, sizeof(value));
	return value;
}

uint64_t guest_u64(uint64_t address)
{
	uint64_t value;

	guest_bytes(address, &value, sizeof(value));
	return value;
}
