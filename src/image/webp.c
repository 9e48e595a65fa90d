/* webp.c - WebP through libwebp: lossy, lossless; of an animation the first frame on its canvas. Alpha is dropped, the colour
 * beneath stays. */
#include "image/decoders.h"

#include <string.h>

#include <webp/decode.h>

static df_status webp_failed(VP8StatusCode code, df_error *err)
{
    static const char *const texts[] = {
        [VP8_STATUS_INVALID_PARAM] = "bad parameter",      [VP8_STATUS_BITSTREAM_ERROR] = "damaged bits",
        [VP8_STATUS_UNSUPPORTED_FEATURE] = "a feature that libwebp lacks", [VP8_STATUS_SUSPENDED] = "the file is cut short",
        [VP8_STATUS_USER_ABORT] = "stopped",               [VP8_STATUS_NOT_ENOUGH_DATA] = "the file is cut short",
    };
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return df__fail(err, DF_E_NO_MEMORY, "out of memory: libwebp");
    size_t n = sizeof texts / sizeof *texts;
    return df__fail(err, DF_E_DECODE, "%s", (size_t)code < n && texts[code] ? texts[code] : "not decodable");
}

/* One RIFF chunk: four letters, length, bytes, padded to even. False at the end or where it is cut short. */
static bool next_chunk(const uint8_t *data, size_t len, size_t *at, const uint8_t **chunk, size_t *size)
{
    if (*at > len || len - *at < 8)
        return false;
    *chunk = data + *at;
    *size = df__le32(data + *at + 4);
    if (*size > len - *at - 8)
        return false;
    *at += 8 + *size + (*size & 1);
    return true;
}

static bool find_chunk(const uint8_t *data, size_t len, const char *name, const uint8_t **body, size_t *size)
{
    size_t at = 12; /* behind RIFF, length, WEBP */
    const uint8_t *chunk;
    while (next_chunk(data, len, &at, &chunk, size))
        if (memcmp(chunk, name, 4) == 0) {
            *body = chunk + 8;
            return true;
        }
    return false;
}

static df_status read_features(const uint8_t *data, size_t len, WebPBitstreamFeatures *f, df_error *err)
{
    VP8StatusCode code = WebPGetFeatures(data, len, f);
    return code == VP8_STATUS_OK ? DF_OK : webp_failed(code, err);
}

static df_status header(const uint8_t *data, size_t len, df_photo_info *out, df_error *err)
{
    WebPBitstreamFeatures f;
    df_status st = read_features(data, len, &f, err);
    if (st != DF_OK)
        return st;
    out->width = f.width;
    out->height = f.height;
    const uint8_t *exif;
    size_t size;
    if (find_chunk(data, len, "EXIF", &exif, &size))
        out->orientation = df__exif_orientation(exif, size);
    return DF_OK;
}

/* `to` is the whole picture or the part that an animation's frame covers. */
static df_status decode_into(const uint8_t *data, size_t len, df_pixels to, df_error *err)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return df__fail(err, DF_E_INTERNAL, "libwebp has another version than its header");
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = to.data;
    config.output.u.RGBA.stride = (int)to.stride;
    config.output.u.RGBA.size = to.stride * (size_t)(to.height - 1) + (size_t)to.width * 3;
    VP8StatusCode code = WebPDecode(data, len, &config);
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? DF_OK : webp_failed(code, err);
}

static uint32_t le24(const uint8_t *p) { return (uint32_t)df__le16(p) | (uint32_t)p[2] << 16; }

/* ANMF: x / 2, y / 2, width - 1, height - 1, duration (3 bytes each), flags, then the frame's own chunks: VP8, or ALPH and VP8,
 * or VP8L. libwebp wants them as a file of their own, but takes a bare VP8 or VP8L bit stream as well; alpha is not needed. */
static df_status decode_first_frame(const uint8_t *data, size_t len, df_pixels canvas, df_error *err)
{
    enum { FRAME_HEADER = 16 };
    const uint8_t *frame, *chunk;
    size_t size, chunk_size, at = FRAME_HEADER;
    if (!find_chunk(data, len, "ANMF", &frame, &size) || size < FRAME_HEADER)
        return df__fail(err, DF_E_DECODE, "an animation without a whole frame");
    size_t x = 2 * (size_t)le24(frame), y = 2 * (size_t)le24(frame + 3);
    size_t w = (size_t)le24(frame + 6) + 1, h = (size_t)le24(frame + 9) + 1;
    if (x + w > (size_t)canvas.width || y + h > (size_t)canvas.height)
        return df__fail(err, DF_E_DECODE, "a frame of %zu x %zu at (%zu, %zu) on a canvas of %d x %d", w, h, x, y, canvas.width,
                        canvas.height);
    while (next_chunk(frame, size, &at, &chunk, &chunk_size)) {
        if (memcmp(chunk, "VP8 ", 4) != 0 && memcmp(chunk, "VP8L", 4) != 0)
            continue;
        WebPBitstreamFeatures f;
        df_status st = read_features(chunk + 8, chunk_size, &f, err);
        if (st != DF_OK)
            return st;
        if ((size_t)f.width != w || (size_t)f.height != h)
            return df__fail(err, DF_E_DECODE, "a frame of %zu x %zu holds %d x %d pixels", w, h, f.width, f.height);
        return decode_into(chunk + 8, chunk_size, df__pixels_view(canvas, (int)x, (int)y, (int)w, (int)h), err);
    }
    return df__fail(err, DF_E_DECODE, "a frame without a picture");
}

static df_status decode(const uint8_t *data, size_t len, const df_photo_info *info, int want_side, df_pixels *out, df_error *err)
{
    df_status st = DF_OK;
    WebPBitstreamFeatures f;
    (void)want_side;
    DF_TRY(read_features(data, len, &f, err));
    DF_TRY(df__pixels_new(info->width, info->height, out, err));
    if (f.has_animation)
        DF_TRY(decode_first_frame(data, len, *out, err));
    else
        DF_TRY(decode_into(data, len, *out, err));
done:
    if (st != DF_OK)
        df__pixels_free(out);
    return st;
}

const df_decoder df__decoder_webp = {"WebP", header, decode};
