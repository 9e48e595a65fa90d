/* represent.c - the verb represent, for one photo and for many. */
#include <stdlib.h>
#include <string.h>

#include "api/pipeline.h"
#include "models/describe.h"

df_status df__embeddings_new(const df_pipeline *p, size_t n, df_embeddings **out, df_error *err)
{
    df_embeddings *e = calloc(1, sizeof *e);
    size_t dims = (size_t)p->row->dims;
    if (e) {
        e->rows = calloc(n, dims * sizeof *e->rows);
        e->faces = calloc(n, sizeof *e->faces);
    }
    if (!e || !e->rows || !e->faces) {
        df_embeddings_free(e);
        return df__no_memory(err, "embeddings", n * dims * sizeof(float));
    }
    e->n = n, e->dims = dims;
    df__recogniser_retain(p->row);
    e->row = p->row, e->align = p->align, e->range = p->range, e->flip = p->flip, e->outline = p->outline, e->detector = p->detector->name;
    *out = e;
    return DF_OK;
}

df_status df__pipeline_represent(const df_pipeline *p, const char *path, const df_image *img, int threads, df_embeddings **out,
                                 df_error *err)
{
    df_status st = DF_OK;
    df_photo photo = {0};
    df_arena scratch = {0};
    df_face_list faces = {0};
    df_embeddings *e = NULL;
    df_pixels *crops;
    const df_recogniser_net *net = p->net;
    *out = NULL;
    DF_TRY(df__pipeline_photo(p, path, img, &photo, err));
    DF_TRY(df__pipeline_detect(p, &photo, threads, &scratch, &faces, err));
    DF_TRY(df__pipeline_crops(p, &photo, &faces, &scratch, &crops, err));
    DF_TRY(df__embeddings_new(p, faces.n, &e, err));
    if (!net)
        DF_TRY(df__engine_recogniser(p->engine, p->row, &net, err));
    st = df__recogniser_run(net, crops, faces.n, p->range, p->flip, threads, &scratch, e->rows, err);
    if (st != DF_OK) {
        df__prefix(err, "%s", photo.name);
        goto done;
    }
    df__pipeline_finish(&photo, &faces);
    memcpy(e->faces, faces.items, faces.n * sizeof *e->faces);
    *out = e, e = NULL;
done:
    df_embeddings_free(e);
    df__face_list_free(&faces);
    df__arena_free(&scratch);
    df__photo_close(&photo);
    return st;
}

static df_status represent(df_engine *engine, const char *path, const df_image *img, const df_opts *opts, df_embeddings **out, df_error *err)
{
    df_status st = DF_OK;
    df_pipeline p;
    if (!out)
        return df__fail(err, DF_E_ARGUMENT, "df_represent: out is NULL");
    *out = NULL;
    DF_TRY(df__pipeline_open(engine, opts, true, &p, err));
    DF_TRY(df__pipeline_represent(&p, path, img, engine->threads, out, err));
done:
    return st;
}

df_status df_represent(df_engine *engine, const char *path, const df_opts *opts, df_embeddings **out, df_error *err)
{
    return represent(engine, path, NULL, opts, out, err);
}

df_status df_represent_image(df_engine *engine, const df_image *img, const df_opts *opts, df_embeddings **out, df_error *err)
{
    return represent(engine, NULL, img, opts, out, err);
}

/* ---- many photos ---- */

typedef struct many { df_represent_fn each; void *user; } many;

static bool tell(void *user, size_t i, const df_results *results, const df_error *failed)
{
    const many *m = user;
    return m->each(m->user, i, df_results_embeddings(results), failed);
}

/* Through df_process_many, whose batches of faces from several photos take half the time of single ones. */
df_status df_represent_many(df_engine *engine, const char *const *paths, size_t n, const df_opts *opts, df_represent_fn each, void *user,
                            df_error *err)
{
    if (!each || (!paths && n))
        return df__fail(err, DF_E_ARGUMENT, "df_represent_many: paths or each is NULL");
    return df_process_many(engine, paths, n, DF_WITH_EMBEDDING, opts, tell, &(many){each, user}, err);
}

size_t df_embeddings_count(const df_embeddings *e) { return e ? e->n : 0; }

size_t df_embeddings_dims(const df_embeddings *e) { return e ? e->dims : 0; }

const float *df_embeddings_row(const df_embeddings *e, size_t index)
{
    return index < df_embeddings_count(e) ? e->rows + index * e->dims : NULL;
}

const df_face *df_embeddings_face(const df_embeddings *e, size_t index)
{
    return index < df_embeddings_count(e) ? &e->faces[index] : NULL;
}

void df_embeddings_free(df_embeddings *e)
{
    if (!e)
        return;
    df__recogniser_release(e->row);
    free(e->rows);
    free(e->faces);
    free(e);
}
