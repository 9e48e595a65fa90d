/* pipeline.c - options to models, photo to faces, faces to crops. */
#include "api/pipeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/options.h"
#include "core/threads.h"
#include "detect/opencv.h"

/* ---- loading ---- */

typedef struct load { df_pipeline *p; bool network; df_status st[3]; df_error err[3]; } load;

/* Detector, network and predictor are independent files: on a cold start they load side by side. */
static void load_one(void *arg, size_t i, int worker)
{
    load *l = arg;
    df_pipeline *p = l->p;
    (void)worker;
    bool lacks_points = !(p->detector->gives & DF_HAS_EYES) && p->detector != &df__detector_skip;
    if (i == 0 && l->network)
        l->st[i] = df__engine_recogniser(p->engine, p->row, &p->net, &l->err[i]);
    if (i == 1)
        l->st[i] = df__engine_detector(p->engine, p->detector, &p->detector_self, &l->err[i]);
    if (i == 2 && lacks_points && p->align == DF_ALIGN_EYES && !p->detector->of_dlib)
        l->st[i] = df__engine_detector(p->engine, &df__detector_opencv, &p->eyes, &l->err[i]);
    else if (i == 2 && lacks_points)
        l->st[i] = df__engine_predictor(p->engine, &p->sp, &l->err[i]);
}

df_status df__pipeline_open(df_engine *engine, const df_opts *opts, bool network, df_pipeline *out, df_error *err)
{
    df_status st = DF_OK;
    df_pipeline p = {.engine = engine};
    if (!engine)
        return df__fail(err, DF_E_ARGUMENT, "the engine is NULL");
    DF_TRY(df__opts_read(opts, &p.opts, err));
    p.detector = df__detector_find(p.opts.detector);
    p.row = df__recogniser_find(p.opts.model);
    p.chip = p.row ? df__template_find(p.row->chip) : NULL;
    int align = df__align_find(p.opts.align), metric = df__metric_find(p.opts.metric), range = df__range_find(p.opts.normalization);
    if (!p.detector || !p.chip || align < 0 || metric < 0 || range < 0) /* the options table offers what the stages lack */
        return df__fail(err, DF_E_INTERNAL, "detector %s, model %s, align %s, metric %s or normalization %s is not known to its stage",
                        p.opts.detector, p.opts.model, p.opts.align, p.opts.metric, p.opts.normalization);
    p.align = (df_align)align, p.metric = (df_metric)metric, p.range = (df_range)range;
    p.flip = p.opts.flip && p.align == DF_ALIGN_POINTS;
    load l = {.p = &p, .network = network};
    df__parallel_for(3, engine->threads, load_one, &l);
    for (size_t i = 0; i < 3; i++)
        if (l.st[i] != DF_OK) {
            if (err)
                *err = l.err[i];
            return l.st[i];
        }
    *out = p;
done:
    return st;
}

/* ---- photo ---- */

int df__pipeline_side(const df_pipeline *p)
{
    if (p->align != DF_ALIGN_POINTS || p->detector->side == 0)
        return 0; /* upstream's crops come from the photo at full scale */
    return p->opts.detect_size > p->detector->side ? p->opts.detect_size : p->detector->side;
}

df_status df__pipeline_photo(const df_pipeline *p, const char *path, const df_image *img, df_photo *out, df_error *err)
{
    return img ? df__photo_of(img, out, err) : df__photo_open(p->engine, path, df__pipeline_side(p), out, err);
}

/* ---- detect ---- */

/* Drop boxes that are too small, and those of which less than a pixel lies on the photo. */
static void keep_if_large(df_face_list *list, double least, int width, int height)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        const df_face *f = &list->items[i];
        float inside_w = fminf((float)width, f->x + f->w) - fmaxf(0, f->x), inside_h = fminf((float)height, f->y + f->h) - fmaxf(0, f->y);
        if (f->w >= least && f->h >= least && inside_w >= 1 && inside_h >= 1)
            list->items[n++] = *f;
    }
    list->n = n;
}

static int larger_first(const void *a, const void *b)
{
    const df_face *p = a, *q = b;
    double pa = (double)p->w * p->h, qa = (double)q->w * q->h;
    return (pa < qa) - (pa > qa);
}

/* A closed box has one column and one row more than its right - left and bottom - top. */
static df_face predictor_box(const df_pipeline *p, const df_face *f)
{
    df_face box = *f;
    if (p->detector->of_dlib)
        box.w++, box.h++;
    return box;
}

/* For detectors that give a box alone: eyes as upstream finds them for its own way of alignment, else eyes and nose from dlib's predictor. */
static df_status add_points(const df_pipeline *p, const df_photo *photo, df_face_list *list, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    for (size_t i = 0; i < list->n; i++) {
        df_face *f = &list->items[i];
        df_point at[5];
        if (f->has & DF_HAS_EYES)
            continue;
        if (p->eyes) { /* upstream grows the box before, but not for its own detector */
            DF_TRY(df__opencv_eyes(p->eyes, photo->px, p->detector == &df__detector_opencv ? 0 : p->opts.expand, f, scratch, err));
            continue;
        }
        df_face box = predictor_box(p, f);
        DF_TRY(df__dlib_points(photo->px, &box, &p->detector->dlib, p->sp, scratch, at, err));
        /* whole pixels, as upstream's models/face_detection/Dlib.py */
        f->left_eye = (df_point){floorf((at[0].x + at[1].x) / 2), floorf((at[0].y + at[1].y) / 2)};
        f->right_eye = (df_point){floorf((at[2].x + at[3].x) / 2), floorf((at[2].y + at[3].y) / 2)};
        f->nose = at[4];
        f->has |= DF_HAS_EYES | DF_HAS_NOSE;
    }
done:
    return st;
}

static bool takes_whole_photo(const df_face *f) { return f->confidence == 0 && f->has == 0; }

df_status df__pipeline_detect(const df_pipeline *p, df_photo *photo, int threads, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    df_detect_params params = {.score = p->opts.score, .side = p->opts.detect_size, .threads = threads};
    DF_TRY(p->detector->detect(p->detector_self, photo->px, &params, scratch, out, err));
    keep_if_large(out, fmax(1, p->opts.min_face / photo->scale), photo->px.width, photo->px.height);
    if (p->opts.max_faces > 0 && out->n > (size_t)p->opts.max_faces) {
        qsort(out->items, out->n, sizeof *out->items, larger_first);
        out->n = (size_t)p->opts.max_faces;
    }
    if (out->n == 0 && p->opts.enforce)
        return df__fail(err, DF_E_NO_FACE, "%s: %s found no face in %d x %d pixels", photo->name, p->detector->name, photo->width,
                        photo->height);
    if (out->n == 0) {
        df_face whole = {.w = (float)photo->px.width, .h = (float)photo->px.height};
        DF_TRY(df__face_list_add(out, &whole, err));
    } else if ((p->sp || p->eyes) && !(p->detector->gives & DF_HAS_EYES)) {
        st = add_points(p, photo, out, scratch, err);
        if (st != DF_OK)
            df__prefix(err, "%s", photo->name);
    }
done:
    return st;
}

/* ---- align ---- */

static void scale_point(df_point *pt, float k) { pt->x *= k, pt->y *= k; }

static void scale_faces(df_face_list *list, double by)
{
    float k = (float)by;
    for (size_t i = 0; i < list->n; i++) {
        df_face *f = &list->items[i];
        f->x *= k, f->y *= k, f->w *= k, f->h *= k;
        scale_point(&f->left_eye, k), scale_point(&f->right_eye, k), scale_point(&f->nose, k);
        scale_point(&f->mouth_left, k), scale_point(&f->mouth_right, k);
    }
}

static df_status crop_of(const df_pipeline *p, const df_photo *photo, const df_face *f, df_arena *scratch, df_pixels *crop, double *step,
                         df_error *err)
{
    df_status st = DF_OK;
    double m[6];
    const df_face box = predictor_box(p, f);
    *step = 1;
    if (takes_whole_photo(f)) {
        *crop = photo->px;
        return DF_OK;
    }
    switch (p->align) {
    case DF_ALIGN_POINTS:
        DF_TRY(df__points_transform(photo->px, &box, p->chip, &p->detector->dlib, p->sp, scratch, m, err));
        DF_TRY(df__align_points(photo->px, p->chip, m, p->opts.expand, scratch, crop, err));
        *step = hypot(m[0], m[3]); /* pixels of the photo in one of the chip */
        break;
    case DF_ALIGN_EYES:
        DF_TRY(df__align_eyes(photo->px, f, p->opts.expand, scratch, crop, err));
        break;
    case DF_ALIGN_NONE:
    case DF_ALIGNS:
        DF_TRY(df__align_none(photo->px, f, p->opts.expand, scratch, crop, err));
        break;
    }
done:
    return st;
}

df_status df__pipeline_crops(const df_pipeline *p, df_photo *photo, df_face_list *faces, df_arena *scratch, df_pixels **crops, df_error *err)
{
    df_status st = DF_OK;
    *crops = df__arena_calloc(scratch, faces->n, sizeof **crops);
    if (!*crops)
        return df__no_memory(err, "crops", faces->n * sizeof **crops);
    df_arena_mark mark = df__arena_mark(scratch);
    for (size_t i = 0; i < faces->n; i++) {
        double step;
        st = crop_of(p, photo, &faces->items[i], scratch, &(*crops)[i], &step, err);
        if (st != DF_OK) {
            df__prefix(err, "%s", photo->name);
            goto done;
        }
        if (photo->scale > 1 && step < 1) {
            /* The chip would be blown up although the file holds more: once more from the whole photo. */
            double scale = photo->scale;
            DF_TRY(df__photo_full(p->engine, photo, err));
            scale_faces(faces, scale);
            df__arena_release(scratch, mark);
            i = (size_t)-1; /* from the first face again */
        }
    }
done:
    return st;
}

/* Upstream's modules/detection.py: x = max(0, x), w = min(width - x - 1, w). */
static void clip_face(df_face *f, int width, int height)
{
    f->x = f->x > 0 ? f->x : 0;
    f->y = f->y > 0 ? f->y : 0;
    f->w = fmaxf(0, fminf((float)width - f->x - 1, f->w)); /* a box beside the photo is empty, where upstream's is negative */
    f->h = fmaxf(0, fminf((float)height - f->y - 1, f->h));
}

void df__pipeline_finish(const df_photo *photo, df_face_list *faces)
{
    if (photo->scale != 1)
        scale_faces(faces, photo->scale);
    for (size_t i = 0; i < faces->n; i++)
        clip_face(&faces->items[i], photo->width, photo->height);
}
