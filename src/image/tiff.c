/* tiff.c - the first page of a TIFF through libtiff's RGBA reader: grey, palette, RGB, CMYK, YCbCr, CIE Lab, 1 to 16 bits, strips
 * and tiles. */
#include "image/decoders.h"

#ifdef DF_WITH_TIFF

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

typedef struct source {
    const uint8_t *data;
    size_t         len, at;
} source;

static tmsize_t read_source(thandle_t handle, void *to, tmsize_t n)
{
    source *s = handle;
    size_t left = s->at < s->len ? s->len - s->at : 0, want = n > 0 ? (size_t)n : 0;
    if (want > left)
        want = left;
    if (want > 0)
        memcpy(to, s->data + s->at, want);
    s->at += want;
    return (tmsize_t)want;
}

static tmsize_t write_source(thandle_t handle, void *from, tmsize_t n)
{
    (void)handle, (void)from, (void)n;
    return 0;
}

static toff_t seek_source(thandle_t handle, toff_t to, int whence)
{
    source *s = handle;
    s->at = (size_t)(whence == SEEK_SET ? to : whence == SEEK_CUR ? s->at + to : s->len + to);
    return s->at;
}

static int close_source(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t source_size(thandle_t handle) { return ((source *)handle)->len; }

/* The library's own handlers are shared by the whole process and print: they are left alone, and ours, kept by this handle, say
 * nothing. libtiff 4.5 takes them at opening. */
static int no_message(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    (void)tiff, (void)user, (void)module, (void)format, (void)args;
    return 1;
}

static int keep_message(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    (void)tiff, (void)module;
    df_error *said = user;
    vsnprintf(said->message, sizeof said->message, format, args);
    return 1;
}

static TIFF *open_tiff(source *s, df_error *said)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_message, said);
    TIFFOpenOptionsSetWarningHandlerExtR(options, no_message, NULL);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)1 << 30);
    /* m: no memory mapping, the bytes are in memory */
    TIFF *tiff =
        TIFFClientOpenExt("", "rm", s, read_source, write_source, seek_source, close_source, source_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}

static df_status tiff_failed(const df_error *said, const char *otherwise, df_error *err)
{
    return df__fail(err, DF_E_DECODE, "%s", said->message[0] ? said->message : otherwise);
}

static df_status header(const uint8_t *data, size_t len, df_photo_info *out, df_error *err)
{
    source s = {data, len, 0};
    df_error said = {0};
    uint32_t width = 0, height = 0;
    uint16_t orientation = 1;
    TIFF *tiff = open_tiff(&s, &said);
    if (!tiff || !TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width) ||
        !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height)) {
        if (tiff)
            TIFFClose(tiff);
        return tiff_failed(&said, "no picture in the file", err);
    }
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    TIFFClose(tiff);
    out->width = width < INT_MAX ? (int)width : INT_MAX;
    out->height = height < INT_MAX ? (int)height : INT_MAX;
    out->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    return DF_OK;
}

/* A tile may be larger than the picture: what a file can ask for must not pass what its pixels can need. */
static df_status check_piece(TIFF *tiff, const df_photo_info *info, df_error *err)
{
    enum { MOST_A_PIXEL = 32, SLACK = 32 << 20 };
    uint64_t piece = TIFFIsTiled(tiff) ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff);
    uint64_t most = (uint64_t)info->width * (uint64_t)info->height * MOST_A_PIXEL + SLACK;
    if (piece == 0 || piece > most)
        return df__fail(err, DF_E_DECODE, "a strip or tile of %llu bytes in a picture of %d x %d pixels",
                        (unsigned long long)piece, info->width, info->height);
    return DF_OK;
}

/* As stored: turning is photo.c's. Rows of `raster` are R | G << 8 | B << 16 | A << 24. */
static df_status read_raster(TIFF *tiff, const df_photo_info *info, uint32_t *raster, const df_error *said, df_error *err)
{
    TIFFRGBAImage image;
    char why[1024] = "";
    if (!TIFFRGBAImageBegin(&image, tiff, 1, why))
        return df__fail(err, DF_E_DECODE, "%s", why);
    df_status st = DF_OK;
    image.orientation = image.req_orientation = ORIENTATION_TOPLEFT;
    if ((int64_t)image.width != info->width || (int64_t)image.height != info->height)
        st = df__fail(err, DF_E_DECODE, "sides changed from %d x %d to %u x %u", info->width, info->height, image.width,
                      image.height);
    else if (!TIFFRGBAImageGet(&image, raster, image.width, image.height))
        st = tiff_failed(said, "damaged", err);
    TIFFRGBAImageEnd(&image);
    return st;
}

static df_status decode(const uint8_t *data, size_t len, const df_photo_info *info, int want_side, df_pixels *out, df_error *err)
{
    df_status st = DF_OK;
    source    s = {data, len, 0};
    df_error  said = {0};
    uint32_t *raster = NULL;
    TIFF     *tiff = open_tiff(&s, &said);
    (void)want_side;
    if (!tiff) {
        st = tiff_failed(&said, "not readable", err);
        goto done;
    }
    DF_TRY(check_piece(tiff, info, err));
    size_t n = (size_t)info->width * (size_t)info->height;
    raster = calloc(n, sizeof *raster);
    if (!raster) {
        st = df__no_memory(err, "a raster", n * sizeof *raster);
        goto done;
    }
    DF_TRY(read_raster(tiff, info, raster, &said, err));
    DF_TRY(df__pixels_new(info->width, info->height, out, err));
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < 3; c++)
            out->data[3 * i + (size_t)c] = (uint8_t)(raster[i] >> 8 * c);
done:
    free(raster);
    if (tiff)
        TIFFClose(tiff);
    return st;
}

#else

static df_status header(const uint8_t *data, size_t len, df_photo_info *out, df_error *err)
{
    (void)data, (void)len, (void)out;
    return df__fail(err, DF_E_UNSUPPORTED, "this build is without libtiff (DF_WITH_TIFF)");
}

static df_status decode(const uint8_t *data, size_t len, const df_photo_info *info, int want_side, df_pixels *out, df_error *err)
{
    (void)info, (void)want_side, (void)out;
    return header(data, len, NULL, err);
}

#endif

const df_decoder df__decoder_tiff = {"TIFF", header, decode};
