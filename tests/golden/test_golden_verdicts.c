/* Thresholds, verdicts, confidences and verify's dictionary of 11 models and 4 metrics are upstream's (recogniser_verdicts.csv): 10,000 distances
 * each, compared by count, sum and hash of what upstream gives to its two decimals. */
#include <jansson.h>

#include "api/pipeline.h"
#include "golden.h"
#include "synthetic.h"
#include "verify/verify.h"

enum { DISTANCES = 10000, DIMS = 128 };

static df_error err;

/* As Python's round(v, 2). */
static uint32_t hundredths(double percent)
{
    char text[32];
    snprintf(text, sizeof text, "%.2f", percent);
    return (uint32_t)lround(strtod(text, NULL) * 100);
}

static void add(uint64_t *hash, uint32_t v)
{
    for (int i = 0; i < 2; i++, v >>= 8)
        *hash = (*hash ^ (v & 255)) * 0x100000001B3u;
}

TEST(verdicts_and_confidences_of_every_model_are_upstreams)
{
    golden g = golden_open("recogniser_verdicts.csv");
    size_t rows = 0;
    for (; golden_row(&g); rows++) {
        const df_recogniser *row = df__recogniser_find(g.fields[0]);
        const int m = df__metric_find(g.fields[1]);
        uint64_t hash = 0xCBF29CE484222325u;
        double sum = 0;
        int verified = 0;
        CHECK(row != NULL && m >= 0);
        const double threshold = row->threshold[DF_ALIGN_EYES][m];
        CHECK_NEAR(golden_number(&g, 3), threshold, 0);
        CHECK_NEAR(threshold, row->threshold[DF_ALIGN_NONE][m], 0);
        for (uint32_t i = 0; i < DISTANCES; i++) {
            double d = synthetic_mix(i, 0, 0, (uint32_t)golden_int(&g, 2)) / 4294967296.0 * 2.2 * threshold;
            uint32_t c = hundredths(df__confidence(d, d <= threshold, &row->confidence[DF_ALIGN_EYES][m]));
            verified += d <= threshold, sum += c;
            add(&hash, c);
        }
        if (verified != golden_int(&g, 4) || sum != golden_number(&g, 5) || hash != strtoull(g.fields[6], NULL, 16))
            fail_msg("%s, %s: %d verified, sum %.0f, hash %016llx, not %s, %s, %s", g.fields[0], g.fields[1], verified, sum, (unsigned long long)hash,
                     g.fields[4], g.fields[5], g.fields[6]);
    }
    assert_int_equal(rows, 44);
}

static double number(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }

TEST(the_dictionary_of_every_model_and_metric_is_upstreams)
{
    golden g = golden_open("recogniser_verdicts.csv");
    size_t rows = 0;
    for (; golden_row(&g); rows++) {
        float u[DIMS], v[DIMS];
        df_face face = {.w = 1, .h = 1};
        df_verify_result r;
        char *text, keys[300];
        df_opts opts = df_opts_default();
        const df_recogniser *row = df__recogniser_find(g.fields[0]);
        const uint32_t seed = (uint32_t)golden_int(&g, 2), near = 1 + rows % 4 + rows / 4 % 4;
        df_embeddings a = {.n = 1, .dims = DIMS, .rows = u, .faces = &face, .row = row, .align = DF_ALIGN_EYES, .detector = "skip"}, b = a;
        b.rows = v;
        synthetic_vector(u, DIMS, seed), synthetic_vector(v, DIMS, seed + 1000);
        for (int i = 0; i < DIMS; i++)
            v[i] = u[i] + (float)(0.1 * near) * v[i];
        opts.metric = g.fields[1];
        CHECK_OK(df_verify_embeddings(&a, &b, &opts, &r, &err));
        CHECK_OK(df_verify_result_json(&r, &text, &err));
        json_t *o = json_loads(text, 0, NULL);
        CHECK(o != NULL);
        CHECK(json_is_true(json_object_get(o, "verified")) == (golden_int(&g, 7) != 0));
        CHECK_NEAR(golden_number(&g, 8), number(o, "distance"), 2e-6);
        CHECK_NEAR(golden_number(&g, 9), number(o, "threshold"), 0);
        CHECK_NEAR(golden_number(&g, 10), number(o, "confidence"), 0.01001); /* of a distance that upstream rounded to six decimals */
        assert_string_equal(g.fields[11], json_string_value(json_object_get(o, "model")));
        assert_string_equal(g.fields[12], json_string_value(json_object_get(o, "similarity_metric")));
        snprintf(keys, sizeof keys, "%s", g.fields[13]);
        for (char *key = strtok(keys, " "); key; key = strtok(NULL, " "))
            if (!json_object_get(o, key))
                fail_msg("%s: no key %s in %s", g.fields[0], key, text);
        json_decref(o);
        df_string_free(text);
    }
    assert_int_equal(rows, 44);
}
