/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Carries its BPF object into ktstr-repro-probe, which opens it from memory. */

	.section .rodata
	.balign 8
	.globl ktstr_repro_object, ktstr_repro_object_end
	.hidden ktstr_repro_object, ktstr_repro_object_end
ktstr_repro_object:
	.incbin KTSTR_REPRO_OBJECT
ktstr_repro_object_end:

	.section .note.GNU-stack, "", %progbits
