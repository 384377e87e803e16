/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Carries its BPF object into ktstr-guest-tracer, which opens it from memory. */

	.section .rodata
	.balign 8
	.globl ktstr_trace_object, ktstr_trace_object_end
	.hidden ktstr_trace_object, ktstr_trace_object_end
ktstr_trace_object:
	.incbin KTSTR_TRACE_OBJECT
ktstr_trace_object_end:

	.section .note.GNU-stack, "", %progbits
