/* face_features.c - the 1,024 numbers that FaceRes makes of a face before its heads, as CSV: photo,number,... For tools/fit_race.py.
 *
 *     face_features PHOTO...
 *
 * Of each photo the largest face counts, found and cut out as `analyze` does, its mirror image taken with it; a photo without a face is taken
 * whole. */
#include <stdio.h>
#include <stdlib.h>

#include "api/engine.h"
#include "api/process.h"

enum { FEATURES = 1024, MOST_FACES = 64 };

static double rows[MOST_FACES][FEATURES]; /* of one photo, in the order of its faces: one thread */
static size_t n_rows;

static void keep(const df_attribute *self, const float *const *heads, df_findings *out)
{
    (void)out;
    if (n_rows < MOST_FACES)
        df__mean_rows(heads[self->n_heads - 1], self->views, FEATURES, rows[n_rows++]);
}

static void print_largest(const char *photo, const df_results *r)
{
    size_t best = 0;
    for (size_t i = 1; i < df_results_count(r) && i < n_rows; i++) {
        const df_face *f = df_results_face(r, i), *g = df_results_face(r, best);
        if ((double)f->w * (double)f->h > (double)g->w * (double)g->h)
            best = i;
    }
    printf("%s", photo);
    for (size_t i = 0; i < FEATURES; i++)
        printf(",%.6g", rows[best][i]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    df_error err;
    df_engine *engine = NULL;
    df_processor w;
    df_opts opts = df_opts_default();
    df_engine_opts eo = df_engine_opts_default();
    eo.threads = 1, opts.enforce = false;
    if (df_engine_new(&eo, &engine, &err) != DF_OK || df__process_open(engine, DF_WITH_AGE, &opts, &w, &err) != DF_OK)
        return fprintf(stderr, "%s\n", err.message), df_engine_free(engine), 1;
    df_attribute faceres = *w.nets[0];
    faceres.read = keep, w.nets[0] = &faceres;
    for (int i = 1; i < argc; i++) {
        df_results *r = NULL;
        n_rows = 0;
        if (df__process_one(&w, argv[i], NULL, 1, &r, &err) != DF_OK)
            return fprintf(stderr, "%s\n", err.message), df_engine_free(engine), 1;
        print_largest(argv[i], r);
        df_results_free(r);
    }
    df_engine_free(engine);
    return 0;
}
