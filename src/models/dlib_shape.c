/* dlib_shape.c - a shape_predictor of dlib: the mean shape, cascades of regression trees, and the pixels that the trees compare.
 * Order in the file: version, initial_shape, forests, anchor_idx, deltas (dlib 19.24 image_processing/shape_predictor.h). */
#include "models/dlib_shape.h"

#include <stdlib.h>

#include "models/dlib_stream.h"

enum {
    VERSION = 1,
    MIN_POINTS = 2,  /* a turn and a scale need two */
    MAX_POINTS = 4096,
    MAX_CASCADES = 1024, /* dlib's models have 15 */
    MAX_PIXELS = 65536, /* what df_shape_split can name; dlib's models have 400 and 500 */
    SPLIT_BYTES = 2 * DF_DLIB_INT_BYTES + DF_DLIB_FLOAT_BYTES,
    COLUMN_BYTES = 2 * DF_DLIB_INT_BYTES,
    TREE_BYTES = 2 * DF_DLIB_INT_BYTES + SPLIT_BYTES, /* a tree of one split, its leaves not counted */
};

typedef struct reader {
    df_dlib_stream      in;
    df_shape_predictor *sp;
    const char         *label;
    df_error           *err;
} reader;

static df_status ask(reader *r) { return df__dlib_check(&r->in, r->label, r->err); }

/* The status of an allocation: n things of `size` bytes, cleared, from the predictor's arena. */
static df_status room(reader *r, void **to, size_t n, size_t size)
{
    *to = df__arena_calloc(&r->sp->arena, n, size);
    return *to ? DF_OK : df__no_memory(r->err, r->label, n * size);
}

static df_status read_initial(reader *r)
{
    df_status st = DF_OK;
    (void)df__dlib_int(&r->in, VERSION, VERSION);
    size_t n = df__dlib_column(&r->in);
    if (n % 2 || n < 2 * MIN_POINTS || n > 2 * MAX_POINTS)
        df__dlib_fail(&r->in, "not a shape of 2 to 4096 points");
    DF_TRY(ask(r));
    float *xy;
    void *p;
    DF_TRY(room(r, &p, n, sizeof *xy));
    xy = p;
    df__dlib_floats(&r->in, xy, n);
    DF_TRY(ask(r));
    r->sp->n_points = n / 2;
    DF_TRY(room(r, &p, n / 2, sizeof *r->sp->initial));
    r->sp->initial = p;
    for (size_t i = 0; i < n / 2; i++)
        r->sp->initial[i] = (df_point){xy[2 * i], xy[2 * i + 1]};
done:
    return st;
}

/* Memory for all trees, once the first says how large each is. The file must still hold what is asked for, so the memory is bounded by
 * the file's length. */
static df_status size_cascade(reader *r, df_shape_cascade *c, size_t n_splits)
{
    df_status st = DF_OK;
    size_t floats = 2 * r->sp->n_points;
    size_t tree = n_splits * SPLIT_BYTES + (n_splits + 1) * (COLUMN_BYTES + floats * DF_DLIB_FLOAT_BYTES);
    if (n_splits == 0 || (n_splits & (n_splits + 1)) != 0)
        df__dlib_fail(&r->in, "a tree is not full");
    else if (c->n_trees > (size_t)(r->in.end - r->in.at) / tree)
        df__dlib_fail(&r->in, "a forest is larger than the rest of the file");
    DF_TRY(ask(r));
    void *p;
    c->n_splits = n_splits;
    DF_TRY(room(r, &p, c->n_trees * n_splits, sizeof *c->splits));
    c->splits = p;
    /* Not cleared: 65 MB for 68 points, and every float is read. */
    c->leaves = df__arena_alloc(&r->sp->arena, c->n_trees * (n_splits + 1) * floats * sizeof *c->leaves);
    if (!c->leaves)
        st = df__no_memory(r->err, r->label, c->n_trees * (n_splits + 1) * floats * sizeof *c->leaves);
done:
    return st;
}

static df_status read_tree(reader *r, df_shape_cascade *c, size_t tree)
{
    df_status st = DF_OK;
    df_dlib_stream *in = &r->in;
    size_t n = df__dlib_count(in, SPLIT_BYTES), floats = 2 * r->sp->n_points;
    DF_TRY(ask(r));
    if (tree == 0)
        DF_TRY(size_cascade(r, c, n));
    if (n != c->n_splits)
        df__dlib_fail(in, "the trees of a cascade differ in depth");
    DF_TRY(ask(r));
    for (df_shape_split *s = c->splits + tree * n, *end = s + n; s < end; s++) {
        s->first = (uint16_t)df__dlib_int(in, 0, MAX_PIXELS - 1);
        s->second = (uint16_t)df__dlib_int(in, 0, MAX_PIXELS - 1);
        s->threshold = df__dlib_float(in);
    }
    if (df__dlib_count(in, COLUMN_BYTES) != n + 1)
        df__dlib_fail(in, "a tree has not one leaf more than splits");
    float *leaf = c->leaves + tree * (n + 1) * floats;
    for (size_t i = 0; i <= n && !in->bad; i++, leaf += floats) {
        if (df__dlib_column(in) != floats)
            df__dlib_fail(in, "a leaf has not two numbers a point");
        df__dlib_floats(in, leaf, floats);
    }
    st = ask(r);
done:
    return st;
}

static df_status read_forests(reader *r)
{
    df_status st = DF_OK;
    size_t n = df__dlib_count(&r->in, DF_DLIB_INT_BYTES);
    if (n > MAX_CASCADES)
        df__dlib_fail(&r->in, "more than 1024 cascades");
    DF_TRY(ask(r));
    void *p;
    DF_TRY(room(r, &p, n, sizeof *r->sp->cascades));
    r->sp->cascades = p;
    r->sp->n_cascades = n;
    for (size_t i = 0; i < n; i++) {
        df_shape_cascade *c = &r->sp->cascades[i];
        c->n_trees = df__dlib_count(&r->in, TREE_BYTES);
        DF_TRY(ask(r));
        for (size_t tree = 0; tree < c->n_trees; tree++)
            DF_TRY(read_tree(r, c, tree));
    }
done:
    return st;
}

static df_status read_pixels(reader *r)
{
    df_status st = DF_OK;
    df_dlib_stream *in = &r->in;
    df_shape_predictor *sp = r->sp;
    if (df__dlib_count(in, DF_DLIB_INT_BYTES) != sp->n_cascades)
        df__dlib_fail(in, "not one list of anchors a cascade");
    DF_TRY(ask(r));
    for (size_t i = 0; i < sp->n_cascades; i++) {
        df_shape_cascade *c = &sp->cascades[i];
        c->n_pixels = df__dlib_count(in, DF_DLIB_INT_BYTES);
        if (c->n_pixels > MAX_PIXELS)
            df__dlib_fail(in, "a cascade looks at more than 65536 pixels");
        DF_TRY(ask(r));
        void *p;
        DF_TRY(room(r, &p, c->n_pixels, sizeof *c->anchor));
        c->anchor = p;
        for (size_t k = 0; k < c->n_pixels; k++)
            c->anchor[k] = (uint32_t)df__dlib_int(in, 0, (int64_t)sp->n_points - 1);
        DF_TRY(ask(r));
    }
    if (df__dlib_count(in, DF_DLIB_INT_BYTES) != sp->n_cascades)
        df__dlib_fail(in, "not one list of deltas a cascade");
    DF_TRY(ask(r));
    for (size_t i = 0; i < sp->n_cascades; i++) {
        df_shape_cascade *c = &sp->cascades[i];
        if (df__dlib_count(in, 2 * DF_DLIB_FLOAT_BYTES) != c->n_pixels)
            df__dlib_fail(in, "a cascade has not as many deltas as anchors");
        DF_TRY(ask(r));
        void *p;
        DF_TRY(room(r, &p, 2 * c->n_pixels, sizeof *c->delta));
        c->delta = p;
        df__dlib_floats(in, c->delta, 2 * c->n_pixels);
        DF_TRY(ask(r));
    }
    if (in->at != in->end)
        df__dlib_fail(in, "bytes behind the end");
    st = ask(r);
done:
    return st;
}

/* Splits come before the pixels in the file, so that they are checked last. */
static df_status check_splits(const reader *r)
{
    for (size_t i = 0; i < r->sp->n_cascades; i++) {
        const df_shape_cascade *c = &r->sp->cascades[i];
        for (size_t k = 0; k < c->n_trees * c->n_splits; k++)
            if (c->splits[k].first >= c->n_pixels || c->splits[k].second >= c->n_pixels)
                return df__fail(r->err, DF_E_BAD_MODEL, "%s: cascade %zu: split %zu compares pixels %u and %u of %zu", r->label, i, k,
                                c->splits[k].first, c->splits[k].second, c->n_pixels);
    }
    return DF_OK;
}

df_status df__shape_predictor_parse(const df_bytes *file, const char *label, df_shape_predictor **out, df_error *err)
{
    df_status st = DF_OK;
    reader r = {.in = df__dlib_stream_of(file), .label = label, .err = err};
    *out = NULL;
    r.sp = calloc(1, sizeof *r.sp);
    if (!r.sp)
        return df__no_memory(err, label, sizeof *r.sp);
    DF_TRY(read_initial(&r));
    DF_TRY(read_forests(&r));
    DF_TRY(read_pixels(&r));
    DF_TRY(check_splits(&r));
    *out = r.sp, r.sp = NULL; /* handed over */
done:
    df__shape_predictor_free(r.sp);
    return st;
}

void df__shape_predictor_free(df_shape_predictor *sp)
{
    if (!sp)
        return;
    df__arena_free(&sp->arena);
    free(sp);
}

int df__shape_predictor_points(const df_shape_predictor *sp) { return (int)sp->n_points; }
