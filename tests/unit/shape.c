/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shape.c - two shared objects for test_walk.c that differ in the shape of one frame only.
 *
 * through() stands at the same place in both, and has a return address at the same place; its frame is SHAPE
 * bytes larger than it needs to be.
 */
void through(void (*function)(void));

__asm__(".text\n"
        ".globl through\n"
        ".type through, @function\n"
        ".balign 64\n"
        "through:\n"
        "	.cfi_startproc\n"
        "	sub $8 + " SHAPE ", %rsp\n"
        "	.cfi_def_cfa_offset 16 + " SHAPE "\n"
        "	call *%rdi\n"
        "	add $8 + " SHAPE ", %rsp\n"
        "	.cfi_def_cfa_offset 8\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size through, . - through\n");
