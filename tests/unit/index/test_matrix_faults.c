/* test_matrix_faults.c - every allocation of opening, writing and compacting may fail; nothing is lost by it. */
#include "vectors.h"

static df_error err;
enum { DIMS = 6, ROWS = 1500 };

static df_status use(const char *path, float *rows, uint64_t *ids)
{
    df_matrix *m = NULL;
    df_status st = df__matrix_open(path, DIMS, "pipe", true, &m, &err);
    if (st == DF_OK && df__matrix_count(m) == 0)
        st = df__matrix_append(m, ids, rows, ROWS, 1, &err);
    if (st == DF_OK)
        st = df__matrix_remove(m, ids, 10, 2, &err);
    if (st == DF_OK)
        st = df__matrix_compact(m, &err);
    df__matrix_free(m);
    return st;
}

TEST(every_allocation_may_fail)
{
    temp_dir d = temp_dir_new();
    float rows[ROWS * DIMS];
    uint64_t ids[ROWS];
    bool done = false;
    random_rows(rows, ROWS, DIMS);
    for (size_t i = 0; i < ROWS; i++)
        ids[i] = i + 1;
    for (size_t n = 1; !done; n++) {
        unlink(temp_path(&d, "m"));
        test_alloc_fail_at(n);
        df_status st = use(temp_path(&d, "m"), rows, ids);
        done = test_alloc_count() < n;
        test_alloc_fail_at(0);
        assert_int_equal(st, done ? DF_OK : DF_E_NO_MEMORY);
        df_matrix *m;
        CHECK_OK(df__matrix_open(temp_path(&d, "m"), DIMS, "pipe", true, &m, &err)); /* never locked, never torn */
        CHECK_OK(df__matrix_check(m, &err));
        df__matrix_free(m);
        assert_int_equal(temp_count(d.path, ".compact"), 0);
    }
}
