/* test_box.c - boxes of numbers in another order of dimensions, beside the same number by number. */
#include <stdlib.h>

#include "nn/op.h"
#include "test.h"

enum { MOST = 5 };

static int64_t count_of(const int64_t *dims, int rank)
{
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= dims[i];
    return n;
}

static void strides_of(const int64_t *dims, int rank, int64_t *strides)
{
    for (int64_t i = rank - 1, n = 1; i >= 0; n *= dims[i--])
        strides[i] = n;
}

/* dims and perm: digits of perm name the dimension of the input that comes there. */
static void check_turn(size_t size, int rank, const int64_t *dims, const char *perm)
{
    int64_t own[MOST], from[MOST], to[MOST], out[MOST], at[MOST] = {0}, n = count_of(dims, rank);
    uint8_t *x = malloc((size_t)n * size), *y = malloc((size_t)n * size + 8);
    assert_true(x && y);
    for (size_t i = 0; i < (size_t)n * size; i++)
        x[i] = (uint8_t)(i * 7 + i / 251);
    memset(y, 0xEE, (size_t)n * size + 8);
    strides_of(dims, rank, own);
    for (int i = 0; i < rank; i++)
        out[i] = dims[perm[i] - '0'], from[i] = own[perm[i] - '0'];
    strides_of(out, rank, to);
    df__copy_box(size, rank, out, (char *)y, to, (const char *)x, from);
    for (int64_t k = 0; k < n; k++) {
        int64_t place = 0;
        for (int i = 0; i < rank; i++)
            place += at[i] * from[i];
        if (memcmp(y + (size_t)k * size, x + (size_t)place * size, size) != 0)
            fail_msg("size %zu, perm %s: number %lld of %lld", size, perm, (long long)k, (long long)n);
        df__next_index(at, out, rank);
    }
    for (int i = 0; i < 8; i++)
        CHECK(y[(size_t)n * size + (size_t)i] == 0xEE);
    free(x), free(y);
}

TEST(every_order_of_every_size)
{
    static const char *const orders[] = {"0132", "0321", "0213", "0231", "0312", "1032", "3210", "3012", "1230", "2301", "0123", "2103"};
    static const int64_t shapes[][4] = {{2, 3, 5, 7}, {1, 4, 33, 36}, {3, 37, 2, 65}, {2, 1, 70, 31}, {5, 8, 1, 4}, {1, 1, 129, 3}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t o = 0; o < sizeof orders / sizeof *orders; o++)
            for (size_t size = 1; size <= 8; size *= 2)
                check_turn(size, 4, shapes[s], orders[o]);
    check_turn(4, 5, (const int64_t[]){2, 3, 9, 2, 34}, "02413");
    check_turn(4, 2, (const int64_t[]){400, 401}, "10");
    check_turn(4, 1, (const int64_t[]){17}, "0");
}

TEST(rows_that_do_not_lie_side_by_side)
{
    float x[6 * 11], y[9 * 8];
    for (int i = 0; i < 66; i++)
        x[i] = (float)i;
    for (int i = 0; i < 72; i++)
        y[i] = -1;
    df__turn_4(x, 11, y, 8, 6, 9); /* nine of eleven columns, six of eight places */
    for (int i = 0; i < 9; i++)
        for (int j = 0; j < 8; j++)
            CHECK_NEAR(j < 6 ? (double)(j * 11 + i) : -1, y[i * 8 + j], 0);
}
