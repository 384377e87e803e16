/* SPDX-License-Identifier: BSD-2-Clause */
	.section .rodata
	.global helper_blob_start, helper_blob_end
	.balign 16
helper_blob_start:
	.incbin HELPER_PATH
helper_blob_end:
	.section .note.GNU-stack, "", @progbits
