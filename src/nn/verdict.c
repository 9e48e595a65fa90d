/* verdict.c - see verdict.h. */
#include "nn/verdict.h"

#include <math.h>
#include <string.h>

enum { LEAST = 16 /* numbers that have a direction worth a cosine */, FEW = 3, FEW_PHOTOS = 3 };

/* The least of 1, 1.25, 1.5 and 1.75 times a power of two that is no less than x > 0. */
static float round_up(float x)
{
    int e;
    float share = frexpf(x, &e);
    return ldexpf(ceilf(8 * share) / 8, e);
}

/* Round numbers that hold all of an input: nearly every photo gives the same two, so the noise, and with it what is decided, is that of the network's pixels
 * and not of the photo that came first. Powers of two are too coarse: pixels less their mean, -123 to 151, became -128 to 256, a mean that drowned what rounding does. */
static void range_of(const df_tensor *t, float *low, float *high)
{
    float least = 0, most = 0;
    for (int64_t i = 0, n = df__tensor_count(t); t->data && i < n; i++) {
        float x = ((const float *)t->data)[i];
        if (isfinite(x)) {
            least = x < least ? x : least;
            most = x > most ? x : most;
        }
    }
    *low = least < 0 ? -round_up(-least) : 0;
    *high = most > 0 ? round_up(most) : 0;
    if (!(*high - *low > 0) || !isfinite(*high - *low))
        *low = 0, *high = 1;
}

static df_status noise(const df_tensor *in, size_t n, uint32_t seed, df_arena *arena, df_tensor **out, df_error *err)
{
    uint32_t state = seed;
    *out = df__arena_calloc(arena, n + 1, sizeof **out);
    if (!*out)
        return df__no_memory(err, "noise", n * sizeof **out);
    for (size_t i = 0; i < n; i++) {
        df_tensor *t = &(*out)[i];
        float low = 0, high = 1;
        *t = in[i];
        if (t->type == DF_F32)
            range_of(&in[i], &low, &high);
        t->data = df__arena_calloc(arena, 1, df__tensor_bytes(t));
        if (!t->data)
            return df__no_memory(err, "noise", df__tensor_bytes(t));
        for (int64_t k = 0; t->type == DF_F32 && k < df__tensor_count(t); k++) {
            state = state * 1664525 + 1013904223; /* Numerical Recipes' generator */
            ((float *)t->data)[k] = low + (high - low) * ((float)(state >> 8) / 16777216.0f);
        }
    }
    return DF_OK;
}

/* Numbers of a photo; of an output that does not count photos, all. */
static int64_t each_of(const df_tensor *t, int64_t photos) { return t->rank > 0 && t->dims[0] % photos == 0 ? df__tensor_count(t) / photos : df__tensor_count(t); }

void df__squares(const float *exact, const float *other, int64_t n, double *length, double *difference)
{
    *length = *difference = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = (double)exact[i], e = (double)other[i] - x;
        *length += x * x;
        *difference += e * e;
    }
}

/* The length of the difference by that of the exact answer, over all photos: a class that one photo lacks is no large error of the other's. */
static double error_of(const df_tensor *a, const df_tensor *b)
{
    double xx, ee;
    df__squares(a->data, b->data, df__tensor_count(a), &xx, &ee);
    if (!isfinite(xx))
        return 0;
    return isnan(ee) || isinf(ee) ? INFINITY : sqrt(xx > 0 ? ee / xx : ee);
}

static double cosine_of(const df_tensor *a, const df_tensor *b, int64_t photos)
{
    int64_t each = each_of(a, photos), rows = each > 0 ? df__tensor_count(a) / each : 0;
    double least = 1;
    for (int64_t r = 0; r < rows; r++) {
        const float *x = (const float *)a->data + r * each, *y = (const float *)b->data + r * each;
        double xx = 0, yy = 0, xy = 0;
        for (int64_t i = 0; i < each; i++) {
            xx += (double)x[i] * (double)x[i];
            yy += (double)y[i] * (double)y[i];
            xy += (double)x[i] * (double)y[i];
        }
        double c = xy / sqrt(xx * yy);
        if (isfinite(xx) && xx > 0 && !(c >= least)) /* not a number: the fast one broke */
            least = isnan(c) ? -1 : c;
    }
    return least;
}

static bool is_small(const df_tensor *t, int64_t photos) { return each_of(t, photos) < LEAST; }

/* Whether a class hangs by a hair shows on some photos alone. */
static int noises_for(const df_plan *plan, int64_t photos)
{
    bool small = false;
    for (size_t i = 0; i < plan->program.main.n_outputs; i++) {
        const df_tensor *t = &plan->slots[plan->outputs[i]].t;
        small = small || (t->type == DF_F32 && is_small(t, photos));
    }
    return small && photos <= FEW_PHOTOS ? DF_NOISES_MOST : FEW;
}

df_status df__yardstick_make(df_plan *exact, const df_tensor *in, size_t n_in, df_yardstick *y, df_error *err)
{
    df_status st = DF_OK;
    *y = (df_yardstick){.n_out = exact->program.main.n_outputs, .photos = n_in > 0 && in[0].rank > 1 && in[0].dims[0] > 0 ? in[0].dims[0] : 1};
    y->noises = noises_for(exact, y->photos);
    for (int i = 0; i < y->noises; i++) {
        y->out[i] = df__arena_calloc(&y->arena, y->n_out + 1, sizeof *y->out[i]);
        if (!y->out[i])
            DF_TRY(df__no_memory(err, "outputs", y->n_out * sizeof *y->out[i]));
        DF_TRY(noise(in, n_in, (uint32_t)i + 1, &y->arena, &y->in[i], err));
        DF_TRY(df__plan_run(exact, y->in[i], y->out[i], &y->arena, NULL, err));
    }
done:
    return st;
}

void df__yardstick_free(df_yardstick *y) { df__arena_free(&y->arena); }

static df_status measure(const df_yardstick *y, int noises, df_plan *fast, const df_watch *watch, df_closeness *found, df_error *err)
{
    df_status st = DF_OK;
    df_arena arena = {0};
    df_tensor *out = df__arena_calloc(&arena, y->n_out + 1, sizeof *out);
    *found = (df_closeness){.cosine = 1};
    if (!out)
        DF_TRY(df__no_memory(err, "outputs", y->n_out * sizeof *out));
    for (int i = 0; i < noises; i++) {
        df_arena_mark mark = df__arena_mark(&arena);
        DF_TRY(df__plan_run(fast, y->in[i], out, &arena, watch, err));
        for (size_t k = 0; k < y->n_out; k++) {
            const df_tensor *exact = &y->out[i][k];
            if (exact->type != DF_F32)
                continue;
            if (is_small(exact, y->photos))
                found->error = fmax(found->error, error_of(exact, &out[k]));
            else
                found->cosine = fmin(found->cosine, cosine_of(exact, &out[k], y->photos));
        }
        df__arena_release(&arena, mark);
    }
done:
    df__arena_free(&arena);
    return st;
}

df_status df__yardstick_measure(const df_yardstick *y, df_plan *fast, df_closeness *found, df_error *err) { return measure(y, y->noises, fast, NULL, found, err); }

int df__yardstick_watched(const df_yardstick *y) { return y->noises > FEW ? y->noises : 1; }

df_status df__yardstick_watch(const df_yardstick *y, df_plan *plan, const df_watch *watch, df_closeness *found, df_error *err) { return measure(y, df__yardstick_watched(y), plan, watch, found, err); }

double df__closeness_share(df_closeness found, df_closeness least)
{
    double away = 1 - found.cosine, may = 1 - least.cosine, off = found.error / least.error;
    double of_cosine = !(away > 0) ? 0 : may > 0 ? away / may : INFINITY;
    return fmax(of_cosine, found.error > 0 ? off * off : 0);
}
