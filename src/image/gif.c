/* gif.c - GIF through giflib: the first frame on its canvas. */
#include "image/decoders.h"

#ifdef DF_WITH_GIF

#include <string.h>

#include <gif_lib.h>

typedef struct source {
    const uint8_t *data;
    size_t         len, at;
} source;

static int read_source(GifFileType *gif, GifByteType *to, int n)
{
    source *s = gif->UserData;
    size_t left = s->len - s->at, want = n > 0 ? (size_t)n : 0;
    if (want > left)
        want = left;
    memcpy(to, s->data + s->at, want);
    s->at += want;
    return (int)want;
}

static df_status gif_failed(int code, df_error *err)
{
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM)
        return df__fail(err, DF_E_NO_MEMORY, "out of memory: giflib");
    const char *text = GifErrorString(code);
    return df__fail(err, DF_E_DECODE, "%s", text ? text : "damaged");
}

static df_status open_gif(source *s, GifFileType **out, df_error *err)
{
    int code = 0;
    *out = DGifOpen(s, read_source, &code);
    return *out ? DF_OK : gif_failed(code, err);
}

static df_status header(const uint8_t *data, size_t len, df_photo_info *out, df_error *err)
{
    source s = {data, len, 0};
    GifFileType *gif;
    df_status st = open_gif(&s, &gif, err);
    if (st != DF_OK)
        return st;
    out->width = gif->SWidth;
    out->height = gif->SHeight;
    DGifCloseFile(gif, NULL);
    return DF_OK;
}

/* Walk over extensions to the first picture; -1 or the transparent colour of the control block before it. */
static df_status find_picture(GifFileType *gif, int *transparent, df_error *err)
{
    *transparent = NO_TRANSPARENT_COLOR;
    for (;;) {
        GifRecordType kind;
        if (DGifGetRecordType(gif, &kind) == GIF_ERROR)
            return gif_failed(gif->Error, err);
        if (kind == IMAGE_DESC_RECORD_TYPE)
            return DGifGetImageHeader(gif) == GIF_ERROR ? gif_failed(gif->Error, err) : DF_OK;
        if (kind == TERMINATE_RECORD_TYPE)
            return df__fail(err, DF_E_DECODE, "no picture in the file");
        int          code = 0;
        GifByteType *block = NULL;
        if (kind != EXTENSION_RECORD_TYPE)
            continue;
        if (DGifGetExtension(gif, &code, &block) == GIF_ERROR)
            return gif_failed(gif->Error, err);
        while (block) {
            GraphicsControlBlock control;
            if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
                *transparent = control.TransparentColor;
            if (DGifGetExtensionNext(gif, &block) == GIF_ERROR)
                return gif_failed(gif->Error, err);
        }
    }
}

/* Row `n` in the order of the file to the row on the picture; interlaced files come in four passes. */
static int row_of(int n, int height, bool interlaced)
{
    static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    if (!interlaced)
        return n;
    for (int pass = 0; pass < 4; pass++) {
        int rows = height > first[pass] ? (height - first[pass] + step[pass] - 1) / step[pass] : 0;
        if (n < rows)
            return first[pass] + n * step[pass];
        n -= rows;
    }
    return height - 1;
}

static void fill(df_pixels px, GifColorType c)
{
    for (int y = 0; y < px.height; y++) {
        uint8_t *p = px.data + (size_t)y * px.stride;
        for (int x = 0; x < px.width; x++, p += 3)
            p[0] = c.Red, p[1] = c.Green, p[2] = c.Blue;
    }
}

/* Without any palette an index is a level of grey; past the end of one it is black. */
static GifColorType colour_of(const ColorMapObject *map, GifPixelType index)
{
    if (!map || !map->Colors)
        return (GifColorType){index, index, index};
    return index < map->ColorCount ? map->Colors[index] : (GifColorType){0, 0, 0};
}

/* What the first frame leaves free or transparent shows the background colour of the canvas. */
static df_status draw_picture(GifFileType *gif, int transparent, df_pixels canvas, df_error *err)
{
    const ColorMapObject *map = gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
    if (gif->SColorMap && gif->SColorMap->Colors && gif->SBackGroundColor >= 0 &&
        gif->SBackGroundColor < gif->SColorMap->ColorCount)
        fill(canvas, gif->SColorMap->Colors[gif->SBackGroundColor]);
    int left = gif->Image.Left, top = gif->Image.Top, width = gif->Image.Width, height = gif->Image.Height;
    if (width < 1 || height < 1)
        return df__fail(err, DF_E_DECODE, "a frame of %d x %d pixels", width, height);
    GifPixelType line[1 << 16]; /* sides are 16 bits */
    for (int n = 0; n < height; n++) {
        memset(line, 0, (size_t)width);
        /* behind the last row giflib also looks for the end of the blocks, which many files lack */
        if (DGifGetLine(gif, line, width) == GIF_ERROR && n < height - 1)
            return gif_failed(gif->Error, err);
        int y = top + row_of(n, height, gif->Image.Interlace);
        if (y >= canvas.height)
            continue;
        uint8_t *p = canvas.data + (size_t)y * canvas.stride + 3 * (size_t)left;
        for (int x = 0; x < width && left + x < canvas.width; x++, p += 3)
            if (line[x] != transparent) {
                GifColorType c = colour_of(map, line[x]);
                p[0] = c.Red, p[1] = c.Green, p[2] = c.Blue;
            }
    }
    return DF_OK;
}

static df_status decode(const uint8_t *data, size_t len, const df_photo_info *info, int want_side, df_pixels *out, df_error *err)
{
    df_status st = DF_OK;
    source s = {data, len, 0};
    GifFileType *gif = NULL;
    int transparent;
    (void)want_side;
    DF_TRY(open_gif(&s, &gif, err));
    DF_TRY(find_picture(gif, &transparent, err));
    DF_TRY(df__pixels_new(info->width, info->height, out, err));
    DF_TRY(draw_picture(gif, transparent, *out, err));
done:
    if (gif)
        DGifCloseFile(gif, NULL);
    if (st != DF_OK)
        df__pixels_free(out);
    return st;
}

#else

static df_status header(const uint8_t *data, size_t len, df_photo_info *out, df_error *err)
{
    (void)data, (void)len, (void)out;
    return df__fail(err, DF_E_UNSUPPORTED, "this build is without giflib (DF_WITH_GIF)");
}

static df_status decode(const uint8_t *data, size_t len, const df_photo_info *info, int want_side, df_pixels *out, df_error *err)
{
    (void)info, (void)want_side, (void)out;
    return header(data, len, NULL, err);
}

#endif

const df_decoder df__decoder_gif = {"GIF", header, decode};
