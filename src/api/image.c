/* image.c - the handle df_image. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/photo.h"
#include "image/encode.h"

static df_status new_image(df_pixels px, df_image **out, df_error *err)
{
    *out = malloc(sizeof **out);
    if (!*out)
        return df__no_memory(err, "image", sizeof **out);
    (*out)->px = px;
    return DF_OK;
}

df_status df_image_decode(df_engine *engine, const void *bytes, size_t len, df_image **out, df_error *err)
{
    if (out)
        *out = NULL;
    if (!engine || !bytes || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_image_decode: a NULL argument");
    if (len > engine->limits.bytes)
        return df__fail(err, DF_E_LIMIT, "an image of %zu bytes, the limit is %zu", len, engine->limits.bytes);
    df_pixels px;
    df_status st = df__photo_decode(bytes, len, &engine->limits, 0, &px, err);
    if (st == DF_OK && (st = new_image(px, out, err)) != DF_OK)
        df__pixels_free(&px);
    return st;
}

df_status df_image_load(df_engine *engine, const char *path, df_image **out, df_error *err)
{
    if (out)
        *out = NULL;
    if (!engine || !path || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_image_load: a NULL argument");
    df_bytes file;
    df_status st = df__read_file(path, engine->limits.bytes, &file, err);
    if (st != DF_OK)
        return st;
    st = df_image_decode(engine, file.data, file.len, out, err);
    if (st != DF_OK)
        df__prefix(err, "%s", strcmp(path, "-") == 0 ? "standard input" : path);
    df__bytes_free(&file);
    return st;
}

df_status df_image_from_rgb(int width, int height, size_t stride, const uint8_t *rgb, df_image **out, df_error *err)
{
    if (out)
        *out = NULL;
    if (!rgb || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_image_from_rgb: a NULL argument");
    if (width > 0 && stride != 0 && stride < 3 * (size_t)width)
        return df__fail(err, DF_E_ARGUMENT, "a row of %d pixels needs %zu bytes, the stride is %zu", width, 3 * (size_t)width, stride);
    df_pixels px;
    df_status st = df__pixels_new(width, height, &px, err);
    if (st != DF_OK)
        return st;
    for (int y = 0; y < height; y++)
        memcpy(px.data + (size_t)y * px.stride, rgb + (size_t)y * (stride ? stride : 3 * (size_t)width), 3 * (size_t)width);
    if ((st = new_image(px, out, err)) != DF_OK)
        df__pixels_free(&px);
    return st;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcasecmp(text + n - k, end) == 0;
}

enum { JPEG_QUALITY = 92 };

df_status df_image_save(const df_image *img, const char *path, df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    if (!img || !path || img->px.width <= 0)
        return df__fail(err, DF_E_ARGUMENT, "df_image_save: %s", !img || !path ? "a NULL argument" : "the image is empty");
    if (strcmp(path, "-") == 0 || ends_with(path, ".png"))
        DF_TRY(df__encode_png(img->px, &file, err));
    else if (ends_with(path, ".jpg") || ends_with(path, ".jpeg"))
        DF_TRY(df__encode_jpeg(img->px, JPEG_QUALITY, &file, err));
    else
        return df__fail(err, DF_E_ARGUMENT, "%s: pictures are written as .png, .jpg or .jpeg", path);
    DF_TRY(df__write_file(path, file.data, file.len, err));
done:
    df__bytes_free(&file);
    return st;
}

int df_image_width(const df_image *img) { return img ? img->px.width : 0; }
int df_image_height(const df_image *img) { return img ? img->px.height : 0; }
size_t df_image_stride(const df_image *img) { return img ? img->px.stride : 0; }
const uint8_t *df_image_pixels(const df_image *img) { return img ? img->px.data : NULL; }

void df_image_free(df_image *img)
{
    if (img)
        df__pixels_free(&img->px);
    free(img);
}
