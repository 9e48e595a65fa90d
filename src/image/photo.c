/* photo.c - from the bytes of a file to an upright picture: what all formats share. */
#include "image/decoders.h"

static const df_decoder *decoder_of(df_format format)
{
    static const df_decoder *const decoders[] = {
        [DF_FORMAT_JPEG] = &df__decoder_jpeg, [DF_FORMAT_PNG] = &df__decoder_png, [DF_FORMAT_WEBP] = &df__decoder_webp,
        [DF_FORMAT_GIF] = &df__decoder_gif,   [DF_FORMAT_BMP] = &df__decoder_bmp, [DF_FORMAT_TIFF] = &df__decoder_tiff,
    };
    return decoders[format];
}

const char *df__format_name(df_format format)
{
    return format == DF_FORMAT_NONE ? "unknown" : decoder_of(format)->name;
}

static df_status unknown_format(const uint8_t *data, size_t len, df_error *err)
{
    if (len == 0)
        return df__fail(err, DF_E_DECODE, "the file is empty");
    const char *name = df__sniff_foreign(data, len);
    if (name)
        return df__fail(err, DF_E_DECODE, "%s is not supported", name);
    return df__fail(err, DF_E_DECODE, "%zu bytes, not a known image format (begins with %02x %02x %02x %02x)", len, data[0],
                    len > 1 ? data[1] : 0, len > 2 ? data[2] : 0, len > 3 ? data[3] : 0);
}

/* Header as stored, checked against the limits. */
static df_status stored_info(const uint8_t *data, size_t len, const df_limits *lim, df_photo_info *out, df_error *err)
{
    enum { MAX_SIDE = 1 << 20 }; /* of df__pixels_new */
    *out = (df_photo_info){.format = df__sniff(data, len), .orientation = 1};
    if (len > lim->bytes)
        return df__fail(err, DF_E_LIMIT, "an image file of %zu bytes, the limit is %zu", len, lim->bytes);
    if (out->format == DF_FORMAT_NONE)
        return unknown_format(data, len, err);
    const df_decoder *d = decoder_of(out->format);
    df_status st = d->header(data, len, out, err);
    if (st != DF_OK) {
        df__prefix(err, "%s", d->name);
        return st;
    }
    if (out->width < 1 || out->height < 1)
        return df__fail(err, DF_E_DECODE, "%s: a picture of %d x %d pixels", d->name, out->width, out->height);
    if (out->width > MAX_SIDE || out->height > MAX_SIDE || (size_t)out->height > lim->pixels / (size_t)out->width)
        return df__fail(err, DF_E_LIMIT, "%s: a picture of %d x %d pixels, the limit is %zu pixels and %d a side", d->name,
                        out->width, out->height, lim->pixels, MAX_SIDE);
    return DF_OK;
}

df_status df__photo_info(const uint8_t *data, size_t len, const df_limits *lim, df_photo_info *out, df_error *err)
{
    df_status st = stored_info(data, len, lim, out, err);
    if (st != DF_OK) {
        *out = (df_photo_info){0};
        return st;
    }
    if (out->orientation >= 5) {
        int width = out->width;
        out->width = out->height;
        out->height = width;
    }
    return DF_OK;
}

df_status df__photo_decode(const uint8_t *data, size_t len, const df_limits *lim, int want_side, df_pixels *out, df_error *err)
{
    df_photo_info info;
    *out = (df_pixels){0};
    df_status st = stored_info(data, len, lim, &info, err);
    if (st != DF_OK)
        return st;
    const df_decoder *d = decoder_of(info.format);
    st = d->decode(data, len, &info, want_side, out, err);
    if (st == DF_OK)
        st = df__pixels_orient(out, info.orientation, err);
    if (st != DF_OK) {
        df__prefix(err, "%s", d->name);
        df__pixels_free(out);
    }
    return st;
}
