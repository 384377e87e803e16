/* SPDX-License-Identifier: BSD-2-Clause */
	.section .rodata
	.global init_blob_start, init_blob_end
	.balign 16
init_blob_start:
	.incbin INIT_PATH
init_blob_end:
	.section .note.GNU-stack, "", @progbits
