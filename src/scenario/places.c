/* SPDX-License-Identifier: BSD-2-Clause */
/* places.c - the cgroups of a play: which there are, and what the kernel is told and asked of them. */
#include <errno.h>

#include "scenario/play.h"

/* --- knowing them --------------------------------------------------------------------------------- */

static bool is_at_or_below(const char *name, const char *above)
{
	size_t len = strlen(above);

	return strncmp(name, above, len) == 0 && (name[len] == '\0' || name[len] == '/');
}

bool place_is_inside(const struct place *inner, const struct place *outer)
{
	return !inner->is_outside && !outer->is_outside && is_at_or_below(inner->name, outer->name);
}

struct place *place_find(struct ktstr_play *play, const char *name)
{
	vec_each (place, &play->places) {
		if (strcmp((*place)->name, name) == 0)
			return *place;
	}
	return NULL;
}

int place_get(struct ktstr_play *play, const char *name, bool outside_too, struct place **ret_place,
	      struct ktstr_error *err)
{
	struct place *place = name ? place_find(play, name) : NULL;

	if (!place)
		return error_set(err, -ENOENT, "there is no cgroup of that name%s",
				 name ? "" : ", because none was given");
	if (place->is_outside && !outside_too)
		return error_set(err, -EINVAL, "its workers are outside of the test's cgroups");
	*ret_place = place;
	return 0;
}

static struct place *place_new(struct ktstr_play *play, const char *name)
{
	struct place *place = xcalloc(1, sizeof(*place));

	place->name = xstrdup(name);
	place->dir = xasprintf("%s/%s", play->ctx->cgroup_root, name);
	places_push(&play->places, place);
	return place;
}

void place_forget(struct ktstr_play *play, struct place *place)
{
	struct places *places = &play->places;

	for (size_t i = 0; i < places->len; i++) {
		if (places->at[i] != place)
			continue;
		memmove(&places->at[i], &places->at[i + 1],
			(places->len - i - 1) * sizeof(struct place *));
		places->len--;
		break;
	}
	free(place->name);
	free(place->dir);
	free(place);
}

static int check_parent(struct ktstr_play *play, const struct place *parent, const char *name,
			struct ktstr_error *err)
{
	if (parent->is_outside)
		return error_set(err, -EEXIST, "cgroup %s: %s is a label of workers outside", name,
				 parent->name);
	if (crew_is_there(play, parent))
		return error_set(err, -EBUSY,
				 "cgroup %s: %s has workers of its own, and cgroup v2 lets none be "
				 "beside child cgroups: put them into another child",
				 name, parent->name);
	return 0;
}

/* Those above it that are not there yet get implicit places. */
static int declare_parents(struct ktstr_play *play, const char *name, struct ktstr_error *err)
{
	AUTO(free) char *part = xstrdup(name);

	for (char *slash = strchr(part, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct place *parent;
		int r = 0;

		*slash = '\0';
		parent = place_find(play, part);
		if (parent)
			r = check_parent(play, parent, name, err);
		else
			place_new(play, part)->is_implicit = true;
		*slash = '/';
		if (r < 0)
			return r;
	}
	return 0;
}

int place_declare(struct ktstr_play *play, const char *name, struct place **ret_place,
		  struct ktstr_error *err)
{
	struct place *place;
	int r = cgroup_name_check(name, err);

	if (r < 0)
		return r;
	place = place_find(play, name);
	if (place && !place->is_implicit)
		return error_set(err, -EEXIST, "cgroup %s: there is one of that name already", name);
	if (!place) {
		r = declare_parents(play, name, err);
		if (r < 0)
			return r;
		place = place_new(play, name);
	}
	place->is_implicit = false;
	*ret_place = place;
	return 0;
}

struct place *place_outside(struct ktstr_play *play, const char *name, struct ktstr_error *err)
{
	struct place *place;

	if (cgroup_name_check(name, err) < 0)
		return NULL;
	place = place_find(play, name);
	if (place && !place->is_outside) {
		(void)error_set(err, -EEXIST, "cgroup %s: exists; workers outside of the test's cgroups "
				"need another label", name);
		return NULL;
	}
	if (!place)
		place = place_new(play, name);
	place->is_outside = true;
	return place;
}

/* --- making and removing ---------------------------------------------------------------------------- */

int place_make(struct ktstr_play *play, struct place *place, struct ktstr_error *err)
{
	int r;

	if (place->is_made)
		return 0;
	r = cgroups_make(&play->cgroups, place->name, err);
	if (r < 0)
		return error_wrap(err, r, "cgroup %s", place->name);
	vec_each (other, &play->places) {
		if (place_is_inside(place, *other))
			(*other)->is_made = true;        /* and those above it */
	}
	return 0;
}

int place_remove(struct ktstr_play *play, struct place *place, struct ktstr_error *err)
{
	int r = 0;

	vec_each (other, &play->places) {
		if (*other != place && place_is_inside(*other, place))
			return error_set(err, -EBUSY, "cgroup %s is in it: remove that one first",
					 (*other)->name);
	}
	if (place->is_made)
		r = cgroups_remove_one(&play->cgroups, place->name,
				       deadline_in(CGROUPS_REMOVE_TIMEOUT_NS), err);
	if (r == 0)
		place_forget(play, place);
	return r;
}

int place_takes_workers(struct ktstr_play *play, const struct place *place, struct ktstr_error *err)
{
	vec_each (other, &play->places) {
		if (*other != place && place_is_inside(*other, place))
			return error_set(err, -EBUSY,
					 "cgroup %s: %s is in it, and cgroup v2 lets no worker be "
					 "beside child cgroups: put it into a child of its own",
					 place->name, (*other)->name);
		if ((*other)->is_frozen && place_is_inside(place, *other))
			return error_set(err, -EBUSY, "cgroup %s: %s is frozen", place->name,
					 (*other)->name);
	}
	return 0;
}

/* --- CPUs ---------------------------------------------------------------------------------------------- */

/* What the kernel makes of cpuset.cpus (Documentation/admin-guide/cgroup-v2.rst, cpuset). */
struct cpuset place_cpus(struct ktstr_play *play, const struct place *place)
{
	struct cpuset cpus = cpus_all(&play->ctx->topology);

	if (place->is_outside)
		return cpus;
	/* parents are declared before their children, so this goes from the top down */
	vec_each (above, &play->places) {
		struct cpuset both;

		if (!place_is_inside(place, *above))
			continue;
		both = cpus_intersection(&(*above)->asked, &cpus);
		if (cpuset_count(&both))
			cpus = both;
	}
	return cpus;
}

static int check_effective(struct ktstr_play *play, const struct place *place,
			   const struct cpuset *want, struct ktstr_error *err)
{
	AUTO(buf_done) struct buf text = {0};
	AUTO(buf_done) struct buf want_text = {0};
	struct cpuset have;
	int r = cgroups_read(&play->cgroups, place->name, "cpuset.cpus.effective", &text, err);

	if (r == 0)
		r = cpuset_parse(sv_of(buf_text(&text)), &have, err);
	if (r < 0 || cpuset_equal(&have, want))
		return r;
	cpuset_format(want, &want_text);
	return error_set(err, -EINVAL, "cpuset.cpus.effective of %s is %.*s, not %s", place->name,
			 SV_ARG(sv_trim(sv_of(buf_text(&text)))), buf_text(&want_text));
}

/* This cgroup has what was asked for; those in it, and their workers, what is left for them. */
static int check_cpus_below(struct ktstr_play *play, const struct place *place,
			    struct ktstr_error *err)
{
	vec_each (other, &play->places) {
		struct cpuset want;
		int r;

		if (!(*other)->is_made || !place_is_inside(*other, place))
			continue;
		want = place_cpus(play, *other);
		if (*other == place && cpuset_count(&place->asked))
			want = place->asked;
		r = check_effective(play, *other, &want, err);
		if (r < 0)
			return r;
	}
	vec_each (crew, &play->crews) {
		int r = 0;

		if ((*crew)->is_running && place_is_inside((*crew)->place, place))
			r = crew_check_cpus(play, *crew, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * A cpuset with tasks in it cannot become empty (kernel/cgroup/cpuset.c, validate_change()): such a
 * one gets all CPUs of the machine, of which it has those that its parent has.
 */
static int write_cpus(struct ktstr_play *play, const struct place *place, const struct cpuset *cpus,
		      struct ktstr_error *err)
{
	struct cpuset all = cpus_all(&play->ctx->topology);
	AUTO(buf_done) struct buf text = {0};
	int r;

	cpuset_format(cpus, &text);
	buf_char(&text, '\n');        /* a write of nothing at all would not reach the kernel */
	r = cgroups_write(&play->cgroups, place->name, "cpuset.cpus", buf_text(&text), err);
	if (r == -ENOSPC && cpuset_count(cpus) == 0)
		return write_cpus(play, place, &all, err);
	return r;
}

int place_set_cpus(struct ktstr_play *play, struct place *place, const struct cpuset *cpus,
		   struct ktstr_error *err)
{
	int r = cgroups_need(&play->cgroups, place->name, "cpuset", err);

	if (r == 0)
		r = write_cpus(play, place, cpus, err);
	if (r < 0)
		return r;
	place->asked = *cpus;
	return check_cpus_below(play, place, err);
}

/* --- limits ------------------------------------------------------------------------------------------------ */

/* An io controller is of use to few schedulers' tests, so a kernel without one is no obstacle. */
static bool lacks_io(struct ktstr_play *play, const struct place *place,
		     const struct limit_write *write, int need)
{
	if (strcmp(write->controller, "io") != 0)
		return false;
	if (need != -ENOTSUP && cgroups_has(&play->cgroups, place->name, write->file))
		return false;
	ktstr_verdict_note(play->verdict, "cgroup %s: %s is not set: this kernel has none",
			   place->name, write->file);
	return true;
}

int place_set_limits(struct ktstr_play *play, struct place *place,
		     const struct ktstr_limits *limits, struct ktstr_error *err)
{
	struct limit_write writes[LIMIT_WRITES_MAX];
	int count = limits_writes(limits, writes, err);

	for (int i = 0; i < count; i++) {
		int r = cgroups_need(&play->cgroups, place->name, writes[i].controller, err);

		if (lacks_io(play, place, &writes[i], r))
			continue;
		if (r < 0)
			return error_wrap(err, r, "%s", writes[i].file);
		r = cgroups_write(&play->cgroups, place->name, writes[i].file, writes[i].text, err);
		if (r < 0)
			return error_wrap(err, r, "write \"%s\"", writes[i].text);
	}
	if (count >= 0 && limits->cpu_quota_us)
		place->has_quota = limits->cpu_quota_us != UINT64_MAX;
	if (count >= 0 && limits->cpu_weight)
		place->weight = limits->cpu_weight;
	return count < 0 ? count : 0;
}

/* --- freezing ------------------------------------------------------------------------------------------------ */

static int check_freezable(struct ktstr_play *play, const struct place *place,
			   struct ktstr_error *err)
{
	vec_each (other, &play->places) {
		if ((*other)->is_frozen &&
		    (place_is_inside(*other, place) || place_is_inside(place, *other)))
			return error_set(err, -EBUSY, "%s is frozen already", (*other)->name);
	}
	return 0;
}

/*
 * Time in which workers are frozen is nobody's fault: it runs from the moment at which the kernel
 * says that all of them stand still to the one before it is told to let them go.
 */
int place_freeze(struct ktstr_play *play, struct place *place, bool freeze, struct ktstr_error *err)
{
	int r = freeze ? check_freezable(play, place, err) : 0;

	if (r < 0)
		return r;
	if (!freeze && !place->is_frozen)
		return error_set(err, -EINVAL, "it is not frozen");
	vec_each (crew, &play->crews) {
		if (!freeze && place_is_inside((*crew)->place, place))
			crew_excuse_freeze(*crew, clock_ns());
	}
	r = cgroups_freeze(&play->cgroups, place->name, freeze, deadline_in(CGROUPS_WAIT_TIMEOUT_NS),
			   err);
	if (r < 0)
		return r;
	place->is_frozen = freeze;
	vec_each (crew, &play->crews) {
		if (freeze && (*crew)->is_running && place_is_inside((*crew)->place, place))
			(*crew)->frozen_since_ns = clock_ns();
	}
	return 0;
}

int place_thaw_around(struct ktstr_play *play, struct place *place, struct ktstr_error *err)
{
	vec_each (other, &play->places) {
		int r = 0;

		if ((*other)->is_frozen &&
		    (place_is_inside(place, *other) || place_is_inside(*other, place)))
			r = place_freeze(play, *other, false, err);
		if (r < 0)
			return r;
	}
	return 0;
}
