/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "kernel/cache.h"
#include "kernel/store.h"

#define LOCK_NS (60 * NS_PER_S)

static bool is_listed(const struct kernel_clean_config *config, const char *name)
{
	for (size_t i = 0; i < config->release_count; i++) {
		if (strcmp(config->releases[i], name) == 0)
			return true;
	}
	return false;
}

static int check_listed(const struct kernel_clean_config *config, const struct strings *names,
			struct ktstr_error *err)
{
	for (size_t i = 0; i < config->release_count; i++) {
		bool found = false;

		vec_each(name, names)
			found = found || strcmp(*name, config->releases[i]) == 0;
		if (!found)
			return error_set(err, -ENOENT, "kernel %s: not in the cache; `ktstr kernel list` "
						       "shows what is",
					 config->releases[i]);
	}
	return 0;
}

int kernel_clean(const struct kernel_clean_config *config, struct strings *ret_removed,
		 struct ktstr_error *err)
{
	AUTO(places_done) struct places places = {0};
	AUTO(store_done) struct store store = STORE_NONE;
	AUTO(strings_done) struct strings names = {0};
	AUTO(free) char *apt = NULL;
	int r = places_init(&places, err);

	if (r == 0)
		r = store_open(places.cache, NULL, NULL, deadline_in(LOCK_NS), &store, err);
	if (r == 0)
		r = cache_names(&places, &names, err);
	if (r == 0)
		r = check_listed(config, &names, err);
	for (size_t i = 0; i < names.len && r == 0; i++) {
		if (!config->all && !(config->keep_newest && i >= config->keep_count) &&
		    !is_listed(config, names.at[i]))
			continue;
		r = store_remove(&store, names.at[i], err);
		if (r == 0)
			strings_push(ret_removed, xstrdup(names.at[i]));
	}
	apt = xasprintf("%s/.apt", places.cache);
	return r == 0 && config->all ? tree_remove(apt, err) : r;
}
