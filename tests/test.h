/* test.h - a thin layer over cmocka: a test registers itself, a failed call prints the library's own message.
 *
 *     TEST(rotate_90_turns_counter_clockwise) { ... CHECK_OK(df__rotate(in, 90.0, &out, &err)); ... }
 *
 * One program a file; tests/test_main.c holds main(). A program takes part of a test's name as an argument and runs those alone. */
#ifndef DF_TEST_H
#define DF_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "deepface.h"

void test_register(const char *name, void (*fn)(void **state));

#define TEST(name)                                                                        \
    static void test_##name(void **cmocka_state);                                                \
    __attribute__((constructor)) static void test_register_##name(void) { test_register(#name, test_##name); } \
    static void test_##name(void **cmocka_state __attribute__((unused)))

/* `err` must be a df_error in scope that the call was given. */
#define CHECK_OK(call)                                                                    \
    do {                                                                                  \
        df_status check_st = (call);                                                      \
        if (check_st != DF_OK) fail_msg("%s: %s: %s", #call, df_status_text(check_st), err.message); \
    } while (0)
#define CHECK_STATUS(expected, call)                                                      \
    do {                                                                                  \
        df_status check_st = (call);                                                      \
        if (check_st != (expected))                                                       \
            fail_msg("%s: expected \"%s\", got \"%s\": %s", #call, df_status_text(expected), df_status_text(check_st), err.message); \
    } while (0)
#define CHECK_NEAR(expected, actual, tolerance)                                           \
    do {                                                                                  \
        double check_e = (double)(expected), check_a = (double)(actual);                  \
        if (!(fabs(check_e - check_a) <= (tolerance)))                                    \
            fail_msg("%s: expected %.9g +- %g, got %.9g", #actual, check_e, (double)(tolerance), check_a); \
    } while (0)
#define CHECK_HAS(text, part)                                                             \
    do {                                                                                  \
        if (!strstr((text), (part))) fail_msg("\"%s\" does not hold \"%s\"", (text), (part)); \
    } while (0)
#define CHECK(cond)                                                                       \
    do {                                                                                  \
        if (!(cond)) fail_msg("%s is false", #cond);                                      \
    } while (0)

/* Allocation failure: the n-th malloc/calloc/realloc of the library after this returns NULL (n from 1; 0: never). Programs that use it
 * link with -Wl,--wrap (CMake: df_test(... ALLOC)). test_alloc_count tells how many there were since. */
void   test_alloc_fail_at(size_t n);
size_t test_alloc_count(void);
/* walk(arg) with each allocation failing in turn, until it needs no more: how often it reported that. It answers well, or for want of memory. */
size_t test_alloc_each(df_status (*walk)(void *arg, df_error *err), void *arg);

/* Folder of the research data (DF_TEST_DATA, default ../shared/data beside the source tree); NULL when absent: call skip(). */
const char *test_data_dir(void);
/* Folder of the demo photos (obama.jpg, ...), of the goldens in tests/golden, of the weights. */
const char *test_photos_dir(void);
const char *test_golden_dir(void);
/* A folder of this program's own in $TMPDIR or /tmp, made at the first call; when main() ends it goes with all that is in it, unless that is the end of
 * a forked child. temp_dir.h makes others in it. */
const char *test_folder(void);

#endif
