/* png.c - PNG through libspng: every depth and colour type, interlaced or not. Alpha and tRNS are dropped, the colour beneath
 * stays; 16 bits keep their upper byte; gamma is not applied: all as OpenCV's imread has it. */
#include "image/decoders.h"

#include <limits.h>
#include <stdlib.h>

#include <spng.h>

enum { CACHE_BYTES = 64 << 20 }; /* of text and profiles, unpacked */

/* libspng calls a window that zlib cannot allocate a damaged stream: whether memory was short is noted here. */
static _Thread_local bool ran_out;

static void *note(void *p)
{
    ran_out = ran_out || !p;
    return p;
}

static void *note_malloc(size_t n) { return note(malloc(n)); }
static void *note_calloc(size_t n, size_t size) { return note(calloc(n, size)); }
static void *note_realloc(void *p, size_t n) { return note(realloc(p, n)); }

static df_status png_failed(int code, df_error *err)
{
    if (code == SPNG_EMEM || ran_out)
        return df__fail(err, DF_E_NO_MEMORY, "out of memory: libspng");
    return df__fail(err, DF_E_DECODE, "%s", spng_strerror(code));
}

static df_status open_png(const uint8_t *data, size_t len, spng_ctx **out, struct spng_ihdr *ihdr, df_error *err)
{
    struct spng_alloc alloc = {note_malloc, note_realloc, note_calloc, free};
    ran_out = false;
    spng_ctx *ctx = spng_ctx_new2(&alloc, 0);
    if (!ctx)
        return df__fail(err, DF_E_NO_MEMORY, "out of memory: libspng");
    int code = spng_set_png_buffer(ctx, data, len);
    if (!code)
        code = spng_set_crc_action(ctx, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
    if (!code)
        code = spng_set_chunk_limits(ctx, len < INT_MAX ? len : INT_MAX, CACHE_BYTES);
    if (!code)
        code = spng_get_ihdr(ctx, ihdr);
    if (code) {
        spng_ctx_free(ctx);
        return png_failed(code, err);
    }
    *out = ctx;
    return DF_OK;
}

static df_status header(const uint8_t *data, size_t len, df_photo_info *out, df_error *err)
{
    spng_ctx *ctx = NULL;
    struct spng_ihdr ihdr;
    df_status st = open_png(data, len, &ctx, &ihdr, err);
    if (st != DF_OK)
        return st;
    out->width = ihdr.width < INT_MAX ? (int)ihdr.width : INT_MAX;
    out->height = ihdr.height < INT_MAX ? (int)ihdr.height : INT_MAX;
    struct spng_exif exif;
    if (spng_get_exif(ctx, &exif) == 0)
        out->orientation = df__exif_orientation((const uint8_t *)exif.data, exif.length);
    spng_ctx_free(ctx);
    return DF_OK;
}

static df_status decode(const uint8_t *data, size_t len, const df_photo_info *info, int want_side, df_pixels *out, df_error *err)
{
    df_status st = DF_OK;
    spng_ctx *ctx = NULL;
    struct spng_ihdr ihdr;
    (void)want_side;
    DF_TRY(open_png(data, len, &ctx, &ihdr, err));
    size_t need = 0;
    int code = spng_decoded_image_size(ctx, SPNG_FMT_RGB8, &need);
    if (code) {
        st = png_failed(code, err);
        goto done;
    }
    DF_TRY(df__pixels_new(info->width, info->height, out, err));
    if (need != (size_t)out->height * out->stride) {
        st = df__fail(err, DF_E_DECODE, "%zu bytes of pixels for %d x %d", need, info->width, info->height);
        goto done;
    }
    code = spng_decode_image(ctx, out->data, need, SPNG_FMT_RGB8, 0);
    if (code)
        st = png_failed(code, err);
done:
    spng_ctx_free(ctx);
    if (st != DF_OK)
        df__pixels_free(out);
    return st;
}

const df_decoder df__decoder_png = {"PNG", header, decode};
