/* Each recogniser's way of taking a crop in and giving a vector out is upstream's (recogniser_feeds.csv), on small networks that this test makes
 * with the row's own input: mean values of a grid of cells, then a 1x1 convolution. */
#include "golden.h"
#include "represent/recogniser.h"
#include "temp_dir.h"
#include "tiny_heads.h"

enum { ROOM = 256, CHANNELS = 4 };

static df_error err;

static int cell_of(const df_recogniser *row) { return (row->width < row->height ? row->width : row->height) / 4; }

static int dims_of(const df_recogniser *row) { return CHANNELS * (row->width / cell_of(row)) * (row->height / cell_of(row)); }

/* `batch` 1: the graph takes one face at a time, as SFace's; -1: any number. */
static df_bytes cells_network(const df_recogniser *row, int64_t batch, uint32_t seed)
{
    static message g;
    float w[3 * CHANNELS];
    const int64_t cell = cell_of(row);
    g.len = 0;
    message x = port("x", 4, row->feed.last ? (int64_t[]){batch, row->height, row->width, 3} : (int64_t[]){batch, 3, row->height, row->width});
    put_message(&g, 11, &x);
    tiny_output(&g, "y", 2, (int64_t[]){batch, dims_of(row)});
    message m = node("Transpose", "planes", "x", "planes");
    tiny_ints(&m, "perm", 4, (int64_t[]){0, 3, 1, 2});
    if (row->feed.last)
        put_message(&g, 1, &m);
    m = node("AveragePool", "cells", row->feed.last ? "planes" : "x", "cells");
    tiny_ints(&m, "kernel_shape", 2, (int64_t[]){cell, cell});
    tiny_ints(&m, "strides", 2, (int64_t[]){cell, cell});
    put_message(&g, 1, &m);
    m = node("Conv", "mixed", "cells w", "mixed");
    put_message(&g, 1, &m);
    m = node("Flatten", "y", "mixed", "y");
    put_message(&g, 1, &m);
    synthetic_vector(w, sizeof w / sizeof *w, seed);
    tiny_floats(&g, "w", 4, (int64_t[]){CHANNELS, 3, 1, 1}, w, sizeof w / sizeof *w);
    return model(&g, 12);
}

typedef struct small { df_recogniser row; df_recogniser_net net; char name[32]; } small;

/* The row of `name` around its small network. */
static void small_open(small *s, const temp_dir *d, const char *name, uint32_t seed)
{
    const df_loader loader = {.dir = d->path, .precision = DF_PRECISION_STRICT};
    const df_recogniser *row = df__recogniser_find(name);
    if (!row)
        fail_msg("no recogniser %s", name);
    *s = (small){.row = *row};
    s->row.weights = NULL, s->row.file = temp_path(d, "cells.onnx"), s->row.dims = dims_of(row);
    df_bytes bytes = cells_network(row, strcmp(name, "SFace") == 0 ? 1 : -1, seed);
    CHECK_OK(df__write_file(s->row.file, bytes.data, bytes.len, &err));
    df__bytes_free(&bytes);
    CHECK_OK(df__recogniser_open(&loader, &s->row, &s->net, &err));
    snprintf(s->name, sizeof s->name, "%s", name);
}

static double apart(const float *a, const float *b, size_t n)
{
    double d = 0, length = 0;
    for (size_t i = 0; i < n; i++)
        d += ((double)a[i] - b[i]) * ((double)a[i] - b[i]), length += (double)a[i] * a[i];
    return sqrt(d / length);
}

TEST(every_recogniser_takes_pixels_and_gives_vectors_as_upstream)
{
    setenv("DEEPFACE_CACHE", "off", 1);
    temp_dir d = temp_dir_new();
    small s = {.name = ""};
    golden g = golden_open("recogniser_feeds.csv");
    size_t rows = 0, models = 0;
    double worst = 0;
    for (; golden_row(&g); rows++) {
        float want[ROOM], got[ROOM];
        df_arena scratch = {0};
        int range = df__range_find(g.fields[5]);
        if (strcmp(s.name, g.fields[0]) != 0) {
            df__recogniser_close(&s.net);
            small_open(&s, &d, g.fields[0], (uint32_t)golden_int(&g, 1));
            models++;
        }
        size_t dims = (size_t)s.row.dims;
        CHECK(range >= 0 && dims <= ROOM && golden_numbers(&g, 6, want, ROOM) == dims);
        df_pixels crop = synthetic_picture(golden_int(&g, 2), golden_int(&g, 3), (uint32_t)golden_int(&g, 4));
        CHECK_OK(df__recogniser_run(&s.net, &crop, 1, (df_range)range, false, 1, &scratch, got, &err));
        double off = apart(want, got, dims);
        if (!(off <= (s.row.feed.whole ? 2e-3 : 1e-4)))
            fail_msg("%s, %s: off by %g of its length", g.fields[0], g.fields[5], off);
        worst = fmax(worst, off);
        df__pixels_free(&crop);
        df__arena_free(&scratch);
    }
    print_message("worst of %zu vectors: %.2g of the length\n", rows, worst);
    assert_int_equal(rows, 154);
    for (size_t i = 0; df__recogniser_at(i); i++)
        models--;
    assert_int_equal(models, 0);
    df__recogniser_close(&s.net);
}

/* A mirrored crop swaps the columns of cells; many faces give what each gives alone; VGG-Face's mean has length 1 again. */
TEST(faces_together_and_mirrored_are_what_each_is_alone)
{
    enum { FACES = 11 };
    setenv("DEEPFACE_CACHE", "off", 1);
    temp_dir d = temp_dir_new();
    const char *names[] = {"VGG-Face", "SFace", "Dlib", "OpenFace"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        small s;
        df_arena scratch = {0};
        df_pixels crops[FACES], turned[FACES];
        static float all[FACES * ROOM], one[ROOM], other[ROOM];
        small_open(&s, &d, names[k], 5);
        size_t dims = (size_t)s.row.dims;
        for (int i = 0; i < FACES; i++) {
            int side = s.row.width * (1 + i % 4) / 2; /* no bars, which may be wider on one side */
            crops[i] = synthetic_picture(side, side, (uint32_t)i), turned[i] = synthetic_picture(side, side, 0);
            for (int y = 0; y < side; y++)
                for (int x = 0; x < crops[i].width; x++)
                    memcpy(turned[i].data + (size_t)y * turned[i].stride + 3 * (size_t)x,
                           crops[i].data + (size_t)y * crops[i].stride + 3 * (size_t)(crops[i].width - 1 - x), 3);
        }
        CHECK_OK(df__recogniser_run(&s.net, crops, FACES, DF_RANGE_BASE, true, 1, &scratch, all, &err));
        for (int i = 0; i < FACES; i++) {
            double length = 0;
            CHECK_OK(df__recogniser_run(&s.net, &crops[i], 1, DF_RANGE_BASE, false, 1, &scratch, one, &err));
            CHECK_OK(df__recogniser_run(&s.net, &turned[i], 1, DF_RANGE_BASE, false, 1, &scratch, other, &err));
            for (size_t j = 0; j < dims; j++)
                one[j] = (one[j] + other[j]) / 2, length += (double)one[j] * one[j];
            for (size_t j = 0; s.row.l2 && j < dims; j++)
                one[j] = (float)(one[j] / sqrt(length));
            if (!(apart(one, all + (size_t)i * dims, dims) <= 2e-3))
                fail_msg("%s, face %d: off by %g", names[k], i, apart(one, all + (size_t)i * dims, dims));
        }
        for (int i = 0; i < FACES; i++)
            df__pixels_free(&crops[i]), df__pixels_free(&turned[i]);
        df__recogniser_close(&s.net);
        df__arena_free(&scratch);
    }
}

/* ---- networks that are not what the row says ---- */

static void refused(const df_recogniser *row, const df_recogniser *graph_of, const char *says)
{
    temp_dir d = temp_dir_new();
    const df_loader loader = {.dir = d.path};
    df_recogniser_net net;
    df_recogniser r = *row;
    r.weights = NULL, r.file = temp_path(&d, "cells.onnx");
    df_bytes bytes = cells_network(graph_of, -1, 1);
    CHECK_OK(df__write_file(r.file, bytes.data, bytes.len, &err));
    df__bytes_free(&bytes);
    CHECK_STATUS(DF_E_BAD_MODEL, df__recogniser_open(&loader, &r, &net, &err));
    CHECK_HAS(err.message, says);
    CHECK(net.net == NULL);
}

TEST(a_network_of_another_size_layout_or_length_is_refused)
{
    setenv("DEEPFACE_CACHE", "off", 1);
    df_recogniser row = *df__recogniser_find("ArcFace"), planes = row, large = row;
    row.dims = dims_of(&row);
    planes.feed.last = false;
    large.width = large.height = 160;
    refused(&row, &planes, "ArcFace: the network takes 3 x 112 x 112 numbers a face, not height x width x 3 (nhwc)");
    refused(&row, &large, "ArcFace: the network's input is any x 160 x 160 x 3, not photos of 112 x 112 pixels");
    row.dims = 512;
    refused(&row, &row, "ArcFace: the network's output is any x 64, not 512 numbers a face");
}
