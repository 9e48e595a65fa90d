/* pipeline.c - options to models, photo to faces, faces to crops. */
#include "api/pipeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/options.h"
#include "core/threads.h"
#include "detect/list.h"
#include "detect/mosaic.h"
#include "detect/opencv.h"
#include "normalize/mask.h"
#include "verify/verify.h"

/* ---- loading ---- */

enum { LOADS = 5 };
typedef struct load { df_pipeline *p; bool network; df_status st[LOADS]; df_error err[LOADS]; } load;

/* Landmarks that are asked for, and those that the mask needs. */
static df_status load_landmarks(df_pipeline *p, df_error *err)
{
    df_status st = DF_OK;
    if (p->marks == DF_MESH_POINTS || p->outline == DF_MESH_POINTS)
        DF_TRY(df__engine_mesh(p->engine, &p->mesh, err));
    if (p->marks == 68 || p->outline == 68)
        DF_TRY(df__engine_predictor(p->engine, DF_PREDICTOR_68, &p->sp68, err));
done:
    return st;
}

/* Detector, network, predictor and landmarks are independent files: on a cold start they load side by side. */
static void load_one(void *arg, size_t i, int worker)
{
    load *l = arg;
    df_pipeline *p = l->p;
    (void)worker;
    const unsigned all = DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH, gives = p->detector == &df__detector_skip ? all : p->detector->gives;
    bool lacks_eyes = !(gives & DF_HAS_EYES), lacks_points = lacks_eyes || (p->align == DF_ALIGN_POINTS && (gives & all) != all);
    if (i == 0 && l->network)
        l->st[i] = df__engine_recogniser(p->engine, p->row, &p->net, &l->err[i]);
    if (i == 1)
        l->st[i] = df__engine_detector(p->engine, p->detector, &p->detector_self, &l->err[i]);
    if (i == 2 && lacks_eyes && p->align == DF_ALIGN_EYES && !p->detector->of_dlib)
        l->st[i] = df__engine_detector(p->engine, &df__detector_opencv, &p->eyes, &l->err[i]);
    else if (i == 2 && lacks_points)
        l->st[i] = df__engine_predictor(p->engine, DF_PREDICTOR_5, &p->sp, &l->err[i]);
    if (i == 3)
        l->st[i] = load_landmarks(p, &l->err[i]);
    if (i == 4)
        l->st[i] = df__filter_open(p, &l->err[i]);
}

df_status df__pipeline_open(df_engine *engine, const df_opts *opts, bool network, df_pipeline *out, df_error *err)
{
    df_status st = DF_OK;
    df_pipeline p = {.engine = engine};
    if (!engine)
        return df__fail(err, DF_E_ARGUMENT, "the engine is NULL");
    DF_TRY(df__opts_read(opts, &p.opts, err));
    p.detector = df__detector_find(p.opts.detector);
    DF_TRY(df__engine_row(engine, p.opts.model, &p.row, &p.chip, err));
    int align = df__align_find(p.opts.align), metric = df__metric_find(p.opts.metric), range = df__range_find(p.opts.normalization);
    if (!p.detector || align < 0 || metric < 0 || range < 0) /* the options table offers what the stages lack */
        return df__fail(err, DF_E_INTERNAL, "detector %s, align %s, metric %s or normalization %s is not known to its stage",
                        p.opts.detector, p.opts.align, p.opts.metric, p.opts.normalization);
    if (p.opts.tile > 0 && p.opts.tile < DF_MOSAIC_LEAST)
        return df__fail(err, DF_E_ARGUMENT, "tile: %d is neither 0 nor at least %d", p.opts.tile, DF_MOSAIC_LEAST);
    p.align = (df_align)align, p.metric = (df_metric)metric, p.range = (df_range)range;
    if (!isnan(p.opts.far) && !isnan(p.opts.threshold))
        return df__fail(err, DF_E_ARGUMENT, "threshold %g and far %g: give one of them", p.opts.threshold, p.opts.far);
    if (!isnan(p.opts.far)) { /* told before any work */
        double d;
        DF_TRY(df__threshold(p.row, p.align, p.metric, p.opts.far, &d, err));
    }
    p.flip = p.opts.flip && p.align == DF_ALIGN_POINTS;
    p.marks = atoi(p.opts.landmarks); /* "none" is 0 */
    p.outline = !p.opts.mask ? 0 : p.marks ? p.marks : DF_MESH_POINTS;
    load l = {.p = &p, .network = network};
    df__parallel_for(LOADS, engine->threads, load_one, &l);
    for (size_t i = 0; i < LOADS; i++)
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
    const bool all = p->opts.tile > 0 || p->marks || p->outline || p->opts.min_quality > 0 || p->opts.anti_spoofing;
    if (p->align != DF_ALIGN_POINTS || p->detector->side == 0 || all)
        return 0; /* upstream's crops, all landmarks, tiles and what faces are filtered by come from the photo at full scale */
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
df_face df__pipeline_box(const df_pipeline *p, const df_face *f)
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
        df_face box = df__pipeline_box(p, f);
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

static bool takes_whole_photo(const df_face *f) { return f->confidence == 0 && (f->has & (DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH)) == 0; }

bool df__pipeline_no_face(const df_pipeline *p, const df_face *f) { return takes_whole_photo(f) && p->detector != &df__detector_skip; }

/* Upstream's way with align=True: the detector looks at the photo in the middle of a black one of twice its sides (deepface 0.0.103
 * modules/detection.py detect_faces), which moves what it finds. */
static df_status detect_inside(const df_pipeline *p, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    const int left = px.width / 2, top = px.height / 2;
    df_pixels black;
    DF_TRY(df__pixels_in(scratch, px.width + 2 * left, px.height + 2 * top, &black, err));
    for (int y = 0; y < black.height; y++)
        memset(black.data + (size_t)y * black.stride, 0, 3 * (size_t)black.width);
    df__pixels_paste(black, left, top, px);
    DF_TRY(p->detector->detect(p->detector_self, black, params, scratch, out, err));
    for (size_t i = 0; i < out->n; i++) {
        df_face *f = &out->items[i];
        df_point *points[] = {&f->left_eye, &f->right_eye, &f->nose, &f->mouth_left, &f->mouth_right};
        f->x -= (float)left, f->y -= (float)top;
        for (size_t k = 0; k < sizeof points / sizeof *points; k++)
            points[k]->x -= (float)left, points[k]->y -= (float)top;
    }
done:
    return st;
}

static df_status find(const df_pipeline *p, const df_photo *photo, int threads, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_detect_params params = {.score = p->opts.score, .side = p->opts.detect_size, .threads = threads};
    const bool large = p->opts.tile > 0 && (photo->px.width > p->opts.tile || photo->px.height > p->opts.tile);
    const bool tiles = large && p->detector != &df__detector_skip;
    const bool border = !tiles && p->opts.border && p->align == DF_ALIGN_EYES && p->detector != &df__detector_skip;
    df_status st = tiles    ? df__mosaic_detect(p->detector, p->detector_self, photo->px, p->opts.tile, &params, scratch, out, err)
                   : border ? detect_inside(p, photo->px, &params, scratch, out, err)
                            : p->detector->detect(p->detector_self, photo->px, &params, scratch, out, err);
    if (st == DF_OK)
        keep_if_large(out, fmax(1, p->opts.min_face / photo->scale), photo->px.width, photo->px.height);
    return st;
}

static float best_score(const df_pipeline *p, const df_face_list *list)
{
    float best = 0;
    for (size_t i = 0; i < list->n; i++)
        best = fmaxf(best, p->detector->falls ? 1 - list->items[i].confidence : list->items[i].confidence);
    return best;
}

/* Some detectors find a face that stands on its head, with less of a score: the turn with the best face counts, not the first with one. The
 * photo stays turned that way for what follows, and df__pipeline_finish brings places back; without a face it ends as it was. */
static df_status find_turned(const df_pipeline *p, df_photo *photo, int threads, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    df_face_list found[4] = {{0}};
    int best = 0;
    for (int quarter = 1; quarter < 4; quarter++) {
        DF_TRY(df__photo_turn(photo, err));
        DF_TRY(find(p, photo, threads, scratch, &found[quarter], err));
        if (found[quarter].n > 0 && (best == 0 || best_score(p, &found[quarter]) > best_score(p, &found[best])))
            best = quarter;
    }
    while (photo->turn != best)
        DF_TRY(df__photo_turn(photo, err));
    df__face_list_free(out);
    *out = found[best], found[best] = (df_face_list){0};
done:
    for (int i = 0; i < 4; i++)
        df__face_list_free(&found[i]);
    return st;
}

df_status df__pipeline_detect(const df_pipeline *p, df_photo *photo, int threads, df_arena *scratch, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    bool turns = strcmp(p->opts.rotate, "auto") == 0;
    DF_TRY(find(p, photo, threads, scratch, out, err));
    if (turns && out->n == 0)
        DF_TRY(find_turned(p, photo, threads, scratch, out, err));
    if (p->opts.max_faces > 0 && out->n > (size_t)p->opts.max_faces) {
        qsort(out->items, out->n, sizeof *out->items, larger_first);
        out->n = (size_t)p->opts.max_faces;
    }
    if (out->n == 0 && p->opts.enforce)
        return df__fail(err, DF_E_NO_FACE, "%s: %s found no face in %d x %d pixels%s", photo->name, p->detector->name, photo->width,
                        photo->height, turns ? ", nor in them turned" : "");
    if (out->n == 0) {
        df_face whole = {.w = (float)photo->px.width, .h = (float)photo->px.height};
        DF_TRY(df__face_list_add(out, &whole, err));
    } else if ((p->sp || p->eyes) && !(p->detector->gives & DF_HAS_EYES)) {
        st = add_points(p, photo, out, scratch, err);
        if (st != DF_OK)
            df__prefix(err, "%s", photo->name);
    }
    if (st == DF_OK)
        st = df__filter_faces(p, photo, out, scratch, err);
done:
    return st;
}

df_look df__pipeline_look(const df_pipeline *p, const df_photo *photo, const df_face *f)
{
    return (df_look){.px = photo->px, .face = f, .map = &p->detector->dlib, .whole = takes_whole_photo(f), .align = p->align != DF_ALIGN_NONE,
                     .expand = p->opts.expand};
}

/* ---- align ---- */

static void scale_faces(df_face_list *list, double by)
{
    for (size_t i = 0; i < list->n; i++)
        df__face_move(&list->items[i], 0, 0, (float)by);
}

df_status df__pipeline_full(const df_pipeline *p, df_photo *photo, df_face_list *faces, df_error *err)
{
    double scale = photo->scale;
    df_status st = df__photo_full(p->engine, photo, err);
    if (st == DF_OK)
        scale_faces(faces, scale);
    return st;
}

/* `map`: from the crop's pixels to the photo's. */
static df_status crop_of(const df_pipeline *p, const df_photo *photo, const df_face *f, df_arena *scratch, df_pixels *crop, double map[6],
                         df_error *err)
{
    static const double as_it_is[6] = {1, 0, 0, 0, 1, 0};
    df_status st = DF_OK;
    double m[6];
    const df_face box = df__pipeline_box(p, f);
    const int width = photo->px.width, height = photo->px.height;
    memcpy(map, as_it_is, sizeof as_it_is);
    if (takes_whole_photo(f)) {
        *crop = photo->px;
        return DF_OK;
    }
    switch (p->align) {
    case DF_ALIGN_POINTS:
        DF_TRY(df__points_transform(photo->px, &box, p->chip, &p->detector->dlib, p->sp, scratch, m, err));
        DF_TRY(df__align_points(photo->px, p->chip, m, p->opts.expand, scratch, crop, err));
        df__align_points_map(p->chip, m, p->opts.expand, map);
        break;
    case DF_ALIGN_EYES:
        DF_TRY(df__align_eyes(photo->px, f, p->opts.expand, scratch, crop, err));
        df__align_eyes_map(width, height, f, p->opts.expand, map);
        break;
    case DF_ALIGN_NONE:
    case DF_ALIGNS:
        DF_TRY(df__align_none(photo->px, f, p->opts.expand, scratch, crop, err));
        df__align_none_map(width, height, f, p->opts.expand, map);
        break;
    }
done:
    return st;
}

/* ---- normalize ---- */

/* Black outside the outline of the face's landmarks. */
static df_status mask_crop(const df_pipeline *p, const df_photo *photo, const df_face *f, const double map[6], df_arena *scratch, df_pixels *crop,
                           df_error *err)
{
    df_status st = DF_OK;
    df_point marks[DF_MESH_POINTS];
    double whole = map[0] * map[4] - map[1] * map[3];
    if (crop->width == 0 || df__pipeline_no_face(p, f) || whole == 0)
        return DF_OK;
    if (crop->data == photo->px.data) { /* the photo itself stays whole */
        df_pixels own;
        DF_TRY(df__pixels_in(scratch, crop->width, crop->height, &own, err));
        df__pixels_paste(own, 0, 0, *crop);
        *crop = own;
    }
    DF_TRY(df__pipeline_landmarks(p, photo, f, p->outline, marks, scratch, err));
    for (int i = 0; i < p->outline; i++) {
        double x = (double)marks[i].x - map[2], y = (double)marks[i].y - map[5];
        marks[i] = (df_point){(float)((map[4] * x - map[1] * y) / whole), (float)((map[0] * y - map[3] * x) / whole)};
    }
    DF_TRY(df__mask(*crop, marks, (size_t)p->outline, scratch, err));
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
        double map[6];
        st = crop_of(p, photo, &faces->items[i], scratch, &(*crops)[i], map, err);
        if (st == DF_OK && p->outline)
            st = mask_crop(p, photo, &faces->items[i], map, scratch, &(*crops)[i], err);
        if (st != DF_OK) {
            df__prefix(err, "%s", photo->name);
            goto done;
        }
        double step = hypot(map[0], map[3]); /* pixels of the photo in one of the crop */
        if (p->align == DF_ALIGN_POINTS && photo->scale > 1 && step < 1 && !takes_whole_photo(&faces->items[i])) {
            /* The chip would be blown up although the file holds more: once more from the whole photo. */
            DF_TRY(df__pipeline_full(p, photo, faces, err));
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

/* A box keeps its sides along those of the photo when it is turned back. */
static void turn_back(const df_photo *photo, df_face *f)
{
    df_photo at_full_scale = *photo; /* the faces are already */
    at_full_scale.scale = 1;
    const df_point a = df__photo_point(&at_full_scale, (df_point){f->x, f->y});
    const df_point b = df__photo_point(&at_full_scale, (df_point){f->x + f->w, f->y + f->h});
    f->x = fminf(a.x, b.x), f->y = fminf(a.y, b.y), f->w = fabsf(b.x - a.x), f->h = fabsf(b.y - a.y);
    df_point *points[] = {&f->left_eye, &f->right_eye, &f->nose, &f->mouth_left, &f->mouth_right};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        *points[i] = df__photo_point(&at_full_scale, *points[i]);
}

void df__pipeline_finish(const df_photo *photo, df_face_list *faces)
{
    if (photo->scale != 1)
        scale_faces(faces, photo->scale);
    for (size_t i = 0; i < faces->n; i++) {
        clip_face(&faces->items[i], photo->width, photo->height);
        if (photo->turn)
            turn_back(photo, &faces->items[i]);
    }
}
