/* test_layout.c - tensors from channels first to channels last and back, of every size of number, on one thread and several. */
#include "nn/plan.h"
#include "test.h"

static const int64_t shapes[][4] = {{1, 3, 1, 1}, {2, 3, 5, 7}, {1, 3, 130, 127}, {3, 4, 97, 61}, {1, 2, 90, 91}, {1, 300, 9, 17}, {2, 64, 12, 12}, {1, 20000, 1, 2}, {1, 5, 1, 3}};
static const df_dtype types[] = {DF_U8, DF_BF16, DF_F32, DF_F64};

static uint64_t number(size_t i, size_t size) { return (i * 2654435761u + 12345) & (size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1); }

static void put(void *to, size_t i, size_t size, uint64_t v) { memcpy((char *)to + i * size, &v, size); /* little endian, as all of the engine */ }

static uint64_t get(const void *from, size_t i, size_t size)
{
    uint64_t v = 0;
    memcpy(&v, (const char *)from + i * size, size);
    return v;
}

static void check(const int64_t *d, df_dtype type, int threads)
{
    static const df_node node = {.op = "layout", .name = "", .domain = ""};
    size_t size = df__dtype_size(type), n = (size_t)(d[0] * d[1] * d[2] * d[3]), wrong = 0;
    df_tensor first = {.type = type, .rank = 4, .dims = {d[0], d[1], d[2], d[3]}, .data = malloc(n * size)};
    df_tensor last = {.type = type, .rank = 4, .dims = {d[0], d[2], d[3], d[1]}, .data = malloc(n * size)}, back = first;
    back.data = malloc(n * size);
    assert_true(first.data && last.data && back.data);
    for (size_t i = 0; i < n; i++)
        put(first.data, i, size, number(i, size));
    CHECK(df__op_to_nhwc.run(&(df_call){.node = &node, .in = &first, .n_in = 1, .out = &last, .n_out = 1, .threads = threads}) == DF_OK);
    for (int64_t i = 0; i < d[0]; i++)
        for (int64_t c = 0; c < d[1]; c++)
            for (int64_t p = 0; p < d[2] * d[3]; p++)
                wrong += get(last.data, (size_t)((i * d[2] * d[3] + p) * d[1] + c), size) != number((size_t)((i * d[1] + c) * d[2] * d[3] + p), size);
    assert_int_equal(0, wrong);
    CHECK(df__op_to_nchw.run(&(df_call){.node = &node, .in = &last, .n_in = 1, .out = &back, .n_out = 1, .threads = threads}) == DF_OK);
    assert_memory_equal(first.data, back.data, n * size);
    free(first.data);
    free(last.data);
    free(back.data);
}

TEST(there_and_back)
{
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            for (int threads = 1; threads <= 4; threads += 3)
                check(shapes[s], types[t], threads);
}
