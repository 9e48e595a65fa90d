/* pages.h - large blocks of memory, in large pages where the system has them: fewer faults at first touch, fewer misses later. */
#ifndef DF_CORE_PAGES_H
#define DF_CORE_PAGES_H

#include <stddef.h>

/* Aligned to 64 bytes or more, not cleared; free with free(). */
void *df__pages_alloc(size_t bytes);

#endif
