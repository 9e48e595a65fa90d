/* pixels.h - the picture type of all stages: 8-bit RGB in memory. Knows no files and no faces. */
#ifndef DF_IMAGE_PIXELS_H
#define DF_IMAGE_PIXELS_H

#include "core/arena.h"
#include "core/status.h"

typedef struct df_pixels {
    int      width, height; /* > 0 in a picture, 0 in an empty one */
    size_t   stride;        /* bytes a row, >= 3 * width */
    uint8_t *data;          /* R G B R G B ..., rows top to bottom */
} df_pixels;                /* a view: who owns `data` is said where it is made */

struct df_image { df_pixels px; }; /* owns px.data (malloc) */

/* Black picture of its own memory, freed with df__pixels_free. DF_E_ARGUMENT unless both sides are in 1..2^20, DF_E_NO_MEMORY. */
df_status df__pixels_new(int width, int height, df_pixels *out, df_error *err);
/* The same in an arena. */
df_status df__pixels_in(df_arena *arena, int width, int height, df_pixels *out, df_error *err);
void df__pixels_free(df_pixels *px);
/* The part [x, x+w) x [y, y+h), which must lie inside; shares memory. */
df_pixels df__pixels_view(df_pixels px, int x, int y, int w, int h);
/* Copy `from` into `to` with its top left corner at (x, y); what falls outside is cut. */
void df__pixels_paste(df_pixels to, int x, int y, df_pixels from);
/* Turn and mirror a picture of its own memory until it is upright, by its EXIF orientation (orient.c); 5 to 8 swap the sides, and px->data
 * is replaced. */
df_status df__pixels_orient(df_pixels *px, int orientation, df_error *err);

#endif
