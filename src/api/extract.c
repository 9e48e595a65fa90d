/* extract.c - the verb extract: detect, then cut every face out. */
#include <stdlib.h>

#include "api/pipeline.h"

struct df_chips {
    df_face_list faces;
    df_image    *images; /* [faces.n] */
};

static df_status copy_crop(df_pixels crop, df_image *out, df_error *err)
{
    if (crop.width == 0)
        return DF_OK; /* a box outside the photo has an empty chip */
    df_status st = df__pixels_new(crop.width, crop.height, &out->px, err);
    if (st == DF_OK)
        df__pixels_paste(out->px, 0, 0, crop);
    return st;
}

static df_status extract(df_engine *engine, const char *path, const df_image *img, const df_opts *opts, df_chips **out, df_error *err)
{
    df_status st = DF_OK;
    df_pipeline p;
    df_photo photo = {0};
    df_arena scratch = {0};
    df_chips *chips = NULL;
    df_pixels *crops;
    if (!out)
        return df__fail(err, DF_E_ARGUMENT, "df_extract: out is NULL");
    *out = NULL;
    DF_TRY(df__pipeline_open(engine, opts, false, &p, err));
    p.tells_spoof = true;
    DF_TRY(df__pipeline_photo(&p, path, img, &photo, err));
    chips = calloc(1, sizeof *chips);
    if (!chips)
        DF_TRY(df__no_memory(err, "chips", sizeof *chips));
    DF_TRY(df__pipeline_detect(&p, &photo, engine->threads, &scratch, &chips->faces, err));
    DF_TRY(df__pipeline_crops(&p, &photo, &chips->faces, &scratch, &crops, err));
    chips->images = calloc(chips->faces.n, sizeof *chips->images);
    if (!chips->images)
        DF_TRY(df__no_memory(err, "chips", chips->faces.n * sizeof *chips->images));
    for (size_t i = 0; i < chips->faces.n; i++)
        DF_TRY(copy_crop(crops[i], &chips->images[i], err));
    df__pipeline_finish(&photo, &chips->faces);
    *out = chips, chips = NULL;
done:
    df_chips_free(chips);
    df__arena_free(&scratch);
    df__photo_close(&photo);
    return st;
}

df_status df_extract(df_engine *engine, const char *path, const df_opts *opts, df_chips **out, df_error *err)
{
    return extract(engine, path, NULL, opts, out, err);
}

df_status df_extract_image(df_engine *engine, const df_image *img, const df_opts *opts, df_chips **out, df_error *err)
{
    return extract(engine, NULL, img, opts, out, err);
}

size_t df_chips_count(const df_chips *chips) { return chips ? chips->faces.n : 0; }

const df_image *df_chips_image(const df_chips *chips, size_t index)
{
    return index < df_chips_count(chips) ? &chips->images[index] : NULL;
}

const df_face *df_chips_face(const df_chips *chips, size_t index)
{
    return index < df_chips_count(chips) ? &chips->faces.items[index] : NULL;
}

void df_chips_free(df_chips *chips)
{
    if (!chips)
        return;
    for (size_t i = 0; chips->images && i < chips->faces.n; i++)
        df__pixels_free(&chips->images[i].px);
    free(chips->images);
    df__face_list_free(&chips->faces);
    free(chips);
}
