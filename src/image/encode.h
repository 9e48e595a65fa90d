/* encode.h - pixels to a PNG or JPEG file in memory. */
#ifndef DF_IMAGE_ENCODE_H
#define DF_IMAGE_ENCODE_H

#include "core/bytes.h"
#include "image/pixels.h"

df_status df__encode_png(df_pixels px, df_bytes *out, df_error *err);
/* quality 1..100, chroma at full resolution from 90 up */
df_status df__encode_jpeg(df_pixels px, int quality, df_bytes *out, df_error *err);

#endif
