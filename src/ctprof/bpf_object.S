/* SPDX-License-Identifier: BSD-2-Clause */
/* Carries ctprof_tasks.bpf.o, which bpf_source.c opens from memory. */
	.section .rodata
	.balign 8
	.globl ctprof_tasks_object, ctprof_tasks_object_end
	.hidden ctprof_tasks_object, ctprof_tasks_object_end
ctprof_tasks_object:
	.incbin CTPROF_OBJECT
ctprof_tasks_object_end:

	.section .note.GNU-stack, "", %progbits
