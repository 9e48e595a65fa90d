/* draw.c - boxes, points and names on a photo. */
#include <math.h>

#include "api/pipeline.h"
#include "image/draw.h"

static const df_colour box_colour = {64, 220, 120}, eye_colour = {255, 214, 64}, point_colour = {90, 190, 255}, text_colour = {255, 255, 255}, mark_colour = {255, 120, 200},
                       shade = {12, 40, 24};

static void draw_points(df_pixels px, const df_face *f, double radius)
{
    if (f->has & DF_HAS_EYES) {
        df__draw_disc(px, f->left_eye.x, f->left_eye.y, radius, eye_colour);
        df__draw_disc(px, f->right_eye.x, f->right_eye.y, radius, eye_colour);
    }
    if (f->has & DF_HAS_NOSE)
        df__draw_disc(px, f->nose.x, f->nose.y, radius, point_colour);
    if (f->has & DF_HAS_MOUTH) {
        df__draw_disc(px, f->mouth_left.x, f->mouth_left.y, radius, point_colour);
        df__draw_disc(px, f->mouth_right.x, f->mouth_right.y, radius, point_colour);
    }
}

/* On a dark strip above the box, or inside it at the photo's upper edge. */
static void draw_label(df_pixels px, const df_face *f, const char *label, double height)
{
    const df_pixels nowhere = {0};
    double pad = height * 0.3, width = df__draw_text(nowhere, 0, 0, height, label, text_colour) + 2 * pad;
    double x = fmax(0, fmin(f->x, px.width - width)), y = f->y - height - 2 * pad;
    if (y < 0)
        y = fmin(f->y, px.height - height - 2 * pad);
    df__draw_fill(px, x, y, width, height + 2 * pad, shade, 0.75);
    df__draw_text(px, x + pad, y + pad, height, label, text_colour);
}

df_status df_draw_faces(df_image *img, const df_faces *faces, const char *const *labels, df_error *err)
{
    if (!img || !faces)
        return df__fail(err, DF_E_ARGUMENT, "df_draw_faces: a NULL argument");
    double side = fmin(img->px.width, img->px.height), height = fmax(11, fmin(side / 32, 40));
    for (size_t i = 0; i < faces->list.n; i++) {
        const df_face *f = &faces->list.items[i];
        double thick = fmax(1.5, fmin(side / 250, f->w / 40 + 1));
        df__draw_box(img->px, f->x, f->y, f->w, f->h, thick, box_colour);
        const double dot = faces->n_marks > 100 ? f->w / 220 : f->w / 110;
        for (size_t k = 0; k < faces->n_marks; k++)
            df__draw_disc(img->px, faces->marks[i * faces->n_marks + k].x, faces->marks[i * faces->n_marks + k].y, fmax(0.5, dot), mark_colour);
        draw_points(img->px, f, fmax(1.5, f->w / 45));
        if (labels && labels[i])
            draw_label(img->px, f, labels[i], height);
    }
    return DF_OK;
}
