/* align.h - second stage: a face of a photo to an upright crop, three ways. */
#ifndef DF_ALIGN_ALIGN_H
#define DF_ALIGN_ALIGN_H

#include "align/landmarks.h"
#include "core/arena.h"
#include "detect/detector.h"
#include "image/pixels.h"

/* A chip as a recogniser was trained on it: where points of the face lie in it. */
typedef struct df_template {
    const char *name;
    int         width, height;
    df_point    five[5]; /* right eye, left eye, nose, right and left corner of the mouth: what detectors give */
    df_point    dlib[5]; /* dlib's five: left eye outer, inner, right eye outer, inner corner, base of the nose */
    bool        of_dlib; /* dlib's own way from a square to a chip's pixels; false: the transform as it is, as cv2.warpAffine takes it */
} df_template;

/* NULL when there is none of this name. */
const df_template *df__template_find(const char *name);
/* NULL past the last. */
const df_template *df__template_at(size_t index);

/* The chip of a recogniser's row: by its name, or around the row's own five points, which are then also where dlib's predictor is laid.
 * DF_E_BAD_MODEL where there is no chip of the name, or where its sides are not the network's. */
df_status df__template_of(const df_recogniser *row, df_template *out, df_error *err);

/* dlib's five points of a detected face: left eye outer, inner, right eye outer, inner corner, base of the nose. */
df_status df__dlib_points(df_pixels px, const df_face *face, const df_box_map *map, const df_shape_predictor *sp, df_arena *scratch,
                          df_point out[5], df_error *err);

/* All points of any of dlib's predictors, for the box that `map` makes of the face's. */
df_status df__dlib_shape(df_pixels px, const df_face *face, const df_box_map *map, const df_shape_predictor *sp, df_arena *scratch,
                         df_point *out, df_error *err);

/* What `points` stands on for one face: the chip-to-photo transform (pixel centres at whole numbers).
 * From the face's own five points where it has all of them, else from dlib's, found by `sp` inside the mapped box.
 * DF_E_ARGUMENT when the face has not all of its points and sp is NULL. */
df_status df__points_transform(df_pixels px, const df_face *face, const df_template *t, const df_box_map *map,
                               const df_shape_predictor *sp, df_arena *scratch, double m[6], df_error *err);
/* Photo to chip by that transform; the chip lies in `scratch`. `expand` grows what the chip shows by so many percent. */
df_status df__align_points(df_pixels px, const df_template *t, const double m[6], double expand, df_arena *scratch, df_pixels *chip,
                           df_error *err);

/* deepface's way: rotate around the box until the eyes are level, crop the box, black where the photo ends. Without eyes the plain
 * box. Size of the crop = the box. An empty crop has width 0. */
df_status df__align_eyes(df_pixels px, const df_face *face, double expand, df_arena *scratch, df_pixels *crop, df_error *err);
/* The box as it is, cut at the photo's edge. */
df_status df__align_none(df_pixels px, const df_face *face, double expand, df_arena *scratch, df_pixels *crop, df_error *err);

/* Where the three take a crop's pixel (x, y) from: (m0 x + m1 y + m2, m3 x + m4 y + m5) of the photo, centres at whole numbers. `t` and
 * `chip` as above, width and height of the photo. */
void df__align_points_map(const df_template *t, const double chip[6], double expand, double m[6]);
void df__align_eyes_map(int width, int height, const df_face *face, double expand, double m[6]);
void df__align_none_map(int width, int height, const df_face *face, double expand, double m[6]);

#endif
