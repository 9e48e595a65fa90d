/* opencv.c - OpenCV's Haar cascade of frontal faces, upstream's default detector, and its cascade of eyes, with which upstream finds the
 * eyes for every detector that gives boxes alone. Source: deepface 0.0.103 models/face_detection/OpenCv.py and modules/detection.py. */
#include "detect/opencv.h"

#include <math.h>
#include <stdlib.h>

#include "detect/haar.h"
#include "detect/list.h"
#include "detect/reduce.h"

static const double step = 1.1;  /* from scale to scale */
enum { NEIGHBOURS = 10 };        /* fewer windows than that and one are no face and no eye */

typedef struct cascades { df_haar *face, *eye; } cascades;

static df_status open_one(const df_loader *loader, const char *name, df_haar **out, df_error *err)
{
    df_status st = DF_OK;
    df_bytes file = {0};
    df_cascade *c = NULL;
    DF_TRY(df__weights_open(loader, name, &file, err));
    DF_TRY(df__cascade_parse(&file, name, &c, err));
    DF_TRY(df__haar_new(c, out, err));
done:
    df__cascade_free(c);
    df__bytes_free(&file);
    return st;
}

static void opencv_close(void *self)
{
    cascades *c = self;
    if (!c)
        return;
    df__haar_free(c->face), df__haar_free(c->eye);
    free(c);
}

static df_status opencv_open(const df_loader *loader, void **self, df_error *err)
{
    df_status st = DF_OK;
    cascades *c = calloc(1, sizeof *c);
    *self = NULL;
    if (!c)
        return df__no_memory(err, "opencv", sizeof *c);
    DF_TRY(open_one(loader, "opencv", &c->face, err));
    DF_TRY(open_one(loader, "opencv-eye", &c->eye, err));
    *self = c, c = NULL;
done:
    opencv_close(c);
    return st;
}

/* ---- faces ---- */

/* Means of windows may reach out of the picture by a rounding. */
static df_face face_of(const df_haar_box *b, int width, int height)
{
    int x = b->x > 0 ? b->x : 0, y = b->y > 0 ? b->y : 0;
    int right = b->x + b->w < width ? b->x + b->w : width, bottom = b->y + b->h < height ? b->y + b->h : height;
    return (df_face){.x = (float)x, .y = (float)y, .w = (float)(right - x), .h = (float)(bottom - y), .confidence = (float)b->weight};
}

/* Surest first. Upstream's confidence is (100 - weight) / 100, which falls as the weight grows: a least score is held against what is
 * missing from 1. */
static df_status opencv_detect(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    const cascades *c = self;
    df_status st = DF_OK;
    df_haar_boxes boxes = {0};
    df_grey grey;
    uint8_t *data;
    size_t first = out->n;
    double scale = 1;
    DF_TRY(df__detect_reduce(&px, params->side, &scale, scratch, err));
    DF_TRY(df__grey_new(px.width, px.height, scratch, &data, &grey, err));
    df__grey_fill(px, data, grey.stride);
    DF_TRY(df__haar_windows(c->face, grey, step, params->threads, scratch, &boxes, err));
    DF_TRY(df__haar_group(&boxes, NEIGHBOURS, scratch, err));
    for (size_t i = 0; i < boxes.n; i++) {
        df_face f = face_of(&boxes.items[i], px.width, px.height);
        df__face_move(&f, 0, 0, (float)scale);
        if (f.w > 0 && f.h > 0 && !(boxes.items[i].weight < 100 * params->score))
            DF_TRY(df__face_list_add(out, &f, err));
    }
    DF_TRY(df__face_list_sort(out, first, err));
    for (size_t i = first; i < out->n; i++)
        out->items[i].confidence = (100 - out->items[i].confidence) / 100;
done:
    df__haar_boxes_free(&boxes);
    return st;
}

/* ---- eyes ---- */

typedef struct area { int x, y, w, h; } area;

static int whole(float v) { return (int)fminf(fmaxf(v, -16777216), 16777216); }

/* The box, grown by `expand` percent of its sides, on a photo that has half of its sides around it in black. */
static area eyes_area(const df_face *f, double expand, int width, int height)
{
    area a = {whole(f->x), whole(f->y), whole(f->w), whole(f->h)};
    int w = a.w + (int)(a.w * expand / 100), h = a.h + (int)(a.h * expand / 100);
    int x = a.x - (w - a.w) / 2, y = a.y - (h - a.h) / 2;
    int left = x > -(width / 2) ? x : -(width / 2), top = y > -(height / 2) ? y : -(height / 2);
    int right = x + w < width + width / 2 ? x + w : width + width / 2, bottom = y + h < height + height / 2 ? y + h : height + height / 2;
    return (area){left, top, right - left, bottom - top};
}

/* Grey of the area, black where the photo ends. */
static df_status cut_grey(df_pixels px, area a, df_arena *scratch, df_grey *out, df_error *err)
{
    uint8_t *data;
    df_status st = df__grey_new(a.w, a.h, scratch, &data, out, err);
    int left = a.x > 0 ? a.x : 0, top = a.y > 0 ? a.y : 0;
    int right = a.x + a.w < px.width ? a.x + a.w : px.width, bottom = a.y + a.h < px.height ? a.y + a.h : px.height;
    if (st == DF_OK && left < right && top < bottom)
        df__grey_fill(df__pixels_view(px, left, top, right - left, bottom - top),
                      data + (size_t)(top - a.y) * out->stride + (size_t)(left - a.x), out->stride);
    return st;
}

/* The two largest boxes, of equals the ones that come first. */
static void two_largest(const df_haar_boxes *b, const df_haar_box *two[2])
{
    for (size_t i = 0; i < b->n; i++) {
        const df_haar_box *e = &b->items[i];
        int64_t size = (int64_t)e->w * e->h;
        if (!two[0] || size > (int64_t)two[0]->w * two[0]->h)
            two[1] = two[0], two[0] = e;
        else if (!two[1] || size > (int64_t)two[1]->w * two[1]->h)
            two[1] = e;
    }
}

static df_point centre(const df_haar_box *b, area a) { return (df_point){(float)(a.x + b->x + b->w / 2), (float)(a.y + b->y + b->h / 2)}; }

df_status df__opencv_eyes(const void *opencv, df_pixels px, double expand, df_face *face, df_arena *scratch, df_error *err)
{
    const cascades *c = opencv;
    df_status st = DF_OK;
    df_haar_boxes boxes = {0};
    df_grey grey;
    const df_haar_box *two[2] = {NULL, NULL};
    df_arena_mark mark = df__arena_mark(scratch);
    area a = eyes_area(face, expand, px.width, px.height);
    if (a.w <= 0 || a.h <= 0)
        return DF_OK;
    DF_TRY(cut_grey(px, a, scratch, &grey, err));
    DF_TRY(df__haar_windows(c->eye, grey, step, 1, scratch, &boxes, err));
    DF_TRY(df__haar_group(&boxes, NEIGHBOURS, scratch, err));
    two_largest(&boxes, two);
    if (two[1]) {
        bool ordered = two[0]->x < two[1]->x; /* the person's right eye lies at the left */
        face->right_eye = centre(two[!ordered], a);
        face->left_eye = centre(two[ordered], a);
        face->has |= DF_HAS_EYES;
    }
done:
    df__haar_boxes_free(&boxes);
    df__arena_release(scratch, mark);
    return st;
}

/* Its box to that of dlib's own detector: means over 385 photos of LFW. */
const df_detector_ops df__detector_opencv = {.name = "opencv", .side = 0, .dlib = {0.03f, 0.11f, 0.92f, 0.92f}, .falls = true,
                                             .open = opencv_open, .detect = opencv_detect, .close = opencv_close};
