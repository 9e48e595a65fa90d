/* font.h - a stroke font: what to draw for a character, as straight strokes on a grid. */
#ifndef DF_IMAGE_FONT_H
#define DF_IMAGE_FONT_H

#include <stddef.h>
#include <stdint.h>

/* The grid: y down, 0 at the top of capitals, 14 on the base line, 18.5 at the bottom of a descender. */
#define DF_FONT_HEIGHT 18.5
#define DF_FONT_THICK 1.75 /* of a stroke */

typedef struct df_stroke {
    float x0, y0, x1, y1;
    float thick; /* 1: DF_FONT_THICK */
} df_stroke;

enum { DF_FONT_MOST_STROKES = 192 };

/* Strokes of a code point, '?' for one that the font lacks; *advance: where the next character begins. Returns how many there
 * are. */
size_t df__font_strokes(uint32_t code, df_stroke out[DF_FONT_MOST_STROKES], double *advance);

#endif
