/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apt.h - Debian's archive through the system's own apt, without touching its state: we take over
 * mirror and keyring, and keep configuration, indexes and packages in a directory of our own. apt
 * checks signatures and hashes.
 */
#ifndef KERNEL_APT_H
#define KERNEL_APT_H

#include "base/base.h"
#include "kernel/package.h"

/* A Debian archive among the system's sources. */
struct mirror {
	char *uri;
	char *codename;           /* "bookworm" */
	bool has_backports;       /* the system uses <codename>-backports of it */
	char *source_file;        /* where it is configured, and the entry there: of a .sources file */
	unsigned source_entry;    /* the stanza, else the line; from 1 */
};

void mirror_done(struct mirror *mirror);
DEFINE_AUTO_DONE(struct mirror, mirror_done)

/* What `apt-get indextargets` prints in the format MIRROR_FORMAT. -ENOENT: no Debian archive. */
#define MIRROR_FORMAT "$(REPO_URI)|$(CODENAME)|$(COMPONENT)|$(ORIGIN)|$(SOURCESENTRY)"
int mirror_parse(struct sv targets, struct mirror *ret_mirror, struct ktstr_error *err);

/*
 * The Signed-By of an entry of sources.list(5) text, the caller's: a path, fingerprints, or a key
 * with its newlines. NULL: none, so apt goes by the keys that the system trusts.
 */
char *signed_by_of(struct sv text, bool is_deb822, unsigned entry);

/* The one stanza of our sources. */
void mirror_sources(const struct mirror *mirror, const char *signed_by, struct buf *ret_text);

struct apt {
	char *dir;            /* state; kept */
	char *conf;           /* for apt-get -c */
	char *scratch;        /* for downloads */
	char *suites;         /* "trixie-backports trixie", for messages */
	bool is_stale;        /* the index was not read for a day, or never for these sources */
};

/* Find the mirror and write our configuration. Errors say what to do without apt. */
int apt_open(const char *dir, const char *scratch, struct apt *ret_apt, struct ktstr_error *err);
void apt_done(struct apt *apt);
DEFINE_AUTO_DONE(struct apt, apt_done)

int apt_update(const struct apt *apt, struct ktstr_error *err);

/* Every package whose name looks like a cloud kernel's, each in the version that apt would take. */
int apt_kernels(const struct apt *apt, struct packages *ret_packages, struct ktstr_error *err);

/* Download and verify; *ret_path is the caller's and lies in a directory of its own in the scratch. */
int apt_download(const struct apt *apt, const struct package *package, char **ret_path,
		 struct ktstr_error *err);

#endif
