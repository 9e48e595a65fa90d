/* photo.h - where the pixels of a call come from: a file, decoded no larger than needed, or a picture in memory. */
#ifndef DF_API_PHOTO_H
#define DF_API_PHOTO_H

#include "api/engine.h"

typedef struct df_photo {
    const char *name;          /* for messages */
    int         width, height; /* of the upright photo at full scale */
    df_pixels   px;            /* decoded, maybe smaller */
    double      scale;         /* photo pixels in one of px, >= 1 */
    df_bytes    file;          /* kept for decoding again; empty for a picture in memory */
    bool        owned;         /* px was allocated here */
    int         turn;          /* quarters, with the clock, by which px was turned; width and height are those after it */
} df_photo;                    /* {0} is empty */

/* Read and decode. want_side: see df__photo_decode. */
df_status df__photo_open(const df_engine *e, const char *path, int want_side, df_photo *out, df_error *err);
/* A view of a picture. */
df_status df__photo_of(const df_image *img, df_photo *out, df_error *err);
/* Make px full scale. */
df_status df__photo_full(const df_engine *e, df_photo *photo, df_error *err);
/* Turn px by a quarter, with the clock; a picture in memory is copied first. */
df_status df__photo_turn(df_photo *photo, df_error *err);
/* From px to the photo as it was before it was turned, at full scale. */
df_point  df__photo_point(const df_photo *photo, df_point at);
void      df__photo_close(df_photo *photo);

#endif
