/* describe.c - a description in JSON to a row: every key is known, every value is of its kind and inside its bounds, or it is refused by name. */
#include "models/describe.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"

enum { LIMIT = 64 << 10, LEAST_SIDE = 16, MOST_SIDE = 1024, MOST_DIMS = 65536, MOST_FARS = 64 };

typedef struct described {
    df_recogniser row; /* first: a row is its description */
    atomic_size_t users;
    char         *name, *file, *chip;
    df_far_point *fars[DF_ALIGNS];
} described;

/* Where in the file an object lies: "model.json", "thresholds.eyes." */
typedef struct place { const char *path; char at[96]; } place;

static df_status refuse(const place *p, const char *key, const char *why, df_error *err)
{
    return df__fail(err, DF_E_BAD_MODEL, "%s: \"%s%s\" %s", p->path, p->at, key, why);
}

static place inside(const place *p, const char *key)
{
    place q = {.path = p->path};
    snprintf(q.at, sizeof q.at, "%.60s%.30s.", p->at, key);
    return q;
}

/* ---- kinds of values; an absent key leaves what is there, unless it is required ---- */

static df_status object_of(const place *p, const json_t *o, const char *key, const json_t **out, df_error *err)
{
    *out = json_object_get(o, key);
    return *out && !json_is_object(*out) ? refuse(p, key, "is no object", err) : DF_OK;
}

static df_status number_of(const place *p, const char *key, const json_t *v, double min, double max, double *out, df_error *err)
{
    char why[120];
    double got = json_is_number(v) ? json_number_value(v) : (double)NAN;
    if (!v)
        return refuse(p, key, "is missing", err);
    if (isnan(got))
        return refuse(p, key, "is no number", err);
    if (got < min || got > max) {
        snprintf(why, sizeof why, "is %g, outside %g..%g", got, min, max);
        return refuse(p, key, why, err);
    }
    *out = got;
    return DF_OK;
}

static df_status whole_of(const place *p, const json_t *o, const char *key, int min, int max, int *out, df_error *err)
{
    double v = 0;
    df_status st = number_of(p, key, json_object_get(o, key), min, max, &v, err);
    if (st == DF_OK && v != floor(v))
        st = refuse(p, key, "is no whole number", err);
    *out = (int)v;
    return st;
}

/* malloc; names are printable and short. */
static df_status text_of(const place *p, const json_t *o, const char *key, bool required, char **out, df_error *err)
{
    const json_t *v = json_object_get(o, key);
    const char *text = json_string_value(v);
    if (!v)
        return required ? refuse(p, key, "is missing", err) : DF_OK;
    if (!text || !*text || strlen(text) > 255)
        return refuse(p, key, "is no text of 1..255 bytes", err);
    *out = strdup(text);
    return *out ? DF_OK : df__no_memory(err, key, strlen(text));
}

/* Index of the value among `choices`, NULL-terminated. */
static df_status choice_of(const place *p, const json_t *o, const char *key, const char *const *choices, int *out, df_error *err)
{
    char why[160];
    const char *text = json_string_value(json_object_get(o, key));
    size_t at = (size_t)snprintf(why, sizeof why, "is %s%.32s%s, none of:", text ? "\"" : "", text ? text : "no text", text ? "\"" : "");
    for (int i = 0; choices[i]; i++) {
        if (text && strcmp(text, choices[i]) == 0) {
            *out = i;
            return DF_OK;
        }
        at += (size_t)snprintf(why + at, sizeof why - at, " %s", choices[i]);
    }
    return refuse(p, key, why, err);
}

/* One number for the three channels, or three. */
static df_status channels_of(const place *p, const json_t *o, const char *key, double min, float out[3], df_error *err)
{
    df_status st = DF_OK;
    const json_t *v = json_object_get(o, key);
    if (v && json_is_array(v) && json_array_size(v) != 3)
        return refuse(p, key, "is neither a number nor a list of three", err);
    for (size_t c = 0; v && c < 3; c++) {
        double one = 0;
        DF_TRY(number_of(p, key, json_is_array(v) ? json_array_get(v, c) : v, min, 1e6, &one, err));
        out[c] = (float)one;
    }
done:
    return st;
}

static df_status keys_are(const place *p, const json_t *o, const char *const *known, df_error *err)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        char why[240] = "is no key here; known:";
        bool found = false;
        for (int i = 0; known[i]; i++) {
            found = found || strcmp(known[i], key) == 0;
            snprintf(why + strlen(why), sizeof why - strlen(why), " %s", known[i]);
        }
        if (!found) {
            char shown[40];
            snprintf(shown, sizeof shown, "%.32s", key);
            return refuse(p, shown, why, err);
        }
    }
    return DF_OK;
}

/* ---- parts of a description ---- */

static const char *const metrics[] = {"cosine", "euclidean", "euclidean_l2", "angular", NULL};
static const char *const aligns[] = {"points", "eyes", "none", NULL};

static df_status read_chip(const place *p, const json_t *o, described *d, df_error *err)
{
    static const char *const keys[] = {"points", NULL};
    df_status st = DF_OK;
    const json_t *chip = json_object_get(o, "chip"), *points;
    if (!json_is_object(chip)) {
        DF_TRY(text_of(p, o, "chip", true, &d->chip, err));
        d->row.chip = d->chip;
        goto done;
    }
    place q = inside(p, "chip");
    DF_TRY(keys_are(&q, chip, keys, err));
    points = json_object_get(chip, "points");
    if (json_array_size(points) != 5)
        DF_TRY(refuse(&q, "points", "is no list of five [x, y]: right eye, left eye, nose, right and left corner of the mouth", err));
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 2; k++) {
            double v = 0;
            DF_TRY(number_of(&q, "points", json_array_get(json_array_get(points, i), k), -MOST_SIDE, 2 * MOST_SIDE, &v, err));
            d->row.five[i][k] = (float)v;
        }
    if (hypotf(d->row.five[1][0] - d->row.five[0][0], d->row.five[1][1] - d->row.five[0][1]) < 1)
        DF_TRY(refuse(&q, "points", "has both eyes in one place", err));
done:
    return st;
}

static df_status read_pixels(const place *p, const json_t *o, df_feed *feed, df_error *err)
{
    static const char *const keys[] = {"layout", "order", "scale", "mean", "std", NULL}, *const layouts[] = {"nchw", "nhwc", NULL};
    static const char *const orders[] = {"bgr", "rgb", NULL};
    df_status st = DF_OK;
    const json_t *pixels;
    place q = inside(p, "pixels");
    int layout = 0, order = 0;
    double scale = 255;
    DF_TRY(object_of(p, o, "pixels", &pixels, err));
    if (!pixels)
        DF_TRY(refuse(p, "pixels", "is missing", err));
    DF_TRY(keys_are(&q, pixels, keys, err));
    DF_TRY(choice_of(&q, pixels, "layout", layouts, &layout, err));
    DF_TRY(choice_of(&q, pixels, "order", orders, &order, err));
    if (json_object_get(pixels, "scale"))
        DF_TRY(number_of(&q, "scale", json_object_get(pixels, "scale"), 1e-6, 1e6, &scale, err));
    *feed = (df_feed){.last = layout == 1, .rgb = order == 1, .scale = (float)scale, .std = {1, 1, 1}};
    DF_TRY(channels_of(&q, pixels, "mean", -1e6, feed->mean, err));
    DF_TRY(channels_of(&q, pixels, "std", 1e-6, feed->std, err));
done:
    return st;
}

/* `figures` holds an object for each alignment, or for each metric, which then counts for all alignments. `one` reads the object of metrics. */
typedef df_status (*read_metrics)(const place *p, const json_t *o, described *d, int align, df_error *err);

static df_status read_figures(const place *p, const json_t *o, const char *key, read_metrics one, described *d, df_error *err)
{
    df_status st = DF_OK;
    const json_t *figures;
    place q = inside(p, key);
    DF_TRY(object_of(p, o, key, &figures, err));
    bool by_align = false;
    for (int a = 0; aligns[a]; a++)
        by_align = by_align || json_object_get(figures, aligns[a]);
    if (figures && by_align)
        DF_TRY(keys_are(&q, figures, aligns, err));
    for (int a = 0; figures && aligns[a]; a++) {
        const json_t *of = figures;
        place r = q;
        if (by_align) {
            DF_TRY(object_of(&q, figures, aligns[a], &of, err));
            r = inside(&q, aligns[a]);
        }
        if (of) {
            DF_TRY(keys_are(&r, of, metrics, err));
            DF_TRY(one(&r, of, d, a, err));
        }
    }
done:
    return st;
}

static df_status read_thresholds(const place *p, const json_t *o, described *d, int align, df_error *err)
{
    df_status st = DF_OK;
    for (int m = 0; metrics[m]; m++)
        if (json_object_get(o, metrics[m]))
            DF_TRY(number_of(p, metrics[m], json_object_get(o, metrics[m]), 1e-9, 1e6, &d->row.threshold[align][m], err));
done:
    return st;
}

static df_status read_confidence(const place *p, const json_t *o, described *d, int align, df_error *err)
{
    static const char *const keys[] = {"w", "b", "normalizer", "denorm_max_true", "denorm_min_true", "denorm_max_false", "denorm_min_false", NULL};
    df_status st = DF_OK;
    for (int m = 0; metrics[m]; m++) {
        const json_t *curve;
        place q = inside(p, metrics[m]);
        double v[7];
        DF_TRY(object_of(p, o, metrics[m], &curve, err));
        if (!curve)
            continue;
        DF_TRY(keys_are(&q, curve, keys, err));
        for (int i = 0; i < 7; i++)
            DF_TRY(number_of(&q, keys[i], json_object_get(curve, keys[i]), i == 2 ? 1e-9 : -1e6, 1e6, &v[i], err));
        if (!(v[3] > v[4]) || !(v[5] > v[6]))
            DF_TRY(refuse(&q, v[3] > v[4] ? keys[5] : keys[3], "is not more than its denorm_min", err));
        d->row.confidence[align][m] = (df_confidence_row){v[0], v[1], v[2], v[3], v[4], v[5], v[6]};
    }
done:
    return st;
}

static df_status read_far_list(const place *p, const json_t *list, described *d, int align, df_error *err)
{
    static const char *const keys[] = {"far", "cosine", "euclidean", "euclidean_l2", "angular", NULL};
    df_status st = DF_OK;
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || n < 2 || n > MOST_FARS)
        DF_TRY(refuse(p, aligns[align], "is no list of 2..64 objects", err));
    df_far_point *at = d->fars[align] = calloc(n, sizeof *at);
    if (!at)
        DF_TRY(df__no_memory(err, "far", n * sizeof *at));
    place q = inside(p, aligns[align]);
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(list, i);
        if (!json_is_object(o))
            DF_TRY(refuse(p, aligns[align], "is no list of objects", err));
        DF_TRY(keys_are(&q, o, keys, err));
        DF_TRY(number_of(&q, "far", json_object_get(o, "far"), 1e-12, 1, &at[i].far, err));
        if (i && at[i].far >= at[i - 1].far)
            DF_TRY(refuse(&q, "far", "does not fall from one to the next", err));
        for (int m = 0; metrics[m]; m++) {
            const json_t *v = json_object_get(o, metrics[m]);
            at[i].distance[m] = (double)NAN;
            if (v)
                DF_TRY(number_of(&q, metrics[m], v, 0, i && at[i - 1].distance[m] < 1e6 ? at[i - 1].distance[m] : 1e6, &at[i].distance[m], err));
            if (i && isnan(at[i].distance[m]) != isnan(at[i - 1].distance[m]))
                DF_TRY(refuse(&q, metrics[m], "is there for some shares only", err));
        }
    }
    d->row.far[align] = (df_far_curve){at, n};
done:
    return st;
}

static df_status read_fars(const place *p, const json_t *o, described *d, df_error *err)
{
    df_status st = DF_OK;
    const json_t *far;
    place q = inside(p, "far");
    DF_TRY(object_of(p, o, "far", &far, err));
    if (far)
        DF_TRY(keys_are(&q, far, aligns, err));
    for (int a = 0; aligns[a]; a++)
        if (json_object_get(far, aligns[a]))
            DF_TRY(read_far_list(&q, json_object_get(far, aligns[a]), d, a, err));
done:
    return st;
}

/* ---- the whole ---- */

/* "folder/net.onnx" for a description in the folder; a name that is absolute stays. */
static df_status place_file(const char *path, described *d, df_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash && d->file[0] != '/' ? (size_t)(slash - path) + 1 : 0, size = folder + strlen(d->file) + 1;
    char *whole = malloc(size);
    if (!whole)
        return df__no_memory(err, "path", size);
    snprintf(whole, size, "%.*s%s", (int)folder, path, d->file);
    free(d->file);
    d->row.file = d->file = whole;
    return DF_OK;
}

/* Without a name of its own, a description is called by its file's: "my/model.json" is "model". */
static df_status name_it(const char *path, described *d, df_error *err)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    if (!d->name)
        d->name = strndup(base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
    d->row.name = d->name;
    return d->name ? DF_OK : df__no_memory(err, "name", strlen(base));
}

static df_status read_all(const char *path, const json_t *o, described *d, df_error *err)
{
    static const char *const keys[] = {"name", "file", "width", "height", "dims", "chip", "pixels", "output", "thresholds", "confidence", "far", NULL};
    static const char *const outputs[] = {"raw", "l2", NULL};
    df_status st = DF_OK;
    const place top = {.path = path};
    int output = 0;
    if (!json_is_object(o))
        return df__fail(err, DF_E_BAD_MODEL, "%s: a description is one object, {...}", path);
    DF_TRY(keys_are(&top, o, keys, err));
    DF_TRY(text_of(&top, o, "name", false, &d->name, err));
    DF_TRY(name_it(path, d, err));
    if (strlen(d->name) > 63)
        DF_TRY(refuse(&top, "name", "has more than 63 bytes", err));
    if (df__recogniser_find(d->name))
        DF_TRY(refuse(&top, "name", "is that of a model of the catalogue", err));
    DF_TRY(text_of(&top, o, "file", true, &d->file, err));
    DF_TRY(place_file(path, d, err));
    DF_TRY(whole_of(&top, o, "width", LEAST_SIDE, MOST_SIDE, &d->row.width, err));
    DF_TRY(whole_of(&top, o, "height", LEAST_SIDE, MOST_SIDE, &d->row.height, err));
    DF_TRY(whole_of(&top, o, "dims", 1, MOST_DIMS, &d->row.dims, err));
    DF_TRY(read_chip(&top, o, d, err));
    DF_TRY(read_pixels(&top, o, &d->row.feed, err));
    if (json_object_get(o, "output"))
        DF_TRY(choice_of(&top, o, "output", outputs, &output, err));
    d->row.l2 = output == 1;
    DF_TRY(read_figures(&top, o, "thresholds", read_thresholds, d, err));
    DF_TRY(read_figures(&top, o, "confidence", read_confidence, d, err));
    DF_TRY(read_fars(&top, o, d, err));
done:
    return st;
}

df_status df__describe_parse(const df_bytes *text, const char *path, const df_recogniser **out, df_error *err)
{
    df_status st = DF_OK;
    json_error_t bad;
    described *d = calloc(1, sizeof *d);
    json_t *o = NULL;
    *out = NULL;
    if (!d)
        return df__no_memory(err, path, sizeof *d);
    d->users = 1;
    o = json_loadb((const char *)text->data, text->len, JSON_REJECT_DUPLICATES, &bad);
    if (!o)
        DF_TRY(df__fail(err, DF_E_BAD_MODEL, "%s: line %d is no JSON: %s", path, bad.line, bad.text));
    DF_TRY(read_all(path, o, d, err));
    *out = &d->row, d = NULL;
done:
    json_decref(o);
    if (d)
        df__recogniser_release(&d->row);
    return st;
}

df_status df__describe_open(const char *path, const df_recogniser **out, df_error *err)
{
    df_bytes text = {0};
    *out = NULL;
    df_status st = df__read_file(path, LIMIT, &text, err);
    if (st == DF_OK)
        st = df__describe_parse(&text, path, out, err);
    df__bytes_free(&text);
    return st;
}

static described *of_row(const df_recogniser *row) { return row && !row->weights ? (described *)(uintptr_t)row : NULL; }

void df__recogniser_retain(const df_recogniser *row)
{
    described *d = of_row(row);
    if (d)
        atomic_fetch_add(&d->users, 1);
}

void df__recogniser_release(const df_recogniser *row)
{
    described *d = of_row(row);
    if (!d || atomic_fetch_sub(&d->users, 1) > 1)
        return;
    for (int a = 0; a < DF_ALIGNS; a++)
        free(d->fars[a]);
    free(d->name);
    free(d->file);
    free(d->chip);
    free(d);
}
