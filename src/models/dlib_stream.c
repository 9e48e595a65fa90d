/* dlib_stream.c - the reader of dlib_stream.h. */
#include "models/dlib_stream.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const int64_t max_int16 = 32767;
static const int64_t exponent_inf = 32000; /* 32000 inf, 32001 -inf, 32002 NaN: float_details.h */

df_dlib_stream df__dlib_stream_of(const df_bytes *file)
{
    static const uint8_t nothing[1];
    const uint8_t *begin = file->data ? file->data : nothing;
    return (df_dlib_stream){begin, begin, begin + file->len, NULL};
}

void df__dlib_fail(df_dlib_stream *s, const char *what)
{
    if (!s->bad)
        s->bad = what;
}

df_status df__dlib_check(const df_dlib_stream *s, const char *label, df_error *err)
{
    if (!s->bad)
        return DF_OK;
    return df__fail(err, DF_E_BAD_MODEL, "%s: byte %zu of %zu: %s", label, (size_t)(s->at - s->begin), (size_t)(s->end - s->begin),
                    s->bad);
}

static size_t left(const df_dlib_stream *s) { return (size_t)(s->end - s->at); }

/* `n` bytes and step over them; NULL when the file ends before. */
static const uint8_t *take(df_dlib_stream *s, size_t n)
{
    if (!s->bad && left(s) < n)
        df__dlib_fail(s, "the file ends in the middle");
    if (s->bad)
        return NULL;
    const uint8_t *p = s->at;
    s->at += n;
    return p;
}

static uint64_t little_endian(const uint8_t *p, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = bytes; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* Spelled out, compilers make one load of each. */
static uint32_t half_word(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t word(const uint8_t *p) { return (uint64_t)half_word(p) | (uint64_t)half_word(p + 4) << 32; }

int64_t df__dlib_int(df_dlib_stream *s, int64_t min, int64_t max)
{
    const uint8_t *start = s->at, *control = take(s, 1);
    if (!control)
        return 0;
    size_t bytes = *control & 0x0F;
    const uint8_t *p = bytes >= 1 && bytes <= 8 ? take(s, bytes) : NULL;
    if (!p) {
        df__dlib_fail(s, "not the length of a number");
        return 0;
    }
    uint64_t magnitude = little_endian(p, bytes);
    int64_t value = (int64_t)(magnitude & INT64_MAX);
    if (*control & 0x80)
        value = -value;
    if (magnitude > INT64_MAX || value < min || value > max) {
        s->at = start;
        df__dlib_fail(s, "a number is out of its range");
        return 0;
    }
    return value;
}

size_t df__dlib_count(df_dlib_stream *s, size_t least)
{
    const uint8_t *start = s->at;
    uint64_t n = (uint64_t)df__dlib_int(s, 0, INT64_MAX);
    if (n > left(s) / (least ? least : 1)) {
        s->at = start;
        df__dlib_fail(s, "a list is longer than the rest of the file");
        return 0;
    }
    return (size_t)n;
}

bool df__dlib_bool(df_dlib_stream *s)
{
    const uint8_t *p = take(s, 1);
    if (p && *p != '0' && *p != '1')
        df__dlib_fail(s, "neither true nor false");
    return p && *p == '1';
}

/* mantissa * 2^exponent as dlib computes it: the mantissa becomes a float first. */
static float float_of(df_dlib_stream *s, int64_t mantissa, int64_t exponent)
{
    double v = exponent < exponent_inf ? ldexp((double)(float)mantissa, (int)exponent) : (double)INFINITY;
    if (!(fabs(v) <= (double)FLT_MAX)) {
        df__dlib_fail(s, "a float is not finite");
        return 0;
    }
    return (float)v;
}

static float slow_float(df_dlib_stream *s)
{
    int64_t mantissa = df__dlib_int(s, -INT64_MAX, INT64_MAX);
    int64_t exponent = df__dlib_int(s, -max_int16, max_int16);
    return s->bad ? 0 : float_of(s, mantissa, exponent);
}

/* 2^e, or with `sign` set -2^e, for e in [-255, 255], from its bits: a branch on the sign would be guessed wrong every other time. */
static double power_of_two(int64_t e, uint64_t sign)
{
    uint64_t bits = (uint64_t)(1023 + e) << 52 | sign << 63;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Nearly every float of a file has three bytes of mantissa and one of exponent. Those at the front of the list are read from one word
 * each; returns how many there were. */
static size_t common_floats(df_dlib_stream *s, float *to, size_t n)
{
    const uint8_t *at = s->at, *end = s->end; /* kept out of memory, where each float would wait for the one before */
    size_t i = 0;
    for (; i < n && (size_t)(end - at) >= 8; i++, at += 6) {
        uint64_t w = word(at);
        if ((w & 0x7F0000007F) != 0x0100000003)
            break;
        int64_t mantissa = (int64_t)(w >> 8 & 0xFFFFFF), exponent = (int64_t)(w >> 40 & 0xFF);
        double v = (double)mantissa * power_of_two(w >> 39 & 1 ? -exponent : exponent, w >> 7 & 1);
        if (fabs(v) > (double)FLT_MAX)
            break;
        to[i] = (float)v;
    }
    s->at = at;
    return i;
}

void df__dlib_floats(df_dlib_stream *s, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        i += s->bad ? 0 : common_floats(s, to + i, n - i);
        if (i < n)
            to[i] = s->bad ? 0 : slow_float(s);
    }
}

float df__dlib_float(df_dlib_stream *s)
{
    float v;
    df__dlib_floats(s, &v, 1);
    return v;
}

double df__dlib_double(df_dlib_stream *s)
{
    int64_t mantissa = df__dlib_int(s, -INT64_MAX, INT64_MAX), exponent = df__dlib_int(s, -max_int16, max_int16);
    double v = exponent < exponent_inf ? ldexp((double)mantissa, (int)exponent) : (double)INFINITY;
    if (!(fabs(v) <= 1e30))
        df__dlib_fail(s, "a number is not finite or over 1e30");
    return s->bad ? 0 : v;
}

void df__dlib_text(df_dlib_stream *s, char *to, size_t size)
{
    size_t n = df__dlib_count(s, 1), kept = n < size ? n : size - 1;
    const uint8_t *p = take(s, n);
    if (p)
        memcpy(to, p, kept);
    to[p ? kept : 0] = '\0';
}

size_t df__dlib_column(df_dlib_stream *s)
{
    /* Both sizes are stored negated; files before 2009 have them plain. */
    int64_t rows = df__dlib_int(s, -INT64_MAX, INT64_MAX), columns = df__dlib_int(s, -1, 1);
    if (rows < 0)
        rows = -rows;
    if (s->bad || columns == 0 || (uint64_t)rows > left(s) / DF_DLIB_FLOAT_BYTES) {
        df__dlib_fail(s, "not a column of floats that the rest of the file can hold");
        return 0;
    }
    return (size_t)rows;
}

/* Four sizes; each and their product at most `limit`. */
static df_dlib_tensor shape(df_dlib_stream *s, int version, size_t limit)
{
    df_dlib_tensor t = {.count = 1};
    (void)df__dlib_int(s, version, version);
    for (int i = 0; i < 4; i++) {
        t.dims[i] = df__dlib_int(s, 0, INT32_MAX);
        if (t.dims[i] && t.count > limit / (size_t)t.dims[i])
            df__dlib_fail(s, "a tensor is larger than the rest of the file");
        t.count *= s->bad ? 0 : (size_t)t.dims[i];
    }
    return s->bad ? (df_dlib_tensor){.count = 0} : t;
}

df_dlib_tensor df__dlib_tensor(df_dlib_stream *s)
{
    df_dlib_tensor t = shape(s, 2, left(s) / sizeof(float));
    t.data = take(s, t.count * sizeof(float));
    return t.data ? t : (df_dlib_tensor){.count = 0};
}

df_dlib_tensor df__dlib_alias(df_dlib_stream *s) { return shape(s, 1, INT32_MAX); }

void df__dlib_tensor_copy(const df_dlib_tensor *t, size_t first, size_t n, float *to)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = half_word(t->data + (first + i) * sizeof(float));
        memcpy(to + i, &bits, sizeof bits);
    }
}
