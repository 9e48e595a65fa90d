/* dlib_writer.h - writes what dlib's serialize() writes (serialize.h), so that tests need no real weights. */
#ifndef DF_TEST_DLIB_WRITER_H
#define DF_TEST_DLIB_WRITER_H

#include "core/bytes.h"
#include "test.h"

typedef struct writer {
    uint8_t *data;
    size_t   len, cap;
} writer;

static inline df_bytes written(const writer *w) { return (df_bytes){.data = w->data, .len = w->len}; }

static inline void put_bytes(writer *w, const void *bytes, size_t n)
{
    if (w->cap - w->len < n) {
        w->cap = 2 * w->cap + n + 64;
        w->data = realloc(w->data, w->cap);
        assert_non_null(w->data);
    }
    if (n)
        memcpy(w->data + w->len, bytes, n);
    w->len += n;
}

static inline void put_int(writer *w, int64_t v)
{
    uint8_t bytes[9];
    uint64_t rest = v < 0 ? (uint64_t)-v : (uint64_t)v;
    size_t n = 0;
    do {
        bytes[++n] = (uint8_t)(rest & 255);
        rest >>= 8;
    } while (rest);
    bytes[0] = (uint8_t)(n | (v < 0 ? 0x80 : 0));
    put_bytes(w, bytes, n + 1);
}

/* float_details.h: 24 bits of mantissa, whole zero bytes shifted out. */
static inline void put_float(writer *w, float v)
{
    int exponent;
    int64_t mantissa = (int64_t)(frexp(v, &exponent) * (1 << 24));
    exponent -= 24;
    for (int i = 0; i < 8 && (mantissa & 255) == 0; i++)
        mantissa /= 256, exponent += 8;
    put_int(w, mantissa);
    put_int(w, exponent);
}

static inline void put_text(writer *w, const char *text)
{
    put_int(w, (int64_t)strlen(text));
    put_bytes(w, text, strlen(text));
}

static inline void put_bool(writer *w, bool v) { put_bytes(w, v ? "1" : "0", 1); }

static inline void put_column(writer *w, size_t n, const float *v)
{
    put_int(w, -(int64_t)n);
    put_int(w, -1);
    for (size_t i = 0; i < n; i++)
        put_float(w, v[i]);
}

static inline void put_shape(writer *w, int version, int64_t a, int64_t b, int64_t c, int64_t d)
{
    put_int(w, version);
    put_int(w, a), put_int(w, b), put_int(w, c), put_int(w, d);
}

/* Little-endian machines only, as the tests are run on. */
static inline void put_tensor(writer *w, size_t n, const float *v)
{
    put_shape(w, 2, (int64_t)n, n ? 1 : 0, n ? 1 : 0, n ? 1 : 0);
    put_bytes(w, v, n * sizeof *v);
}

/* ---- a shape predictor of two points, one cascade, two trees with one split each, two pixels ---- */

typedef struct small_predictor {
    float initial[4], threshold[2], leaf[2][2][4]; /* [tree][left, right] */
    int   first[2], second[2], anchor[2];
    float delta[2][2];
} small_predictor;

static inline small_predictor small_predictor_default(void)
{
    return (small_predictor){
        .initial = {0.25f, 0.5f, 0.75f, 0.5f},
        .threshold = {10.0f, -10.0f},
        .leaf = {{{0.125f, 0, 0, 0}, {0, 0.125f, 0, 0}}, {{0, 0, 0.0625f, 0}, {0, 0, 0, -0.25f}}},
        .first = {0, 1}, .second = {1, 0}, .anchor = {0, 1},
        .delta = {{0, 0}, {0.125f, -0.25f}},
    };
}

static inline void put_predictor(writer *w, const small_predictor *p)
{
    put_int(w, 1);
    put_column(w, 4, p->initial);
    put_int(w, 1); /* cascades */
    put_int(w, 2); /* trees */
    for (int t = 0; t < 2; t++) {
        put_int(w, 1);
        put_int(w, p->first[t]), put_int(w, p->second[t]), put_float(w, p->threshold[t]);
        put_int(w, 2);
        put_column(w, 4, p->leaf[t][0]);
        put_column(w, 4, p->leaf[t][1]);
    }
    put_int(w, 1); /* anchors */
    put_int(w, 2);
    put_int(w, p->anchor[0]), put_int(w, p->anchor[1]);
    put_int(w, 1); /* deltas */
    put_int(w, 2);
    for (int i = 0; i < 2; i++)
        put_float(w, p->delta[i][0]), put_float(w, p->delta[i][1]);
}

#endif
