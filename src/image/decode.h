/* decode.h - bytes of an image file to pixels: told apart by content, within limits, EXIF orientation applied. */
#ifndef DF_IMAGE_DECODE_H
#define DF_IMAGE_DECODE_H

#include "core/bytes.h"
#include "image/pixels.h"

typedef struct df_limits { size_t bytes, pixels; } df_limits; /* of a file; width x height */

typedef enum df_format {
    DF_FORMAT_NONE,
    DF_FORMAT_JPEG,
    DF_FORMAT_PNG,
    DF_FORMAT_WEBP,
    DF_FORMAT_GIF,
    DF_FORMAT_BMP,
    DF_FORMAT_TIFF
} df_format;

/* What the header says. width and height are those of the upright picture, at full scale. */
typedef struct df_photo_info {
    df_format format;
    int       width, height;
    int       orientation; /* EXIF 1..8, 1 where there is none */
} df_photo_info;

df_format   df__sniff(const uint8_t *data, size_t len);
const char *df__format_name(df_format format);

/* Read the header only. DF_E_DECODE (with the name of the format and the reason), DF_E_LIMIT. */
df_status df__photo_info(const uint8_t *data, size_t len, const df_limits *lim, df_photo_info *out, df_error *err);

/* Decode upright. `out` owns its memory (df__pixels_free).
 *   want_side  0: full scale. Else a JPEG is decoded at M/8 of its size, M one of 1, 2, 4, 8, the smallest whose longer side is
 *              still >= want_side; other formats come at full scale. Sides are rounded up.
 * The scale that came out is 8/M: the longer sides' ratio, rounded to a whole number, since sides are rounded up. */
df_status df__photo_decode(const uint8_t *data, size_t len, const df_limits *lim, int want_side, df_pixels *out, df_error *err);

#endif
