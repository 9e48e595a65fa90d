/* pages.c - see pages.h. */
#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "core/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LINE = 64, LARGE = 2 << 20 };

void *df__pages_alloc(size_t bytes)
{
    size_t align = bytes >= 2 * (size_t)LARGE ? LARGE : LINE;
    if (bytes > SIZE_MAX - LARGE)
        return NULL;
    void *p = aligned_alloc(align, bytes ? (bytes + align - 1) / align * align : align);
#if defined(MADV_HUGEPAGE)
    if (p && align == LARGE)
        (void)madvise(p, bytes / LARGE * LARGE, MADV_HUGEPAGE); /* a hint; without it the pages are small */
#endif
    return p;
}
