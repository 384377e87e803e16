/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qemu_api.h - the part of QEMU's plugin API, version 4 (QEMU 9.2 to 10.x;
 * docs/devel/tcg-plugins.rst), that we use, and of GLib's byte arrays, which it hands data in. No
 * package has the header; QEMU itself defines the functions. A QEMU that has dropped version 4
 * refuses the plugin with words.
 */
#ifndef TRACE_PLUGIN_QEMU_API_H
#define TRACE_PLUGIN_QEMU_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_EXPORT __attribute__((visibility("default")))

typedef struct {
	uint8_t *data;
	unsigned len;
} GByteArray;
typedef struct {
	char *data;
	unsigned len;
} GArray;

GByteArray *g_byte_array_new(void);
GByteArray *g_byte_array_set_size(GByteArray *array, unsigned length);
char *g_array_free(GArray *array, int free_segment);

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_register;

struct qemu_plugin_register_descriptor {
	struct qemu_plugin_register *handle;
	const char *name;
	const char *feature;
};

enum qemu_plugin_callback_flags {
	QEMU_PLUGIN_NO_REGISTERS,
	QEMU_PLUGIN_READS_REGISTERS,
};

typedef void qemu_plugin_vcpu_callback(uint64_t id, unsigned vcpu);
typedef void qemu_plugin_tb_callback(uint64_t id, struct qemu_plugin_tb *tb);
typedef void qemu_plugin_exec_callback(unsigned vcpu, void *arg);

void qemu_plugin_register_vcpu_init_cb(uint64_t id, qemu_plugin_vcpu_callback *callback);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, qemu_plugin_tb_callback *callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  qemu_plugin_exec_callback *callback,
					  enum qemu_plugin_callback_flags flags, void *arg);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    qemu_plugin_exec_callback *callback,
					    enum qemu_plugin_callback_flags flags, void *arg);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *data, size_t size);

GArray *qemu_plugin_get_registers(void); /* of descriptors; the caller's */
int qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *value);
bool qemu_plugin_read_memory_vaddr(uint64_t address, GByteArray *value, size_t size);

#endif
