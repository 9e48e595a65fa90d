/* bmp.c - Windows and OS/2 bitmaps: 1, 2, 4, 8 bits with a palette, 16, 24, 32 bits with or without masks, RLE4 and RLE8, rows
 * from either end. Layout: Microsoft, "Bitmap Storage"; IBM, "OS/2 bitmap file format". Alpha is dropped. */
#include "image/decoders.h"

#include <limits.h>
#include <string.h>

enum { FILE_HEADER = 14, OS2_HEADER = 12, INFO_HEADER = 40 };
enum { PLAIN = 0, RLE8 = 1, RLE4 = 2, MASKS = 3, JPEG_INSIDE = 4, PNG_INSIDE = 5, ALPHA_MASKS = 6 };

typedef struct bitmap {
    const uint8_t *data;
    size_t         len, at; /* of the file; where the pixels begin */
    int64_t        width, height;
    bool           top_down;
    unsigned       bits, compression;
    uint32_t       mask[3]; /* red, green, blue; of 16 and 32 bits */
    unsigned       colours; /* of the palette; what lies past it is black */
    uint8_t        palette[256][3];
} bitmap;

static df_status cut_short(const bitmap *b, size_t need, df_error *err)
{
    return df__fail(err, DF_E_DECODE, "cut short: %zu bytes, %zu are needed", b->len, need);
}

static df_status check_kind(const bitmap *b, df_error *err)
{
    unsigned n = b->bits, c = b->compression;
    if (c == JPEG_INSIDE || c == PNG_INSIDE)
        return df__fail(err, DF_E_DECODE, "%s inside a bitmap is not supported", c == PNG_INSIDE ? "PNG" : "JPEG or RLE24");
    bool ok = (c == PLAIN && (n == 1 || n == 2 || n == 4 || n == 8 || n == 16 || n == 24 || n == 32)) || (c == RLE8 && n == 8) ||
              (c == RLE4 && n == 4) || ((c == MASKS || c == ALPHA_MASKS) && (n == 16 || n == 32));
    if (!ok)
        return df__fail(err, DF_E_DECODE, "%u bits a pixel with compression %u are not supported", n, c);
    if (b->top_down && (c == RLE8 || c == RLE4))
        return df__fail(err, DF_E_DECODE, "a run-length bitmap cannot be top-down");
    return DF_OK;
}

static void read_palette(bitmap *b, size_t at, size_t entry, uint32_t used)
{
    if (b->bits > 8)
        return;
    b->colours = 1u << b->bits;
    if (used > 0 && used < b->colours)
        b->colours = used;
    for (unsigned i = 0; i < b->colours && at + 3 <= b->len; i++, at += entry)
        for (int c = 0; c < 3; c++)
            b->palette[i][c] = b->data[at + 2 - (size_t)c]; /* stored blue first */
}

static df_status read_masks(bitmap *b, df_error *err)
{
    static const uint32_t plain16[3] = {0x7C00, 0x03E0, 0x001F}, plain32[3] = {0xFF0000, 0xFF00, 0xFF};
    enum { MASKS_AT = FILE_HEADER + INFO_HEADER };
    memcpy(b->mask, b->bits == 16 ? plain16 : plain32, sizeof b->mask);
    if (b->compression != MASKS && b->compression != ALPHA_MASKS)
        return DF_OK;
    if (b->len < MASKS_AT + 12)
        return cut_short(b, MASKS_AT + 12, err);
    for (int c = 0; c < 3; c++) {
        uint32_t m = b->mask[c] = df__le32(b->data + MASKS_AT + 4 * c);
        uint32_t low = m & (~m + 1);
        if (m == 0 || (m & (m + low)) != 0) /* one run of ones: adding its lowest bit carries out of it */
            return df__fail(err, DF_E_DECODE, "colour mask %08x", (unsigned)m);
    }
    return DF_OK;
}

static df_status read_headers(const uint8_t *data, size_t len, bitmap *b, df_error *err)
{
    *b = (bitmap){.data = data, .len = len};
    if (len < FILE_HEADER + OS2_HEADER)
        return cut_short(b, FILE_HEADER + OS2_HEADER, err);
    size_t size = df__le32(data + FILE_HEADER);
    if (size > len - FILE_HEADER)
        return cut_short(b, FILE_HEADER + size, err);
    b->at = df__le32(data + 10);
    uint32_t used = 0;
    if (size == OS2_HEADER) {
        b->width = df__le16(data + 18);
        b->height = df__le16(data + 20);
        b->bits = df__le16(data + 24);
    } else {
        b->width = (int32_t)df__le32(data + 18);
        b->height = (int32_t)df__le32(data + 22);
        b->bits = df__le16(data + 28);
        if (size >= INFO_HEADER) {
            b->compression = df__le32(data + 30);
            used = df__le32(data + 46);
        }
    }
    b->top_down = b->height < 0;
    b->height = b->top_down ? -b->height : b->height;
    if (b->width < 1 || b->height < 1 || b->width > INT_MAX || b->height > INT_MAX)
        return df__fail(err, DF_E_DECODE, "a picture of %lld x %lld pixels", (long long)b->width, (long long)b->height);
    df_status st = check_kind(b, err);
    if (st == DF_OK)
        st = read_masks(b, err);
    size_t masks = size == INFO_HEADER ? (b->compression == MASKS ? 12 : b->compression == ALPHA_MASKS ? 16 : 0) : 0;
    read_palette(b, FILE_HEADER + size + masks, size == OS2_HEADER ? 3 : 4, used);
    return st;
}

static df_status header(const uint8_t *data, size_t len, df_photo_info *out, df_error *err)
{
    bitmap b;
    df_status st = read_headers(data, len, &b, err);
    if (st == DF_OK) {
        out->width = (int)b.width;
        out->height = (int)b.height;
    }
    return st;
}

static uint8_t *row_of(const bitmap *b, df_pixels px, int64_t y)
{
    return px.data + (size_t)(b->top_down ? y : b->height - 1 - y) * px.stride;
}

/* Row 0 is the first in the file. A run that leaves the picture is cut. */
static void paint(const bitmap *b, df_pixels px, int64_t x, int64_t y, unsigned index)
{
    if (x < b->width && y < b->height)
        memcpy(row_of(b, px, y) + 3 * (size_t)x, b->palette[index], 3);
}

static void read_indexed_row(const bitmap *b, const uint8_t *from, uint8_t *to)
{
    unsigned mask = (1u << b->bits) - 1, each = 8 / b->bits;
    for (size_t x = 0; x < (size_t)b->width; x++, to += 3) {
        unsigned shift = 8 - b->bits * (unsigned)(x % each + 1), packed = from[x / each];
        memcpy(to, b->palette[(packed >> shift) & mask], 3);
    }
}

static void read_masked_row(const bitmap *b, const uint8_t *from, uint8_t *to)
{
    uint32_t low[3], most[3];
    for (int c = 0; c < 3; c++) {
        low[c] = b->mask[c] & (~b->mask[c] + 1);
        most[c] = b->mask[c] / low[c];
    }
    for (int64_t x = 0; x < b->width; x++, to += 3) {
        uint32_t v = b->bits == 16 ? df__le16(from + 2 * x) : df__le32(from + 4 * x);
        for (int c = 0; c < 3; c++)
            to[c] = (uint8_t)(((uint64_t)((v & b->mask[c]) / low[c]) * 255 + most[c] / 2) / most[c]);
    }
}

static void read_bgr_row(const bitmap *b, const uint8_t *from, uint8_t *to, size_t step)
{
    for (int64_t x = 0; x < b->width; x++, from += step, to += 3)
        to[0] = from[2], to[1] = from[1], to[2] = from[0];
}

static void read_rows(const bitmap *b, size_t row_bytes, df_pixels px)
{
    static const uint32_t usual[3] = {0xFF0000, 0xFF00, 0xFF};
    bool bgrx = b->bits == 32 && memcmp(b->mask, usual, sizeof usual) == 0;
    for (int64_t y = 0; y < b->height; y++) {
        const uint8_t *from = b->data + b->at + (size_t)y * row_bytes;
        uint8_t *to = row_of(b, px, y);
        if (b->bits <= 8)
            read_indexed_row(b, from, to);
        else if (b->bits == 24 || bgrx)
            read_bgr_row(b, from, to, b->bits / 8);
        else
            read_masked_row(b, from, to);
    }
}

/* Pairs of bytes: (n, colours) paints n pixels; (0, 0) ends a row, (0, 1) the picture, (0, 2) moves by the next two bytes, (0, n)
 * is followed by n pixels as they are. RLE4 packs two colours into a byte, which a run takes in turn. A file that ends early
 * leaves the rest in the first colour, which is also what moves skip. */
static void read_runs(const bitmap *b, df_pixels px)
{
    enum { END_ROW = 0, END_PICTURE = 1, MOVE = 2 };
    bool    four = b->compression == RLE4;
    int64_t x = 0, y = 0;
    size_t  at = b->at;
    for (int64_t row = 0; row < b->height; row++)
        for (int64_t i = 0; i < b->width; i++)
            paint(b, px, i, row, 0);
    while (y < b->height && at + 2 <= b->len) {
        unsigned n = b->data[at], code = b->data[at + 1];
        at += 2;
        if (n > 0) {
            for (unsigned i = 0; i < n; i++)
                paint(b, px, x++, y, !four ? code : i & 1 ? code & 15 : code >> 4);
        } else if (code == END_ROW) {
            x = 0, y++;
        } else if (code == END_PICTURE) {
            return;
        } else if (code == MOVE) {
            if (at + 2 > b->len)
                return;
            x += b->data[at], y += b->data[at + 1];
            at += 2;
        } else {
            size_t bytes = four ? (code + 1) / 2 : code;
            if (bytes > b->len - at)
                return;
            for (unsigned i = 0; i < code; i++) {
                const uint8_t *p = b->data + at;
                paint(b, px, x++, y, !four ? p[i] : i & 1 ? p[i / 2] & 15 : p[i / 2] >> 4);
            }
            at += bytes + (bytes & 1); /* padded to even */
        }
    }
}

static df_status decode(const uint8_t *data, size_t len, const df_photo_info *info, int want_side, df_pixels *out, df_error *err)
{
    df_status st = DF_OK;
    bitmap b;
    (void)info, (void)want_side;
    DF_TRY(read_headers(data, len, &b, err));
    bool   runs = b.compression == RLE8 || b.compression == RLE4;
    size_t row_bytes = ((size_t)b.width * b.bits + 31) / 32 * 4;
    /* the last row may lack its padding */
    size_t need = row_bytes * (size_t)(b.height - 1) + ((size_t)b.width * b.bits + 7) / 8;
    if (b.at > len || (!runs && need > len - b.at)) {
        st = cut_short(&b, runs ? b.at : b.at + need, err);
        goto done;
    }
    DF_TRY(df__pixels_new((int)b.width, (int)b.height, out, err));
    if (runs)
        read_runs(&b, *out);
    else
        read_rows(&b, row_bytes, *out);
done:
    return st;
}

const df_decoder df__decoder_bmp = {"BMP", header, decode};
