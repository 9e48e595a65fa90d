/* deepface.c - how deepface 0.0.103 cuts a face out for its networks of attributes: modules/detection.py extract_face, then
 * modules/preprocessing.py resize_image. */
#include "align/align.h"
#include "analyze/attribute.h"
#include "normalize/normalize.h"

df_status df__deepface_letterbox(const df_look *look, int width, int height, float *bgr, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    df_pixels crop = look->px;
    df_arena_mark mark = df__arena_mark(scratch);
    if (!look->whole && look->align)
        DF_TRY(df__align_eyes(look->px, look->face, look->expand, scratch, &crop, err));
    else if (!look->whole)
        DF_TRY(df__align_none(look->px, look->face, look->expand, scratch, &crop, err));
    if (crop.width <= 0 || crop.height <= 0)
        DF_TRY(df__fail(err, DF_E_ARGUMENT, "a face of %g x %g pixels at %g, %g lies outside the photo", (double)look->face->w,
                        (double)look->face->h, (double)look->face->x, (double)look->face->y));
    df__letterbox(crop, width, height, bgr);
done:
    df__arena_release(scratch, mark);
    return st;
}

df_status df__fill_deepface(const df_attribute *self, const df_look *look, float *to, df_arena *scratch, df_error *err)
{
    return df__deepface_letterbox(look, self->width, self->height, to, scratch, err);
}
