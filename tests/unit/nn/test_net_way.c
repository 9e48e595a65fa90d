/* test_net_way.c - a net keeps the way that it was found to go; a batch takes the faster of the two that were fastest with one photo, or the one that there is memory for. */
#include <math.h>

#include "net_text.h"
#include "nn/amx.h"
#include "nn/net_stage.h"
#include "nn/verdict.h"
#include "said.h"
#include "temp_dir.h"

static df_error err;
static const df_log heard = {hear, NULL};

typedef struct batch { const char *inputs, *text; df_tensor in, exact; df_arena results; } batch;

static batch batch_of(const char *inputs, const char *text, int64_t photos)
{
    batch b = {.inputs = inputs, .text = text};
    df_graph *g;
    CHECK_OK(graph_of(inputs, text, "y", 13, &g, &err));
    b.in = g->inputs[0].shape;
    b.in.dims[0] = photos;
    fill(&b.in);
    CHECK_OK(plain_run(g, &b.in, &b.exact, &b.results, &err));
    df__graph_free(g);
    return b;
}

static void batch_free(batch *b)
{
    free(b->in.data);
    df__arena_free(&b->results);
}

static df_net *net_of(const batch *b, df_precision precision, const char *cache, const df_budget *budget)
{
    df_net *net;
    df_graph *g;
    const df_net_opts opts = {.precision = precision, .cache = cache, .model_hash = {1}, .log = &heard, .limits = budget};
    CHECK_OK(graph_of(b->inputs, b->text, "y", 13, &g, &err));
    CHECK_OK(df__net_new(g, &opts, &net, &err));
    said[0] = '\0';
    return net;
}

enum { ROWS = DF_STAGE_EXACT, ALONE = DF_STAGE_EXACT | DF_STAGE_ALONE };

/* Makes a net believe that this is what was found. */
static void plant(df_net *net, int stage, int second, double behind) { df__way_keep(net, &(df_way){stage, second, behind, false}); }

/* The number kept for batches like this. */
static int kept_for(df_net *net, const df_tensor *in, int64_t photos, int stage, int second)
{
    df_tensor some = *in;
    some.dims[0] = photos;
    df_pack_key key = df__way_batch_key(net, &some, &(df_way){stage, second, 1, false});
    return df__packer_number(net->packer, &key);
}

static double off(const batch *b, const df_tensor *out)
{
    double length, difference;
    df__squares(b->exact.data, out->data, df__tensor_count(out), &length, &difference);
    return sqrt(difference / length);
}

/* Found with one photo of the batch, and as close as one; the plan kept answers the same. */
TEST(a_way_is_found_with_one_photo)
{
    static const char *const text = "const a 32,16,3,3\nconst b 32,32,3,3\nConv x,a > x1\nTanh x1 > x2\nConv x2,b > x3\nTanh x3 > x4\nConv x4,b > y";
    for (int64_t photos = 4; photos >= 1; photos -= 3) {
        temp_dir d = temp_dir_new();
        char path[512];
        df_tensor out[2];
        batch b = batch_of("x -1,16,40,40", text, photos);
        snprintf(path, sizeof path, "%s", temp_path(&d, "cache"));
        for (int i = 0; i < 2; i++) {
            df_net *net = net_of(&b, DF_PRECISION_FAST, path, NULL);
            CHECK_OK(df__net_run(net, &b.in, 1, &out[i], 1, 1, &b.results, &err));
            assert_int_equal(photos, out[i].dims[0]);
            assert_int_equal(photos == 4 && i == 0, said_times("looked at with one photo of 4"));
            CHECK(off(&b, &out[i]) < 0.1); /* maps: a cosine of 0.995 */
            df__net_free(net);
        }
        assert_memory_equal(out[0].data, out[1].data, df__tensor_bytes(&out[0]));
        batch_free(&b);
    }
}

/* Of either order: what is faster for these photos is kept for up to the next power of two of that size, and no others. */
TEST(a_batch_is_timed_in_both_stages_once)
{
    for (int i = 0; i < 2; i++) {
        temp_dir d = temp_dir_new();
        char path[512];
        batch b = batch_of("x -1,3,24,24", FOUR_BY_ROWS, 7);
        df_tensor out, again, one = b.in, narrow = b.in;
        int stage = i ? ROWS : ALONE, second = i ? ALONE : ROWS;
        one.dims[0] = 1;
        narrow.dims[3] = 23;
        snprintf(path, sizeof path, "%s", temp_path(&d, "cache"));
        df_net *net = net_of(&b, DF_PRECISION_STRICT, path, NULL);
        plant(net, stage, second, 1.2);
        CHECK_OK(df__net_run(net, &one, 1, &out, 1, 1, &b.results, &err));
        assert_int_equal(0, said_times("float32 throughout")); /* one photo goes the first */
        CHECK_OK(df__net_run(net, &b.in, 1, &out, 1, 1, &b.results, &err));
        assert_int_equal(1, said_times("7 photos with float32 throughout"));
        assert_int_equal(i, said_times("7 photos with float32 throughout, one by one"));
        int kept = kept_for(net, &b.in, 8, stage, second);
        CHECK(kept == ROWS || kept == ALONE);
        assert_int_equal(-1, kept_for(net, &b.in, 9, stage, second));
        assert_int_equal(-1, kept_for(net, &narrow, 8, stage, second));
        assert_int_equal(-1, kept_for(net, &b.in, 8, second, stage));
        CHECK(off(&b, &out) <= 1e-4);
        df__net_free(net);
        net = net_of(&b, DF_PRECISION_STRICT, path, NULL);
        CHECK_OK(df__net_run(net, &b.in, 1, &again, 1, 1, &b.results, &err));
        assert_int_equal(0, said_times("float32 throughout"));
        assert_int_equal(kept, kept_for(net, &b.in, 5, stage, second));
        assert_memory_equal(out.data, again.data, df__tensor_bytes(&out));
        df__net_free(net);
        batch_free(&b);
    }
}

/* What is kept of a first run. */
static df_way way_found(batch *b, df_precision precision)
{
    temp_dir d = temp_dir_new();
    df_way way;
    df_tensor out;
    df_net *net = net_of(b, precision, temp_path(&d, "cache"), NULL);
    CHECK(!df__way_kept(net, &way));
    CHECK_OK(df__net_run(net, &b->in, 1, &out, 1, 1, &b->results, &err));
    CHECK(df__way_kept(net, &way));
    df__net_free(net);
    return way;
}

/* Where layers can go by rows and one by one the two differ in that, also where float32 throughout, which goes by rows too, takes about as long as the first. */
TEST(the_second_is_unlike_the_first)
{
    batch b = batch_of("x -1,3,24,24", FOUR_BY_ROWS, 2);
    df_way way = way_found(&b, DF_PRECISION_FAST);
    bool rows[2];
    for (int i = 0; i < 2; i++) {
        int stage = i ? way.second : way.stage;
        rows[i] = !(stage & DF_STAGE_ALONE) && (df__stage_by_rows(stage) || df__stage_bare(stage) == DF_STAGE_EXACT || !df__dnn_has(DF_NUM_BF16));
    }
    CHECK(way.second >= 0 && rows[0] != rows[1]);
    if (!df__amx_has()) { /* there are more ways with it */
        way = way_found(&b, DF_PRECISION_STRICT);
        assert_int_equal(ROWS + ALONE, way.stage + way.second);
        CHECK(way.stage == ROWS || way.stage == ALONE);
    }
    batch_free(&b);
}

TEST(a_second_that_is_far_behind_is_not_timed)
{
    temp_dir d = temp_dir_new();
    batch b = batch_of("x -1,3,24,24", FOUR_BY_ROWS, 2);
    df_way way;
    df_tensor out;
    df_net *net = net_of(&b, DF_PRECISION_STRICT, temp_path(&d, "cache"), NULL);
    plant(net, ROWS, ALONE, 1.4);
    CHECK(df__way_kept(net, &way) && way.stage == ROWS && way.second == ALONE && way.behind > 1.4);
    CHECK_OK(df__net_run(net, &b.in, 1, &out, 1, 1, &b.results, &err));
    assert_int_equal(0, said_times("2 photos with"));
    df__net_free(net);
    batch_free(&b);
}

/* A number that is no way is no reason to fail, but it stays where it is: files are those of one make. */
TEST(what_is_no_way_is_searched_anew)
{
    static const int numbers[] = {255 + 256 * 9, 63, DF_STAGES, 1 << 30, DF_STAGE_SPARING + 256 * DF_STAGES, ROWS + 256 * 40};
    batch b = batch_of("x -1,3,24,24", FOUR_BY_ROWS, 2);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        temp_dir d = temp_dir_new();
        df_tensor out;
        df_way way;
        df_net *net = net_of(&b, DF_PRECISION_STRICT, temp_path(&d, "cache"), NULL);
        df_pack_key key = df__pack_key_new("way of a net");
        df__packer_keep_number(net->packer, &key, numbers[i]);
        CHECK(!df__way_kept(net, &way));
        CHECK_OK(df__net_run(net, &b.in, 1, &out, 1, 1, &b.results, &err));
        CHECK(off(&b, &out) <= 1e-4);
        df__net_free(net);
    }
    batch_free(&b);
}

/* Layers one by one keep whole tensors between them; by rows a few rows. */
TEST(a_batch_takes_the_stage_that_there_is_memory_for)
{
    batch b = batch_of("x -1,3,96,96", FOUR_BY_ROWS, 4);
    bool rows_only = false, neither = false;
    for (size_t bytes = (size_t)8 << 20; bytes > df__tensor_bytes(&b.in); bytes -= bytes / 8) {
        const df_budget some = {.bytes = bytes, .work = (int64_t)1 << 40};
        df_status st[3];
        for (int i = 0; i < 3; i++) {
            temp_dir d = temp_dir_new();
            df_tensor out;
            df_net *net = net_of(&b, DF_PRECISION_STRICT, temp_path(&d, "cache"), &some);
            plant(net, ALONE, i == 0 ? -1 : ROWS, i == 1 ? 1.1 : 2);
            st[i] = df__net_run(net, &b.in, 1, &out, 1, 1, &b.results, &err);
            CHECK(st[i] == DF_OK || st[i] == DF_E_LIMIT);
            if (st[i] == DF_OK)
                CHECK(off(&b, &out) <= 1e-4);
            else
                assert_non_null(strstr(err.message, "bytes"));
            CHECK(i == 0 || (st[0] == DF_OK) == (said_times("instead") == 0));
            df__net_free(net);
        }
        CHECK(st[0] != DF_OK || st[1] == DF_OK);
        assert_int_equal(st[1], st[2]);
        rows_only = rows_only || (st[0] != DF_OK && st[1] == DF_OK);
        neither = neither || st[1] != DF_OK;
    }
    CHECK(rows_only && neither);
    batch_free(&b);
}

/* In INT8 the stage that FAST goes spares layers of its own; each is found again by another net. */
TEST(what_is_spared_is_kept_for_each_stage)
{
    static const int stages[] = {DF_STAGE_SPARING, DF_STAGE_SPARING_ROWS, DF_STAGE_SPARING | DF_STAGE_AS_FAST, DF_STAGE_SPARING_ROWS | DF_STAGE_AS_FAST};
    enum { N = sizeof stages / sizeof *stages };
    temp_dir d = temp_dir_new();
    char path[512];
    batch b = batch_of("x -1,3,24,24", FOUR_BY_ROWS, 1);
    uint8_t bits[N][64];
    snprintf(path, sizeof path, "%s", temp_path(&d, "cache"));
    df_net *net = net_of(&b, DF_PRECISION_INT8, path, NULL);
    size_t bytes = df__spared_bytes(net->program.n_values);
    assert_true(bytes <= sizeof *bits);
    for (int i = 0; i < N; i++) {
        memset(bits[i], 17 + i, bytes);
        CHECK(!df__stage_known(net, stages[i]));
        *df__stage_spared(net, stages[i]) = (df_spared){bits[i], bytes};
        CHECK(df__stage_keep_spared(net, stages[i]));
    }
    df__net_free(net);
    net = net_of(&b, DF_PRECISION_INT8, path, NULL);
    for (int i = 0; i < N; i++) {
        CHECK(df__stage_known(net, stages[i] | DF_STAGE_ALONE));
        assert_int_equal(bytes, df__stage_spared(net, stages[i])->bytes);
        assert_memory_equal(bits[i], df__stage_spared(net, stages[i])->bits, bytes);
    }
    CHECK(!df__stage_known(net, -1) && !df__stage_known(net, DF_STAGES));
    df__net_free(net);
    batch_free(&b);
}

/* Where float32 is asked for there are none. */
TEST(products_of_whole_numbers_of_each_stage)
{
    static const struct { int stage; bool whole; } table[] = {
        {DF_STAGE_FASTEST, true}, {DF_STAGE_EXACT_PHOTO, true}, {DF_STAGE_SPARING, true}, {DF_STAGE_SPARING | DF_STAGE_NO_WHOLE, false}, {DF_STAGE_EXACT, false},
        {DF_STAGE_BY_ROWS | DF_STAGE_ALONE, true}, {DF_STAGE_BY_ROWS | DF_STAGE_NO_WHOLE, false}, {DF_STAGE_SPARING_ROWS, true}, {DF_STAGE_CLOSE_ROWS, false}};
    batch b = batch_of("x -1,3,24,24", FOUR_BY_ROWS, 1);
    df_net *net = net_of(&b, DF_PRECISION_FAST, NULL, NULL);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_int_equal(table[i].whole, df__stage_opts(net, table[i].stage, 1).whole);
        assert_int_equal((table[i].stage & DF_STAGE_NO_WHOLE) != 0, strstr(df__stage_words(table[i].stage).text, "without whole numbers") != NULL);
        assert_int_equal(df__stage_bare(table[i].stage) >= DF_STAGE_BY_ROWS, df__stage_by_rows(table[i].stage));
    }
    df__net_free(net);
    batch_free(&b);
}

/* When a way is found, and when a batch is timed in one that is known. */
TEST(each_allocation_refused_in_turn)
{
    enum { MOST = 20000 };
    batch b = batch_of("x -1,3,12,12", FOUR_BY_ROWS, 2);
    for (int planted = 0; planted < 2; planted++) {
        size_t n = 1;
        for (bool whole = false; !whole && n < MOST; n += 1 + n / 32) { /* those before the first trial one by one */
            temp_dir d = temp_dir_new();
            df_tensor out;
            df_net *net = net_of(&b, DF_PRECISION_STRICT, temp_path(&d, "cache"), NULL);
            if (planted)
                plant(net, ROWS, ALONE, 1.1);
            test_alloc_fail_at(n);
            df_status st = df__net_run(net, &b.in, 1, &out, 1, 1, &b.results, &err);
            whole = test_alloc_count() < n;
            test_alloc_fail_at(0);
            CHECK(st == DF_OK || st == DF_E_NO_MEMORY);
            CHECK(!whole || st == DF_OK);
            df__net_free(net);
        }
        CHECK(n < MOST);
    }
    batch_free(&b);
}
