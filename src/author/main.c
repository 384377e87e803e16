/* SPDX-License-Identifier: BSD-2-Clause */
/* Alone in its archive member: the linker takes it only for a program that has no main(). */
#include <ktstr/test.h>

__attribute__((visibility("default"))) int main(int argc, char **argv)
{
	return ktstr_main(argc, argv);
}
