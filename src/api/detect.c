/* detect.c - the verb detect. */
#include <stdlib.h>

#include "api/pipeline.h"

static df_status detect(df_engine *engine, const char *path, const df_image *img, const df_opts *opts, df_faces **out, df_error *err)
{
    df_status st = DF_OK;
    df_pipeline p;
    df_photo photo = {0};
    df_arena scratch = {0};
    df_faces *faces = NULL;
    if (!out)
        return df__fail(err, DF_E_ARGUMENT, "df_detect: out is NULL");
    *out = NULL;
    DF_TRY(df__pipeline_open(engine, opts, false, &p, err));
    p.tells_spoof = true;
    DF_TRY(df__pipeline_photo(&p, path, img, &photo, err));
    faces = calloc(1, sizeof *faces);
    if (!faces)
        DF_TRY(df__no_memory(err, "faces", sizeof *faces));
    DF_TRY(df__pipeline_detect(&p, &photo, engine->threads, &scratch, &faces->list, err));
    DF_TRY(df__faces_mark(&p, &photo, faces, &scratch, err));
    df__pipeline_finish(&photo, &faces->list);
    *out = faces, faces = NULL;
done:
    df_faces_free(faces);
    df__arena_free(&scratch);
    df__photo_close(&photo);
    return st;
}

df_status df_detect(df_engine *engine, const char *path, const df_opts *opts, df_faces **out, df_error *err)
{
    return detect(engine, path, NULL, opts, out, err);
}

df_status df_detect_image(df_engine *engine, const df_image *img, const df_opts *opts, df_faces **out, df_error *err)
{
    return detect(engine, NULL, img, opts, out, err);
}

size_t df_faces_count(const df_faces *faces) { return faces ? faces->list.n : 0; }

const df_face *df_faces_at(const df_faces *faces, size_t index)
{
    return index < df_faces_count(faces) ? &faces->list.items[index] : NULL;
}

void df_faces_free(df_faces *faces)
{
    if (!faces)
        return;
    df__face_list_free(&faces->list);
    free(faces->marks);
    free(faces);
}
