/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Carries the BPF objects into scx-ktstr, which opens them from memory. */

.macro embed name path
	.balign 8
	.globl \name, \name\()_end
	.hidden \name, \name\()_end
\name:
	.incbin "\path"
\name\()_end:
.endm

	.section .rodata
	embed scx_ktstr_object KTSTR_OBJECT
	embed scx_ktstr_reject_object KTSTR_REJECT_OBJECT
	embed scx_ktstr_loop_object KTSTR_LOOP_OBJECT
	embed scx_ktstr_kconfig_object KTSTR_KCONFIG_OBJECT

	.section .note.GNU-stack, "", %progbits
