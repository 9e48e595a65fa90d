/* A recogniser of the user's own through the verbs: a small network and its description, in a folder that the test makes. */
#include "../../golden/tiny_heads.h"
#include "core/bytes.h"
#include "temp_dir.h"

static df_error err;

/* Mean colours of the four quarters of 32 x 32 pixels: 12 numbers. */
static void write_network(const char *path)
{
    static message g;
    g.len = 0;
    message x = port("x", 4, (int64_t[]){-1, 3, 32, 32}), m = node("AveragePool", "cells", "x", "cells");
    put_message(&g, 11, &x);
    tiny_output(&g, "y", 2, (int64_t[]){-1, 12});
    tiny_ints(&m, "kernel_shape", 2, (int64_t[]){16, 16});
    tiny_ints(&m, "strides", 2, (int64_t[]){16, 16});
    put_message(&g, 1, &m);
    m = node("Flatten", "y", "cells", "y");
    put_message(&g, 1, &m);
    df_bytes bytes = model(&g, 12);
    CHECK_OK(df__write_file(path, bytes.data, bytes.len, &err));
    df__bytes_free(&bytes);
}

static const char *describe(const temp_dir *d, const char *name, const char *width, const char *chip, const char *more)
{
    char text[600];
    const char *path = temp_path(d, name);
    snprintf(text, sizeof text, "{\"file\": \"net.onnx\", \"width\": %s, \"height\": 32, \"dims\": 12, \"chip\": %s, "
             "\"pixels\": {\"layout\": \"nchw\", \"order\": \"rgb\"}%s}", width, chip, more);
    CHECK_OK(df__write_file(path, text, strlen(text), &err));
    return path;
}

#define POINTS "{\"points\": [[10, 12], [22, 12], [16, 18], [11, 24], [21, 24]]}"

static df_engine *engine_of(const temp_dir *d)
{
    df_engine_opts o = df_engine_opts_default();
    df_engine *e;
    o.weights_dir = d->path, o.threads = 2;
    CHECK_OK(df_engine_new(&o, &e, &err));
    return e;
}

static df_opts opts_of(const char *model)
{
    df_opts o = df_opts_default();
    o.model = model, o.detector = "skip", o.align = "none";
    return o;
}

static df_image *picture(uint8_t left, uint8_t right)
{
    static uint8_t rgb[64 * 64 * 3];
    df_image *img;
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)((i / 3 % 64 < 32 ? left : right) + 10 * (i % 3));
    CHECK_OK(df_image_from_rgb(64, 64, 0, rgb, &img, &err));
    return img;
}

TEST(a_description_beside_an_onnx_file_is_a_model)
{
    setenv("DEEPFACE_CACHE", "off", 1);
    temp_dir d = temp_dir_new();
    write_network(temp_path(&d, "net.onnx"));
    const char *path = describe(&d, "mine.json", "32", POINTS, ", \"thresholds\": {\"cosine\": 0.01}, \"far\": {\"none\": [{\"far\": 0.1, \"cosine\": 0.3},"
                                " {\"far\": 0.001, \"cosine\": 0.1}]}");
    df_engine *e = engine_of(&d), *second = engine_of(&d);
    df_opts o = opts_of(path);
    df_image *a = picture(40, 200), *b = picture(60, 180), *c = picture(200, 40);
    df_embeddings *ea, *eb, *ec;
    df_verify_result r;
    double threshold;
    CHECK_OK(df_represent_image(e, a, &o, &ea, &err));
    CHECK_OK(df_represent_image(second, b, &o, &eb, &err));
    CHECK_OK(df_represent_image(e, c, &o, &ec, &err));
    assert_int_equal(df_embeddings_dims(ea), 12);
    const float *v = df_embeddings_row(ea, 0); /* planes: red first, 0..255, left and right columns */
    CHECK_NEAR(40, v[0], 0.01);
    CHECK_NEAR(200, v[1], 0.01);
    CHECK_NEAR(50, v[4], 0.01);
    CHECK_NEAR(60, v[8], 0.01);
    df_engine_free(e), df_engine_free(second); /* vectors keep what they need of their model */
    CHECK_OK(df_verify_embeddings(ea, eb, &o, &r, &err));
    CHECK_NEAR(0.01, r.threshold, 0);
    CHECK_NEAR(r.verified ? 51 : 49, r.confidence, 0);
    assert_string_equal(r.model, "mine");
    o.far = 0.01;
    CHECK_OK(df_verify_embeddings(ea, ec, &o, &r, &err));
    CHECK_NEAR(0.2, r.threshold, 1e-9);
    CHECK_OK(df_threshold_far(path, "cosine", "none", 0.1, &threshold, &err));
    CHECK_NEAR(0.3, threshold, 1e-9);
    CHECK_OK(df_threshold(path, "cosine", "points", &threshold, &err));
    CHECK_NEAR(0.01, threshold, 0);
    CHECK_STATUS(DF_E_ARGUMENT, df_threshold(path, "angular", "points", &threshold, &err));
    df_embeddings_free(ea), df_embeddings_free(eb), df_embeddings_free(ec);
    df_image_free(a), df_image_free(b), df_image_free(c);
}

static void refused(df_engine *e, const char *path, df_status st, const char *says)
{
    df_opts o = opts_of(path);
    df_image *a = picture(1, 2);
    df_embeddings *out;
    CHECK_STATUS(st, df_represent_image(e, a, &o, &out, &err));
    CHECK_HAS(err.message, says);
    df_image_free(a);
}

TEST(what_does_not_fit_together_is_refused_by_name)
{
    setenv("DEEPFACE_CACHE", "off", 1);
    temp_dir d = temp_dir_new();
    df_engine *e = engine_of(&d);
    refused(e, temp_path(&d, "nix.json"), DF_E_IO, "nix.json");
    char mine[512];
    snprintf(mine, sizeof mine, "%s", describe(&d, "mine.json", "32", POINTS, ""));
    refused(e, mine, DF_E_IO, "net.onnx");
    write_network(temp_path(&d, "net.onnx"));
    refused(e, describe(&d, "wide.json", "48", POINTS, ""), DF_E_BAD_MODEL, "wide: the network's input is any x 3 x 32 x 32, not photos of 48 x 32 pixels");
    refused(e, describe(&d, "chip.json", "32", "\"arcface-112\"", ""), DF_E_BAD_MODEL, "chip.json: \"chip\" is \"arcface-112\" of 112 x 112 pixels, the network's input 32 x 32");
    refused(e, describe(&d, "name.json", "32", "\"mine-32\"", ""), DF_E_BAD_MODEL, "name.json: \"chip\" is \"mine-32\", which is no chip that is known");
    df_opts o = opts_of(mine);
    df_image *a = picture(1, 200);
    df_embeddings *out;
    CHECK_OK(df_represent_image(e, a, &o, &out, &err)); /* by now the network is there */
    df_verify_result r;
    CHECK_STATUS(DF_E_ARGUMENT, df_verify_embeddings(out, out, &o, &r, &err));
    CHECK_HAS(err.message, "threshold: mine has none for metric cosine");
    o.threshold = 0.5;
    CHECK_OK(df_verify_embeddings(out, out, &o, &r, &err));
    o.far = 0.5;
    df_embeddings *none;
    CHECK_STATUS(DF_E_ARGUMENT, df_represent_image(e, a, &o, &none, &err));
    CHECK_HAS(err.message, "give one of them");
    df_embeddings_free(out);
    df_image_free(a);
    df_engine_free(e);
}
