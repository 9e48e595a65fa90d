/* photo.c - opening photos for the pipeline. */
#include "api/photo.h"

#include <math.h>
#include <string.h>

df_status df__photo_open(const df_engine *e, const char *path, int want_side, df_photo *out, df_error *err)
{
    df_status st = DF_OK;
    df_photo photo = {.name = path, .owned = true};
    df_photo_info info;
    *out = (df_photo){0};
    if (!path)
        return df__fail(err, DF_E_ARGUMENT, "the path of a photo is NULL");
    if (strcmp(path, "-") == 0)
        photo.name = "standard input";
    DF_TRY(df__read_file(path, e->limits.bytes, &photo.file, err));
    st = df__photo_info(photo.file.data, photo.file.len, &e->limits, &info, err);
    if (st == DF_OK)
        st = df__photo_decode(photo.file.data, photo.file.len, &e->limits, want_side, &photo.px, err);
    if (st != DF_OK) {
        df__prefix(err, "%s", photo.name);
        goto done;
    }
    photo.width = info.width, photo.height = info.height;
    /* 8 / M, a whole number (df__photo_decode). The sides were rounded up: only the longer one still tells it. */
    photo.scale = info.width > info.height ? round((double)info.width / photo.px.width) : round((double)info.height / photo.px.height);
    if (photo.px.width == info.width)
        df__bytes_free(&photo.file);
    *out = photo, photo = (df_photo){0};
done:
    df__photo_close(&photo);
    return st;
}

df_status df__photo_of(const df_image *img, df_photo *out, df_error *err)
{
    *out = (df_photo){0};
    if (!img)
        return df__fail(err, DF_E_ARGUMENT, "the image is NULL");
    *out = (df_photo){.name = "image", .width = img->px.width, .height = img->px.height, .px = img->px, .scale = 1};
    return DF_OK;
}

/* EXIF's numbers for what has to be turned by 0, 1, 2, 3 quarters. */
static const int orientations[4] = {1, 6, 3, 8};

df_status df__photo_full(const df_engine *e, df_photo *photo, df_error *err)
{
    if (!photo->file.data)
        return DF_OK;
    df_pixels full;
    df_status st = df__photo_decode(photo->file.data, photo->file.len, &e->limits, 0, &full, err);
    if (st != DF_OK)
        return st;
    st = df__pixels_orient(&full, orientations[photo->turn], err);
    if (st != DF_OK) {
        df__pixels_free(&full);
        return st;
    }
    df__pixels_free(&photo->px);
    photo->px = full;
    photo->scale = 1;
    df__bytes_free(&photo->file);
    return DF_OK;
}

df_status df__photo_turn(df_photo *photo, df_error *err)
{
    df_pixels own;
    df_status st = DF_OK;
    if (!photo->owned) {
        st = df__pixels_new(photo->px.width, photo->px.height, &own, err);
        if (st != DF_OK)
            return st;
        df__pixels_paste(own, 0, 0, photo->px);
        photo->px = own;
        photo->owned = true;
    }
    st = df__pixels_orient(&photo->px, orientations[1], err);
    if (st != DF_OK)
        return st;
    int width = photo->width;
    photo->width = photo->height, photo->height = width;
    photo->turn = (photo->turn + 1) % 4;
    return DF_OK;
}

df_point df__photo_point(const df_photo *photo, df_point at)
{
    float x = (float)(at.x * photo->scale), y = (float)(at.y * photo->scale), w = (float)photo->width, h = (float)photo->height;
    const df_point turned[4] = {{x, y}, {y, w - x}, {w - x, h - y}, {h - y, x}};
    return turned[photo->turn];
}

void df__photo_close(df_photo *photo)
{
    if (photo->owned)
        df__pixels_free(&photo->px);
    df__bytes_free(&photo->file);
    *photo = (df_photo){0};
}
