/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auto.h - who acquires declares the release on the same line.
 *
 *	AUTO(fd_close) int fd = open(...);        released at scope exit, errno preserved
 *	return TAKE_FD(fd);                       or handed onward
 *
 * DEFINE_AUTO is for a handle (fd, pointer) whose destructor takes it by value; DEFINE_AUTO_DONE for
 * a struct whose destructor takes its address. Destructors accept -1, NULL and half-built objects.
 */
#ifndef BASE_AUTO_H
#define BASE_AUTO_H

#include <errno.h>
#include <stdlib.h>

#define AUTO(destroy) __attribute__((cleanup(auto_##destroy)))

#define DEFINE_AUTO(type, destroy)                                                                 \
	__attribute__((unused)) static inline void auto_##destroy(type *handle)                    \
	{                                                                                          \
		int saved_errno = errno;                                                           \
		destroy(*handle);                                                                  \
		errno = saved_errno;                                                               \
	}

#define DEFINE_AUTO_DONE(type, destroy)                                                            \
	__attribute__((unused)) static inline void auto_##destroy(type *object)                    \
	{                                                                                          \
		int saved_errno = errno;                                                           \
		destroy(object);                                                                   \
		errno = saved_errno;                                                               \
	}

#define TAKE(object, empty)                                                                        \
	({                                                                                         \
		__typeof__(object) taken_ = (object);                                              \
		(object) = (empty);                                                                \
		taken_;                                                                            \
	})
#define TAKE_FD(fd) TAKE(fd, -1)
#define TAKE_PTR(pointer) TAKE(pointer, NULL)

/* free() for any pointer type: AUTO(free) char *text = ... */
static inline void auto_free(void *pointer_to_pointer)
{
	int saved_errno = errno;

	free(*(void **)pointer_to_pointer);
	errno = saved_errno;
}

#endif
