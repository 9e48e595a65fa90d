/* impostors.c - the lower tail of the distances between two people. Up to 2,000 people, evenly spread, give 1,999,000 pairs. One face each, the first:
 * two faces of one person under one name do not disturb it. */
#include "gallery/impostors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/verify.h"

enum { TRUSTED = 3 }; /* least[3], the 8th least, and those after it are believed */

/* ---- measuring ---- */

typedef struct sample { float *rows; size_t n, dims; } sample;

static bool take(void *user, const df_store_record *r)
{
    sample *s = user;
    memcpy(s->rows + s->n++ * s->dims, r->face.vector, s->dims * sizeof *s->rows);
    return true;
}

static int by_value(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static df_status tail_of(const sample *s, df_metric metric, df_impostors *out, df_error *err)
{
    df_status st = DF_OK;
    size_t pairs = s->n * (s->n - 1) / 2, at = 0;
    double *all = malloc(pairs * sizeof *all);
    if (!all)
        return df__no_memory(err, "distances between people", pairs * sizeof *all);
    for (size_t i = 1; i < s->n; i++)
        for (size_t k = 0; k < i; k++)
            DF_TRY(df__distance(metric, s->rows + i * s->dims, s->rows + k * s->dims, s->dims, &all[at++], err));
    qsort(all, pairs, sizeof *all, by_value);
    for (out->n = 0; out->n < DF_IMPOSTOR_POINTS && ((size_t)1 << out->n) <= pairs; out->n++)
        out->least[out->n] = all[((size_t)1 << out->n) - 1];
    out->people = s->n, out->pairs = pairs;
done:
    free(all);
    return st;
}

static df_status measure(const df_store_ops *ops, void *store, df_metric metric, df_impostors *out, df_error *err)
{
    static const df_condition first_of_each = {.sql = "face.id IN (SELECT min(id) FROM face WHERE person IS NOT NULL GROUP BY person)"};
    df_status st = DF_OK;
    uint64_t *ids = NULL, change;
    size_t n = 0, used;
    sample s = {.dims = ops->key(store)->dims};
    DF_TRY(ops->begin(store, &change, err));
    st = ops->select(store, &first_of_each, &ids, &n, err);
    out->of_people = n;
    used = n < DF_IMPOSTOR_PEOPLE ? n : DF_IMPOSTOR_PEOPLE;
    if (st == DF_OK && n < DF_IMPOSTOR_LEAST)
        st = df__fail(err, DF_E_ARGUMENT, "far: the gallery names %zu people; %d are needed to measure how far apart people are", n, DF_IMPOSTOR_LEAST);
    if (st == DF_OK && !(s.rows = malloc(used * s.dims * sizeof *s.rows)))
        st = df__no_memory(err, "a face of each person", used * s.dims * sizeof *s.rows);
    for (size_t i = 0; st == DF_OK && i < used; i++)
        ids[i] = ids[i * n / used];
    if (st == DF_OK)
        st = ops->faces(store, ids, used, true, take, &s, err);
    ops->end(store);
    if (st == DF_OK)
        st = tail_of(&s, metric, out, err);
done:
    free(s.rows), free(ids);
    return st;
}

/* ---- keeping ---- */

static bool read_note(const char *text, df_impostors *out)
{
    unsigned long long people, pairs, of_people;
    int at = 0, n = 0;
    *out = (df_impostors){0};
    if (sscanf(text, "1 %llu %llu %llu%n", &people, &pairs, &of_people, &at) != 3)
        return false;
    for (; out->n < DF_IMPOSTOR_POINTS && sscanf(text + at, "%lf%n", &out->least[out->n], &n) == 1; at += n)
        if (!isfinite(out->least[out->n++]))
            return false;
    out->people = people, out->pairs = pairs, out->of_people = of_people;
    return out->n > TRUSTED + 1 && people >= DF_IMPOSTOR_LEAST && pairs == people * (people - 1) / 2;
}

static void write_note(const df_impostors *c, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, "1 %llu %llu %llu", (unsigned long long)c->people, (unsigned long long)c->pairs, (unsigned long long)c->of_people);
    for (int i = 0; i < c->n; i++)
        at += (size_t)snprintf(text + at, size - at, " %.9g", c->least[i]);
}

df_status df__impostors(const df_store_ops *ops, void *store, df_metric metric, bool keep, df_impostors *out, df_error *err)
{
    df_status st = DF_OK;
    char name[64], note[DF_IMPOSTOR_POINTS * 24 + 96], *known = NULL;
    df_store_counts counts;
    snprintf(name, sizeof name, "impostors %s", df__metric_name(metric));
    DF_TRY(ops->counts(store, &counts, err));
    DF_TRY(ops->note(store, name, &known, err));
    if (known && read_note(known, out) && fabs((double)out->of_people - (double)counts.people) <= 0.1 * (double)counts.people)
        goto done;
    *out = (df_impostors){0};
    DF_TRY(measure(ops, store, metric, out, err));
    if (keep) {
        write_note(out, note, sizeof note);
        DF_TRY(ops->set_note(store, name, note, err));
    }
done:
    free(known);
    return st;
}

/* ---- asking ---- */

/* log2 of how many pairs lie at or below: i at least[i], straight between; beyond the ends as between the outer ones. */
static double slope_at_the_end(const df_impostors *c)
{
    int far = c->n - 1 < TRUSTED + 6 ? c->n - 1 : TRUSTED + 6;
    double run = c->least[far] - c->least[TRUSTED];
    return run > 0 ? run / (far - TRUSTED) : 0;
}

double df__impostors_distance(const df_impostors *c, double p, bool *extrapolated)
{
    double at = log2(p * (double)c->pairs);
    *extrapolated = at < TRUSTED;
    if (*extrapolated) {
        double d = c->least[TRUSTED] - (TRUSTED - at) * slope_at_the_end(c);
        return d > 0 ? d : 0;
    }
    int i = (int)at < c->n - 1 ? (int)at : c->n - 2;
    double d = c->least[i] + (fmin(at, c->n - 1) - i) * (c->least[i + 1] - c->least[i]);
    return d;
}

double df__impostors_share(const df_impostors *c, double distance)
{
    double slope = slope_at_the_end(c), at;
    int i = TRUSTED;
    if (distance < c->least[TRUSTED]) {
        at = slope > 0 ? TRUSTED - (c->least[TRUSTED] - distance) / slope : -INFINITY;
    } else {
        while (i < c->n - 2 && c->least[i + 1] < distance)
            i++;
        double run = c->least[i + 1] - c->least[i];
        at = i + (run > 0 ? fmin(1, (distance - c->least[i]) / run) : 1);
    }
    double share = exp2(at) / (double)c->pairs;
    return share < 1 ? share : 1;
}
