/* encode.c - pixels to PNG through libspng and to JPEG through libjpeg-turbo, in memory. */
#include "image/encode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <jerror.h>
#include <spng.h>

static df_status png_failed(int code, df_error *err)
{
    if (code == SPNG_EMEM || code == SPNG_EZLIB_INIT) /* zlib has no other reason */
        return df__fail(err, DF_E_NO_MEMORY, "out of memory: libspng");
    return df__fail(err, DF_E_INTERNAL, "PNG: %s", spng_strerror(code));
}

df_status df__encode_png(df_pixels px, df_bytes *out, df_error *err)
{
    struct spng_alloc alloc = {malloc, realloc, calloc, free};
    struct spng_ihdr  ihdr = {.width = (uint32_t)px.width, .height = (uint32_t)px.height, .bit_depth = 8,
                              .color_type = SPNG_COLOR_TYPE_TRUECOLOR};
    *out = (df_bytes){0};
    spng_ctx *ctx = spng_ctx_new2(&alloc, SPNG_CTX_ENCODER);
    if (!ctx)
        return df__fail(err, DF_E_NO_MEMORY, "out of memory: libspng");
    int code = spng_set_option(ctx, SPNG_ENCODE_TO_BUFFER, 1);
    if (!code)
        code = spng_set_ihdr(ctx, &ihdr);
    if (!code)
        code = spng_encode_image(ctx, NULL, 0, SPNG_FMT_PNG, SPNG_ENCODE_PROGRESSIVE | SPNG_ENCODE_FINALIZE);
    for (int y = 0; y < px.height && !code; y++)
        code = spng_encode_row(ctx, px.data + (size_t)y * px.stride, (size_t)px.width * 3);
    if (code == SPNG_EOI) { /* what the last row answers */
        code = 0;
        out->data = spng_get_png_buffer(ctx, &out->len, &code);
    }
    df_status st = out->data ? DF_OK : png_failed(code, err);
    spng_ctx_free(ctx);
    return st;
}

typedef struct writer {
    struct jpeg_compress_struct   jpeg; /* first: the callbacks get its address */
    struct jpeg_error_mgr         errors;
    struct jpeg_destination_mgr   to;
    jmp_buf                       out;
    df_pixels                     px;
    int                           quality;
    df_bytes                      bytes;
    size_t                        room; /* bytes behind bytes.data */
    df_error                     *err;
    df_status                     st;
} writer;

static void leave(j_common_ptr jpeg)
{
    writer *w = (writer *)jpeg;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    if (jpeg->err->msg_code == JERR_OUT_OF_MEMORY)
        w->st = df__fail(w->err, DF_E_NO_MEMORY, "out of memory: libjpeg");
    else
        w->st = df__fail(w->err, DF_E_INTERNAL, "JPEG: %s", message);
    longjmp(w->out, 1);
}

static void no_output(j_common_ptr jpeg) { (void)jpeg; }

static void grow(writer *w, size_t room)
{
    uint8_t *more = realloc(w->bytes.data, room);
    if (!more) {
        w->st = df__no_memory(w->err, "a JPEG file", room);
        longjmp(w->out, 1);
    }
    w->to.next_output_byte = more + w->room;
    w->to.free_in_buffer = room - w->room;
    w->bytes.data = more;
    w->room = room;
}

static void start_writing(j_compress_ptr jpeg)
{
    enum { FIRST = 64 * 1024 };
    grow((writer *)jpeg, FIRST);
}

/* libjpeg calls this with the whole of the buffer full, whatever its counter says. */
static boolean write_more(j_compress_ptr jpeg)
{
    writer *w = (writer *)jpeg;
    grow(w, w->room * 2);
    return TRUE;
}

static void end_writing(j_compress_ptr jpeg)
{
    writer *w = (writer *)jpeg;
    w->bytes.len = w->room - w->to.free_in_buffer;
}

static void write_jpeg(writer *w)
{
    struct jpeg_compress_struct *j = &w->jpeg;
    jpeg_create_compress(j);
    w->to = (struct jpeg_destination_mgr){.init_destination = start_writing, .empty_output_buffer = write_more,
                                          .term_destination = end_writing};
    j->dest = &w->to;
    j->image_width = (JDIMENSION)w->px.width;
    j->image_height = (JDIMENSION)w->px.height;
    j->input_components = 3;
    j->in_color_space = JCS_RGB;
    jpeg_set_defaults(j);
    jpeg_set_quality(j, w->quality, TRUE);
    j->optimize_coding = TRUE;
    if (w->quality >= 90)
        j->comp_info[0].h_samp_factor = j->comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(j, TRUE);
    while (j->next_scanline < j->image_height) {
        JSAMPROW row = w->px.data + (size_t)j->next_scanline * w->px.stride;
        jpeg_write_scanlines(j, &row, 1);
    }
    jpeg_finish_compress(j);
}

/* What must survive a jump is in *w, not in a local of this function. */
static df_status run(writer *w)
{
    w->jpeg.err = jpeg_std_error(&w->errors);
    w->errors.error_exit = leave;
    w->errors.output_message = no_output;
    if (setjmp(w->out) == 0)
        write_jpeg(w);
    jpeg_destroy_compress(&w->jpeg);
    if (w->st != DF_OK)
        df__bytes_free(&w->bytes);
    return w->st;
}

df_status df__encode_jpeg(df_pixels px, int quality, df_bytes *out, df_error *err)
{
    *out = (df_bytes){0};
    if (quality < 1 || quality > 100)
        return df__fail(err, DF_E_ARGUMENT, "JPEG quality %d, it must be 1 to 100", quality);
    if (px.width > JPEG_MAX_DIMENSION || px.height > JPEG_MAX_DIMENSION)
        return df__fail(err, DF_E_ARGUMENT, "a picture of %d x %d pixels, JPEG ends at %ld a side", px.width, px.height,
                        JPEG_MAX_DIMENSION);
    writer w = {.px = px, .quality = quality, .err = err};
    df_status st = run(&w);
    *out = w.bytes;
    return st;
}
