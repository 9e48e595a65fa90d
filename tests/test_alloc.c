/* test_alloc.c - stands between a program and malloc (linked with -Wl,--wrap) to make the n-th allocation fail. C code alone is
 * watched: shared libraries keep their own malloc. */
#include <stdatomic.h>

#include "test.h"

static atomic_size_t count, fail_at; /* several threads of a test allocate at once */

void test_alloc_fail_at(size_t n)
{
    count = 0;
    fail_at = n;
}

size_t test_alloc_count(void) { return count; }

size_t test_alloc_each(df_status (*walk)(void *arg, df_error *err), void *arg)
{
    df_error err;
    size_t failed = 0;
    bool all = false;
    CHECK_OK(walk(arg, &err)); /* libraries make state of their own once */
    for (size_t n = 1; !all; n++) {
        test_alloc_fail_at(n);
        df_status st = walk(arg, &err);
        all = test_alloc_count() < n;
        test_alloc_fail_at(0);
        if (st != DF_OK && st != DF_E_NO_MEMORY)
            fail_msg("allocation %zu: %s: %s", n, df_status_text(st), err.message);
        failed += st == DF_E_NO_MEMORY;
    }
    return failed;
}

static int refuse(void) { return atomic_fetch_add(&count, 1) + 1 == fail_at; }

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t n) { return refuse() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return refuse() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return refuse() ? NULL : __real_realloc(p, n); }
void *__wrap_aligned_alloc(size_t align, size_t n) { return refuse() ? NULL : __real_aligned_alloc(align, n); }
char *__wrap_strdup(const char *s) { return refuse() ? NULL : __real_strdup(s); }
