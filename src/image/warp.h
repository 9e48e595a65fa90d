/* warp.h - resize and affine warp with OpenCV's geometry (pixel centres at +0.5 for resize, at integers for warp). */
#ifndef DF_IMAGE_WARP_H
#define DF_IMAGE_WARP_H

#include "image/pixels.h"

typedef enum df_filter { DF_LINEAR, DF_CUBIC, DF_AREA } df_filter; /* cv2.INTER_LINEAR, INTER_CUBIC (a = -0.75), INTER_AREA */

/* Fill `to` with all of `from`. Scratch for the row buffers comes from the arena. Linear equals cv2.resize to the bit, the
 * others within one grey level. */
df_status df__resize(df_pixels from, df_pixels to, df_filter filter, df_arena *scratch, df_error *err);

/* DF_LINEAR with the scale told, pixels of `from` in one of `to`: what cv2.resize takes 1 / fx and 1 / fy for, whose sizes are rounded. */
df_status df__resize_by(df_pixels from, df_pixels to, double scale_x, double scale_y, df_arena *scratch, df_error *err);

/* to(x, y) = from(m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]); black outside, as cv2.warpAffine with WARP_INVERSE_MAP and a
 * black BORDER_CONSTANT. DF_LINEAR or DF_CUBIC. Equals that of OpenCV 5 within one grey level; OpenCV 4 rounds places to 1/32 of
 * a pixel. */
df_status df__warp_affine(df_pixels from, df_pixels to, const double m[6], df_filter filter, df_error *err);

/* to(x, y) = from at M (x, y), where `to` may shrink the picture: it is halved first, as often as needed, for chips out of large
 * photos. Equals dlib's extract_image_chip to the bit. dlib takes a similarity S from chip to photo (scale s, angle a) for a chip
 * of n x n pixels as a map of pixel centres: its scale is (n s - 1) / (n - 1), its angle a, and the chip's centre ((n - 1) / 2,
 * (n - 1) / 2) goes to S (n / 2, n / 2). */
df_status df__warp_chip(df_pixels from, df_pixels to, const double m[6], df_arena *scratch, df_error *err);

#endif
