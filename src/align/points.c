/* points.c - five points onto the chip that a recogniser was trained on. */
#include <math.h>
#include <string.h>

#include "align/align.h"
#include "align/similarity.h"
#include "image/warp.h"

static const df_template templates[] = {
    /* dlib: get_face_chip_details with 150 px and padding 0.25. Its mean shape of the five points is
     * (0.8595674595992, 0.2134981538014), (0.6460604764104, 0.2289674387677), (0.1205750620789, 0.2137274526848),
     * (0.3340850613712, 0.2290642403242), (0.4901123135679, 0.6277975316475), here at 150 (0.25 + v) / 1.5. The five points of
     * RetinaFace: their mean place in the chips that dlib cuts from the photos of LFW's view 1 (docs/benchmarks.md). */
    {.name = "dlib-150", .width = 150, .height = 150,
     .dlib = {{110.95674596f, 46.34981538f}, {89.60604764f, 47.89674388f}, {37.05750621f, 46.37274527f}, {58.40850614f, 47.90642403f},
              {74.01123136f, 87.77975316f}},
     .five = {{47.33f, 45.95f}, {102.06f, 45.77f}, {73.75f, 77.02f}, {51.04f, 103.16f}, {97.22f, 103.14f}}},
};

const df_template *df__template_find(const char *name)
{
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
        if (strcmp(templates[i].name, name) == 0)
            return &templates[i];
    return NULL;
}

/* dlib lays a square of `size` times the scale around the chip's centre, takes one pixel off its sides (centered_drect counts both ends),
 * and maps the centres of the chip's first and last pixel onto them (chip_details, get_mapping_to_chip). */
static void spread_to_edges(const df_template *t, double m[6])
{
    double scale = hypot(m[0], m[3]);
    double sx = (t->width * scale - 1) / ((t->width - 1) * scale), sy = (t->height * scale - 1) / ((t->height - 1) * scale);
    double cx = t->width / 2.0, cy = t->height / 2.0;
    double mx = m[0] * cx + m[1] * cy + m[2], my = m[3] * cx + m[4] * cy + m[5];
    double px = (t->width - 1) / 2.0, py = (t->height - 1) / 2.0;
    m[0] *= sx, m[1] *= sy, m[3] *= sx, m[4] *= sy;
    m[2] = mx - m[0] * px - m[1] * py;
    m[5] = my - m[3] * px - m[4] * py;
}

df_status df__dlib_shape(df_pixels px, const df_face *face, const df_box_map *map, const df_shape_predictor *sp, df_arena *scratch,
                         df_point *out, df_error *err)
{
    double x = face->x + map->dx * face->w, y = face->y + map->dy * face->h;
    double w = map->sw * face->w, h = map->sh * face->h;
    if (!(fabs(x) < 1e6 && fabs(y) < 1e6 && w >= 1 && h >= 1 && w < 1e6 && h < 1e6))
        return df__fail(err, DF_E_ARGUMENT, "a face of %g x %g pixels at %g, %g cannot be aligned", w, h, x, y);
    long left = lround(x), top = lround(y);
    return df__landmarks(sp, px, left, top, left + lround(w) - 1, top + lround(h) - 1, out, scratch, err);
}

df_status df__dlib_points(df_pixels px, const df_face *face, const df_box_map *map, const df_shape_predictor *sp,
                             df_arena *scratch, df_point out[5], df_error *err)
{
    if (df__shape_predictor_points(sp) != 5)
        return df__fail(err, DF_E_BAD_MODEL, "the shape predictor gives %d points, not 5", df__shape_predictor_points(sp));
    return df__dlib_shape(px, face, map, sp, scratch, out, err);
}

df_status df__points_transform(df_pixels px, const df_face *face, const df_template *t, const df_box_map *map,
                               const df_shape_predictor *sp, df_arena *scratch, double m[6], df_error *err)
{
    df_status st = DF_OK;
    const unsigned all = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH;
    if (sp && (face->has & all) != all) {
        df_point at[5];
        DF_TRY(df__dlib_points(px, face, map, sp, scratch, at, err));
        DF_TRY(df__similarity(t->dlib, at, 5, m, err));
    } else if ((face->has & all) == all) {
        const df_point at[5] = {face->right_eye, face->left_eye, face->nose, face->mouth_right, face->mouth_left};
        DF_TRY(df__similarity(t->five, at, 5, m, err));
    } else {
        DF_TRY(df__fail(err, DF_E_ARGUMENT, "the detector gives no points and there is no predictor of points"));
    }
    spread_to_edges(t, m);
done:
    return st;
}

void df__align_points_map(const df_template *t, const double m[6], double expand, double grown[6])
{
    double cx = (t->width - 1) / 2.0, cy = (t->height - 1) / 2.0, k = 1 + expand / 100;
    for (int r = 0; r < 6; r += 3) {
        double centre = m[r] * cx + m[r + 1] * cy + m[r + 2];
        grown[r] = m[r] * k, grown[r + 1] = m[r + 1] * k;
        grown[r + 2] = centre - grown[r] * cx - grown[r + 1] * cy;
    }
}

df_status df__align_points(df_pixels px, const df_template *t, const double m[6], double expand, df_arena *scratch, df_pixels *chip,
                           df_error *err)
{
    df_status st = DF_OK;
    double grown[6];
    df__align_points_map(t, m, expand, grown);
    DF_TRY(df__pixels_in(scratch, t->width, t->height, chip, err));
    DF_TRY(df__warp_chip(px, *chip, grown, scratch, err));
done:
    return st;
}
