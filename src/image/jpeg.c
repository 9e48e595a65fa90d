/* jpeg.c - JPEG through libjpeg-turbo: baseline, progressive, arithmetic; grey, RGB, YCbCr, CMYK and YCCK. As OpenCV has it:
 * accurate DCT, smooth chroma, four colours inverted as Adobe writes them. */
#include "image/decoders.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

typedef struct reader {
    struct jpeg_decompress_struct jpeg; /* first: the callbacks get its address */
    struct jpeg_error_mgr         errors;
    struct jpeg_progress_mgr      progress;
    jmp_buf                       out;
    const uint8_t                *data;
    size_t                        len;
    int                           width, height, want_side;
    df_pixels                     px;
    df_error                     *err;
    df_status                     st;
    bool                          nothing_came; /* the file ended before the first row of blocks */
} reader;

static void leave(j_common_ptr jpeg)
{
    reader *r = (reader *)jpeg;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    if (jpeg->err->msg_code == JERR_OUT_OF_MEMORY)
        r->st = df__fail(r->err, DF_E_NO_MEMORY, "out of memory: libjpeg");
    else
        r->st = df__fail(r->err, DF_E_DECODE, "%s", message);
    longjmp(r->out, 1);
}

/* Warnings are damage that the library can paint over: the picture is worth having, as OpenCV and browsers think too. */
static void note(j_common_ptr jpeg, int level)
{
    reader *r = (reader *)jpeg;
    if (level >= 0)
        return;
    jpeg->err->num_warnings++;
    if (jpeg->err->msg_code == JWRN_JPEG_EOF && r->jpeg.input_scan_number <= 1 && r->jpeg.input_iMCU_row == 0)
        r->nothing_came = true;
}

static void no_output(j_common_ptr jpeg) { (void)jpeg; }

/* A few bytes make a scan that costs a walk over the whole picture: real files have some ten of them. */
static void count_scans(j_common_ptr jpeg)
{
    reader *r = (reader *)jpeg;
    enum { SCANS = 32 };
    const double most = 2e9; /* pixels in all scans together */
    int scans = r->jpeg.input_scan_number;
    if (scans > SCANS && (double)scans * r->jpeg.image_width * r->jpeg.image_height > most) {
        r->st = df__fail(r->err, DF_E_DECODE, "more than %d scans of %u x %u pixels", scans - 1, r->jpeg.image_width,
                         r->jpeg.image_height);
        longjmp(r->out, 1);
    }
}

/* Do `act`, which libjpeg may leave at any call. What must survive that is in *r, not in a local of this function. */
static df_status run(reader *r, void (*act)(reader *r))
{
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = leave;
    r->errors.emit_message = note;
    r->errors.output_message = no_output;
    r->progress.progress_monitor = count_scans;
    if (setjmp(r->out) == 0)
        act(r);
    jpeg_destroy_decompress(&r->jpeg);
    if (r->st != DF_OK)
        df__pixels_free(&r->px);
    return r->st;
}

static void read_header(reader *r)
{
    jpeg_create_decompress(&r->jpeg);
    r->jpeg.progress = &r->progress;
    jpeg_mem_src(&r->jpeg, r->data, (unsigned long)r->len);
    jpeg_read_header(&r->jpeg, TRUE);
}

/* The first APP1 segment with EXIF, found by walking from marker to marker up to the first scan. */
static int find_orientation(const uint8_t *data, size_t len)
{
    enum { APP1 = 0xE1, SOS = 0xDA, EOI = 0xD9 };
    size_t at = 2;
    while (at + 4 <= len) {
        if (data[at] != 0xFF || data[at + 1] == 0xFF || data[at + 1] == 0) {
            at++; /* fill bytes, or rubbish between segments, which libjpeg skips too */
            continue;
        }
        int    kind = data[at + 1];
        size_t size = df__be16(data + at + 2);
        if (kind == SOS || kind == EOI || size < 2 || size > len - at - 2)
            break;
        if (kind == APP1 && size >= 8 && memcmp(data + at + 4, "Exif\0\0", 6) == 0)
            return df__exif_orientation(data + at + 4, size - 2);
        at += 2 + size;
    }
    return 1;
}

static df_status header(const uint8_t *data, size_t len, df_photo_info *out, df_error *err)
{
    reader r = {.data = data, .len = len, .err = err};
    df_status st = run(&r, read_header);
    if (st == DF_OK) {
        out->width = (int)r.jpeg.image_width;
        out->height = (int)r.jpeg.image_height;
        out->orientation = find_orientation(data, len);
    }
    return st;
}

/* The least of 1/8, 2/8, 4/8 and 8/8 whose longer side is still `want` pixels. The library's other scales lack vector code and
 * take longer than the whole picture. */
static unsigned choose_scale(unsigned longer, int want)
{
    unsigned m = 8;
    if (want > 0)
        while (m > 1 && ((uint64_t)longer * (m / 2) + 7) / 8 >= (unsigned)want)
            m /= 2;
    return m;
}

/* Inverted CMYK to RGB, in place of a profile: each ink times black. The shift is OpenCV's rounding (imgcodecs/src/utils.cpp). */
static void cmyk_to_rgb(const uint8_t *from, uint8_t *to, int n)
{
    for (int i = 0; i < n; i++, from += 4, to += 3)
        for (int c = 0; c < 3; c++)
            to[c] = (uint8_t)(from[3] - (((255 - from[c]) * from[3]) >> 8));
}

static void read_rows(reader *r)
{
    enum { AT_ONCE = 16 };
    struct jpeg_decompress_struct *j = &r->jpeg;
    bool       four = j->out_color_space == JCS_CMYK;
    JSAMPARRAY inks = four ? j->mem->alloc_sarray((j_common_ptr)j, JPOOL_IMAGE, j->output_width * 4, 1) : NULL;
    while (j->output_scanline < j->output_height) {
        size_t   y = j->output_scanline, last = (size_t)r->px.height - 1;
        JSAMPROW rows[AT_ONCE];
        if (four) {
            jpeg_read_scanlines(j, inks, 1);
            cmyk_to_rgb(inks[0], r->px.data + y * r->px.stride, r->px.width);
            continue;
        }
        for (size_t i = 0; i < AT_ONCE; i++)
            rows[i] = r->px.data + (y + i < last ? y + i : last) * r->px.stride;
        jpeg_read_scanlines(j, rows, AT_ONCE);
    }
}

static void read_picture(reader *r)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    read_header(r);
    if ((int)j->image_width != r->width || (int)j->image_height != r->height) {
        r->st = df__fail(r->err, DF_E_DECODE, "sides changed from %d x %d to %u x %u", r->width, r->height, j->image_width,
                         j->image_height);
        return;
    }
    j->scale_num = choose_scale(j->image_width > j->image_height ? j->image_width : j->image_height, r->want_side);
    j->scale_denom = 8;
    j->out_color_space = j->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(j);
    r->st = df__pixels_new((int)j->output_width, (int)j->output_height, &r->px, r->err);
    if (r->st != DF_OK)
        return;
    read_rows(r);
    if (r->nothing_came)
        r->st = df__fail(r->err, DF_E_DECODE, "the file ends before its first row, at byte %zu", r->len);
}

static df_status decode(const uint8_t *data, size_t len, const df_photo_info *info, int want_side, df_pixels *out, df_error *err)
{
    reader r = {.data = data, .len = len, .width = info->width, .height = info->height, .want_side = want_side, .err = err};
    df_status st = run(&r, read_picture);
    *out = r.px;
    return st;
}

const df_decoder df__decoder_jpeg = {"JPEG", header, decode};
