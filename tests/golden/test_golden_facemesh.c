/* Points that MediaPipe's face mesh gives (facemesh.csv), and outputs of the networks that were made of TensorFlow.js models, as TensorFlow
 * computes them (tfjs_outputs.csv). */
#include "align/facemesh.h"
#include "golden.h"
#include "photo.h"

enum { EVERY = 9, POINTS = DF_MESH_POINTS / EVERY, MOST_OFFSETS = 16384 };

static df_error err;

static df_loader loader(void)
{
    static char *dir;
    if (!dir)
        CHECK_OK(df__weights_dir(&dir, &err));
    return (df_loader){.dir = dir, .precision = DF_PRECISION_STRICT};
}

static int by_size(const void *a, const void *b) { return (*(const float *)a > *(const float *)b) - (*(const float *)a < *(const float *)b); }

/* The weights here are MediaPipe's in float16, and its picture comes from a warp with coordinates of 1/32 pixel, in whole grey levels. */
TEST(points_lie_where_mediapipe_sees_them)
{
    static float offsets[MOST_OFFSETS]; /* in hundredths of the face's side */
    size_t n_offsets = 0, photos = 0;
    df_loader l = loader();
    void *detector;
    df_net *net;
    if (!test_data_dir())
        skip();
    CHECK_OK(df__detector_mediapipe.open(&l, &detector, &err));
    CHECK_OK(df__weights_net(&l, "facemesh", DF_PRECISION_STRICT, &net, &err));
    golden g = golden_open("facemesh.csv");
    df_arena scratch = {0};
    while (golden_row(&g)) {
        float want[2 * POINTS];
        df_pixels px;
        df_point got[DF_MESH_POINTS];
        df_face_list faces = {0};
        const df_detect_params params = {.score = 0.5, .threads = 1};
        assert_int_equal(golden_numbers(&g, 3, want, 2 * POINTS), 2 * POINTS);
        if (!golden_photo(g.fields[0], &px))
            continue;
        CHECK_OK(df__detector_mediapipe.detect(detector, px, &params, &scratch, &faces, &err));
        CHECK(faces.n > 0);
        CHECK_OK(df__facemesh(net, px, &faces.items[0], &df__detector_mediapipe.dlib, got, &scratch, &err));
        for (int i = 0; i < POINTS && n_offsets < MOST_OFFSETS; i++)
            offsets[n_offsets++] = 100 * hypotf(got[EVERY * i].x - want[2 * i], got[EVERY * i].y - want[2 * i + 1]) / faces.items[0].w;
        photos++;
        df__face_list_free(&faces);
        df__arena_reset(&scratch);
        df__pixels_free(&px);
    }
    df__arena_free(&scratch);
    df__detector_mediapipe.close(detector);
    df__net_free(net);
    CHECK(photos >= 60);
    qsort(offsets, n_offsets, sizeof *offsets, by_size);
    print_message("%zu photos: points apart by %.3f %% of the face (median), %.3f %% (99 of 100)\n", photos, (double)offsets[n_offsets / 2],
                  (double)offsets[n_offsets * 99 / 100]);
    CHECK(offsets[n_offsets / 2] <= 0.15f && offsets[n_offsets * 99 / 100] <= 1);
}

/* 1e-4, or a 300,000th of the output's greatest number: sums of thousands of float32 products in another order. */
TEST(converted_networks_compute_what_tensorflow_does)
{
    enum { MOST_OUTPUTS = 4, MOST_NUMBERS = 2048 };
    df_loader l = loader();
    golden g = golden_open("tfjs_outputs.csv");
    df_arena scratch = {0};
    df_net *net = NULL;
    df_tensor out[MOST_OUTPUTS];
    char name[64] = "";
    size_t index = 0, seen = 0;
    double apart = 0;
    while (golden_row(&g)) {
        static float want[MOST_NUMBERS];
        if (strcmp(name, g.fields[0]) != 0) {
            df__net_free(net);
            df__arena_reset(&scratch);
            snprintf(name, sizeof name, "%s", g.fields[0]);
            CHECK_OK(df__weights_net(&l, name, DF_PRECISION_STRICT, &net, &err));
            df_tensor in = df__net_input(net, 0)->shape;
            in.dims[0] = 1;
            size_t n = (size_t)(in.dims[1] * in.dims[2] * in.dims[3]);
            float *v = df__arena_alloc(&scratch, n * sizeof *v);
            for (size_t i = 0; i < n; i++)
                v[i] = (float)(((uint32_t)(i * 2654435761u)) >> 8) / 8388608 - 1;
            in.data = v;
            CHECK(df__net_outputs(net) <= MOST_OUTPUTS);
            CHECK_OK(df__net_run(net, &in, 1, out, df__net_outputs(net), 1, &scratch, &err));
            index = 0;
        }
        CHECK(index < df__net_outputs(net));
        assert_string_equal(df__net_output(net, index)->name, g.fields[1]);
        const df_tensor *got = &out[index++];
        assert_int_equal(df__tensor_count(got), golden_int(&g, 2));
        double limit = fmax(1e-4, golden_number(&g, 3) / 3e5);
        size_t n = golden_numbers(&g, 4, want, MOST_NUMBERS);
        CHECK(n > 0 && n <= MOST_NUMBERS);
        for (size_t i = 0; i < n; i++, seen++) {
            double d = fabs((double)((const float *)got->data)[7 * i] - (double)want[i]);
            if (!(d <= limit))
                fail_msg("%s, %s: number %zu is %g, not %g", name, g.fields[1], 7 * i, (double)((const float *)got->data)[7 * i], (double)want[i]);
            apart = fmax(apart, d / limit);
        }
    }
    df__net_free(net);
    df__arena_free(&scratch);
    CHECK(seen > 4000);
    print_message("%zu numbers, apart by %.2f of the tolerance at most\n", seen, apart);
}
