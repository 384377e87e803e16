/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * package.h - which packages of an archive's index hold a kernel. Decides, from text alone.
 *
 * Debian's cloud kernels came in two layouts so far, and the index tells which:
 *
 *	linux-image-REL[-unsigned]          image, configuration and modules in one
 *	linux-binary-[unsigned-]REL         the image; linux-base-REL the configuration; and
 *	linux-image-REL                     only depends on these and on linux-modules-REL
 */
#ifndef KERNEL_PACKAGE_H
#define KERNEL_PACKAGE_H

#include "base/base.h"

struct package {
	char *name, *version;
	char *depends;            /* NULL: nothing */
	uint64_t size;            /* bytes to download */
};

void package_done(struct package *package);
DEFINE_VEC(packages, struct package, package_done)

/* Stanzas as `apt-cache show` prints them. What lacks a name or a version is left out. */
void packages_parse(struct sv text, struct packages *ret_packages);

struct offer {
	char *release;
	const struct package *image;      /* holds vmlinuz; borrowed from the packages */
	const struct package *base;       /* may hold the configuration, or NULL */
	bool is_signed;
};

void offer_done(struct offer *offer);
DEFINE_AUTO_DONE(struct offer, offer_done)

/*
 * The newest kernel that matches wanted (series, version or release), an unsigned one only when there
 * is no signed one. -ENOENT: none; the message lists the series that there are.
 */
int package_choose(const struct packages *packages, const char *wanted, struct offer *ret_offer,
		   struct ktstr_error *err);

#endif
