/* draw.h - lines, boxes, discs and text on a picture, anti-aliased; what falls outside is cut. */
#ifndef DF_IMAGE_DRAW_H
#define DF_IMAGE_DRAW_H

#include "image/pixels.h"

typedef struct df_colour { uint8_t r, g, b; } df_colour;

/* Frame of `thick` pixels around [x, x+w) x [y, y+h), half inside, half outside. */
void df__draw_box(df_pixels px, double x, double y, double w, double h, double thick, df_colour c);
void df__draw_disc(df_pixels px, double x, double y, double radius, df_colour c);
void df__draw_line(df_pixels px, double x0, double y0, double x1, double y1, double thick, df_colour c);
/* Filled rectangle, `alpha` 0..1. */
void df__draw_fill(df_pixels px, double x, double y, double w, double h, df_colour c, double alpha);
/* UTF-8 text whose box's top left corner is (x, y), `height` pixels from the top of a capital to the bottom of a descender;
 * code points the font lacks are drawn as '?'. Returns the width in pixels. With px.data NULL it only measures. */
double df__draw_text(df_pixels px, double x, double y, double height, const char *utf8, df_colour c);

#endif
