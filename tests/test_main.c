/* test_main.c - collects the tests of a program and runs them with cmocka. */
#define _XOPEN_SOURCE 700 /* nftw */
#include <ftw.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

enum { MAX_TESTS = 512 };
static struct CMUnitTest tests[MAX_TESTS];
static size_t            n_tests;

void test_register(const char *name, void (*fn)(void **state))
{
    if (n_tests == MAX_TESTS)
        abort();
    tests[n_tests++] = (struct CMUnitTest){name, fn, NULL, NULL, NULL};
}

/* $name, else `otherwise`; NULL when there is no such folder. */
static const char *folder(const char *name, const char *otherwise)
{
    const char *path = getenv(name) ? getenv(name) : otherwise;
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? path : NULL;
}

const char *test_data_dir(void) { return folder("DF_TEST_DATA", DF_SOURCE_DIR "/../shared/data"); }
const char *test_photos_dir(void) { return folder("DF_TEST_PHOTOS", DF_SOURCE_DIR "/build/photos"); }
const char *test_golden_dir(void) { return folder("DF_TEST_GOLDEN", DF_SOURCE_DIR "/tests/golden"); }

static char  own[192]; /* "": not made */
static pid_t maker;

const char *test_folder(void)
{
    if (own[0])
        return own;
    const char *in = getenv("TMPDIR") && *getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    snprintf(own, sizeof own, "%s/deepface-test-XXXXXX", in);
    maker = getpid();
    if (!mkdtemp(own)) {
        own[0] = 0;
        fail_msg("no folder in %s", in);
    }
    return own;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void remove_folder(void)
{
    if (own[0] && maker == getpid() && nftw(own, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        perror(own);
}

/* oneDNN's threads meet at the barriers of libgomp, which is not built for the thread sanitizer: it cannot see them. */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) { return "called_from_lib:libdnnl.so\n"; }

int main(int argc, char **argv)
{
    static struct CMUnitTest chosen[MAX_TESTS];
    size_t n = 0;
    for (size_t i = 0; i < n_tests; i++)
        if (argc < 2 || strstr(tests[i].name, argv[1]))
            chosen[n++] = tests[i];
    if (n == 0) {
        fprintf(stderr, "no test has \"%s\" in its name\n", argc > 1 ? argv[1] : "");
        return 1;
    }
    const char *program = strrchr(argv[0], '/');
    int failed = _cmocka_run_group_tests(program ? program + 1 : argv[0], chosen, n, NULL, NULL);
    remove_folder();
    return failed;
}
