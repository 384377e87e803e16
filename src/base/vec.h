/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vec.h - DEFINE_VEC(files, struct file, file_done) gives
 *
 *	struct files { struct file *at; size_t len; size_t capacity; };
 *	struct file *files_push(struct files *, struct file);     takes ownership, returns its place
 *	void files_done(struct files *);                          releases each element, then itself
 *
 * A zeroed struct is empty. Pointers into it are good until the next push. The element's destructor
 * takes its address; vec_keep is for elements that own nothing.
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/alloc.h"
#include "base/auto.h"

#define vec_keep(element) ((void)(element))

#define vec_each(element, vec)                                                                     \
	for (__typeof__(*(vec)->at) *element = (vec)->at;                                          \
	     element && element < (vec)->at + (vec)->len; element++)

#define DEFINE_VEC(name, type, element_done)                                                       \
	struct name {                                                                              \
		type *at;                                                                          \
		size_t len;                                                                        \
		size_t capacity;                                                                   \
	};                                                                                         \
	__attribute__((unused)) static inline type *name##_push(struct name *vec, type element)    \
	{                                                                                          \
		if (vec->len == vec->capacity) {                                                   \
			vec->capacity = vec->capacity ? vec->capacity * 2 : 8;                     \
			vec->at = xrealloc_array(vec->at, vec->capacity, sizeof(type));            \
		}                                                                                  \
		vec->at[vec->len] = element;                                                       \
		return &vec->at[vec->len++];                                                       \
	}                                                                                          \
	__attribute__((unused)) static inline void name##_done(struct name *vec)                   \
	{                                                                                          \
		for (size_t i_ = 0; i_ < vec->len; i_++)                                           \
			element_done(&vec->at[i_]);                                                \
		free(vec->at);                                                                     \
		*vec = (struct name){0};                                                           \
	}                                                                                          \
	DEFINE_AUTO_DONE(struct name, name##_done)

/* The one vector that many rooms want: strings that it owns. */
static inline void string_done(char **text)
{
	free(*text);
}
DEFINE_VEC(strings, char *, string_done)

#endif
