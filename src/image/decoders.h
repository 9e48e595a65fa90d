/* decoders.h - what each format gives to photo.c, which does what all share: sniffing, limits, orientation. */
#ifndef DF_IMAGE_DECODERS_H
#define DF_IMAGE_DECODERS_H

#include "image/decode.h"

typedef struct df_decoder {
    const char *name;
    /* Sides as stored, before orientation, and the orientation, 1 where there is none; `format` is the caller's. Allocates
     * little. */
    df_status (*header)(const uint8_t *data, size_t len, df_photo_info *out, df_error *err);
    /* Picture as stored, on its own memory. `info` is what header() said, its sides are within the limits: a decoder whose
     * library finds others refuses. Only JPEG looks at want_side. */
    df_status (*decode)(const uint8_t *data, size_t len, const df_photo_info *info, int want_side, df_pixels *out, df_error *err);
} df_decoder;

extern const df_decoder df__decoder_jpeg, df__decoder_png, df__decoder_webp, df__decoder_gif, df__decoder_bmp, df__decoder_tiff;

/* Name of a format that the library knows by sight but cannot read ("HEIC"), else NULL. */
const char *df__sniff_foreign(const uint8_t *data, size_t len);

/* Orientation 1..8 of an EXIF block, which is a TIFF file ("II*\0..." or "MM\0*..."), with or without "Exif\0\0" before it; 1
 * where the block is damaged or says nothing. */
int df__exif_orientation(const uint8_t *exif, size_t len);

static inline uint16_t df__le16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t df__le32(const uint8_t *p) { return (uint32_t)df__le16(p) | (uint32_t)df__le16(p + 2) << 16; }
static inline uint16_t df__be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t df__be32(const uint8_t *p) { return (uint32_t)df__be16(p) << 16 | df__be16(p + 2); }

#endif
