/* stages.c - one picture of what the pipeline does to a face: the photo, the face found, the aligned crop, what the mask leaves of it, and what
 * the network sees, side by side. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/pipeline.h"
#include "core/options.h"
#include "detect/list.h"
#include "image/draw.h"
#include "image/warp.h"
#include "normalize/normalize.h"

enum { TILES = 5, TALL = 360, WIDEST = 640, GAP = 16, TEXT = 20, ROW = TEXT + 2 * GAP };
static const df_colour paper = {24, 26, 32}, ink = {230, 232, 238}, note = {150, 156, 168};

typedef struct tile { df_pixels px; const char *name; char size[48]; } tile;

/* Scaled to the height of the row, or to WIDEST. */
static df_status fit(df_pixels px, df_arena *scratch, df_pixels *out, df_error *err)
{
    df_status st = DF_OK;
    double k = fmin((double)TALL / px.height, (double)WIDEST / px.width);
    int w = (int)fmax(1, round(px.width * k)), h = (int)fmax(1, round(px.height * k));
    DF_TRY(df__pixels_in(scratch, w, h, out, err));
    DF_TRY(df__resize(px, *out, k < 1 ? DF_AREA : DF_CUBIC, scratch, err));
done:
    return st;
}

static df_status copy(df_pixels px, df_arena *scratch, df_pixels *out, df_error *err)
{
    df_status st = df__pixels_in(scratch, px.width, px.height, out, err);
    if (st == DF_OK)
        df__pixels_paste(*out, 0, 0, px);
    return st;
}

/* The range that the network gets has numbers below 0 and above 1: the least is shown black, the greatest white. */
static df_status network_input(const df_pipeline *p, df_pixels crop, df_arena *scratch, df_pixels *out, df_error *err)
{
    df_status st = DF_OK;
    int w = p->row->width, h = p->row->height;
    size_t n = 3 * (size_t)w * (size_t)h;
    float *bgr = df__arena_alloc(scratch, n * sizeof *bgr), least = INFINITY, most = -INFINITY;
    if (!bgr)
        return df__no_memory(err, "network input", n * sizeof *bgr);
    DF_TRY(df__pixels_in(scratch, w, h, out, err));
    df__letterbox(crop, w, h, bgr);
    df__range_apply(bgr, n, p->range);
    for (size_t i = 0; i < n; i++)
        least = fminf(least, bgr[i]), most = fmaxf(most, bgr[i]);
    float k = most > least ? 255 / (most - least) : 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 3; c++)
                out->data[(size_t)y * out->stride + 3 * (size_t)x + (size_t)c] =
                    (uint8_t)lroundf((bgr[3 * ((size_t)y * (size_t)w + (size_t)x) + 2 - (size_t)c] - least) * k);
done:
    return st;
}

/* The photo with the faces marked on it. Places are of the scaled picture, so that lines are as thick whatever the photo. */
static df_status detected(const df_photo *photo, const df_faces *faces, df_pixels original, df_arena *scratch, df_pixels *out, df_error *err)
{
    df_status st = DF_OK;
    df_faces small = {.list = {faces->list.items, faces->list.n, faces->list.n}, .n_marks = faces->n_marks};
    float k = (float)original.width / (float)photo->px.width;
    DF_TRY(copy(original, scratch, out, err));
    small.list.items = df__arena_calloc(scratch, faces->list.n, sizeof *small.list.items);
    small.marks = df__arena_calloc(scratch, faces->list.n * faces->n_marks + 1, sizeof *small.marks);
    if (!small.list.items || !small.marks)
        DF_TRY(df__no_memory(err, "faces", faces->list.n * sizeof *small.list.items));
    for (size_t i = 0; i < faces->list.n; i++) {
        small.list.items[i] = faces->list.items[i];
        df__face_move(&small.list.items[i], 0, 0, k);
    }
    for (size_t i = 0; i < faces->list.n * faces->n_marks; i++)
        small.marks[i] = (df_point){faces->marks[i].x * k, faces->marks[i].y * k};
    df_image view = {*out};
    DF_TRY(df_draw_faces(&view, &small, NULL, err));
done:
    return st;
}

static df_status compose(const tile *tiles, df_image **out, df_error *err)
{
    df_status st = DF_OK;
    df_image *img = NULL;
    int width = GAP, x = GAP, at[TILES];
    const df_pixels nowhere = {0};
    for (int i = 0; i < TILES; i++) {
        double name = df__draw_text(nowhere, 0, 0, TEXT, tiles[i].name, ink), size = df__draw_text(nowhere, 0, 0, TEXT - 6, tiles[i].size, note);
        at[i] = (int)fmax(tiles[i].px.width, ceil(fmax(name, size)));
        width += at[i] + GAP;
    }
    img = calloc(1, sizeof *img);
    if (!img)
        return df__no_memory(err, "picture", sizeof *img);
    DF_TRY(df__pixels_new(width, TALL + ROW + TEXT + 2 * GAP, &img->px, err));
    df__draw_fill(img->px, 0, 0, img->px.width, img->px.height, paper, 1);
    for (int i = 0; i < TILES; x += at[i++] + GAP) {
        df__draw_text(img->px, x, GAP, TEXT, tiles[i].name, ink);
        df__pixels_paste(img->px, x + (at[i] - tiles[i].px.width) / 2, ROW + (TALL - tiles[i].px.height) / 2, tiles[i].px);
        df__draw_text(img->px, x, ROW + TALL + GAP / 2, TEXT - 6, tiles[i].size, note);
    }
    *out = img, img = NULL;
done:
    df_image_free(img);
    return st;
}

/* The face that the other stages show: the one with the largest box. */
static size_t largest(const df_face_list *list)
{
    size_t best = 0;
    for (size_t i = 1; i < list->n; i++)
        if ((double)list->items[i].w * list->items[i].h > (double)list->items[best].w * list->items[best].h)
            best = i;
    return best;
}

static df_status stages(df_pipeline *p, df_photo *photo, df_faces *faces, df_arena *scratch, df_image **out, df_error *err)
{
    df_status st = DF_OK;
    tile tiles[TILES] = {{.name = "photo"}, {.name = "detected"}, {.name = "aligned"}, {.name = "masked"}, {.name = "network input"}};
    df_pixels *crops, aligned, input;
    df_face_list one = {0};
    const int outline = p->outline;
    size_t face;
    DF_TRY(df__pipeline_detect(p, photo, p->engine->threads, scratch, &faces->list, err));
    DF_TRY(df__faces_mark(p, photo, faces, scratch, err));
    DF_TRY(fit(photo->px, scratch, &tiles[0].px, err));
    DF_TRY(detected(photo, faces, tiles[0].px, scratch, &tiles[1].px, err));
    static const char *const turns[4] = {"", ", turned by 90", ", turned by 180", ", turned by 270"};
    snprintf(tiles[0].size, sizeof tiles[0].size, "%d x %d%s", photo->px.width, photo->px.height, turns[photo->turn]);
    face = largest(&faces->list);
    snprintf(tiles[1].size, sizeof tiles[1].size, "%zu face%s, score %.2f", faces->list.n, faces->list.n == 1 ? "" : "s",
             (double)faces->list.items[face].confidence);
    DF_TRY(df__face_list_add(&one, &faces->list.items[face], err));
    p->outline = 0;
    st = df__pipeline_crops(p, photo, &one, scratch, &crops, err);
    p->outline = outline;
    DF_TRY(st);
    aligned = crops[0];
    if (aligned.width == 0)
        DF_TRY(df__fail(err, DF_E_NO_FACE, "%s: the largest face has no pixels on the photo", photo->name));
    DF_TRY(df__pipeline_crops(p, photo, &one, scratch, &crops, err));
    DF_TRY(network_input(p, p->opts.mask ? crops[0] : aligned, scratch, &input, err));
    DF_TRY(fit(aligned, scratch, &tiles[2].px, err));
    DF_TRY(fit(crops[0], scratch, &tiles[3].px, err));
    DF_TRY(fit(input, scratch, &tiles[4].px, err));
    snprintf(tiles[2].size, sizeof tiles[2].size, "%d x %d, %s", aligned.width, aligned.height, df__align_name(p->align));
    snprintf(tiles[3].size, sizeof tiles[3].size, "outline of %d points%s", outline, p->opts.mask ? "" : ", not in use");
    snprintf(tiles[4].size, sizeof tiles[4].size, "%s: %d x %d, %s", p->row->name, input.width, input.height, p->opts.normalization);
    DF_TRY(compose(tiles, out, err));
done:
    df__face_list_free(&one);
    return st;
}

static df_status open_and_run(df_engine *engine, const char *path, const df_image *img, const df_opts *opts, df_image **out, df_error *err)
{
    df_status st = DF_OK;
    df_pipeline p;
    df_photo photo = {0};
    df_arena scratch = {0};
    df_faces faces = {0};
    df_opts wanted;
    if (!out)
        return df__fail(err, DF_E_ARGUMENT, "df_stages: out is NULL");
    *out = NULL;
    DF_TRY(df__opts_read(opts, &wanted, err));
    bool mask = wanted.mask;
    wanted.mask = true; /* the models of every stage that is shown */
    DF_TRY(df__pipeline_open(engine, &wanted, false, &p, err));
    p.opts.mask = mask;
    DF_TRY(df__pipeline_photo(&p, path, img, &photo, err));
    DF_TRY(stages(&p, &photo, &faces, &scratch, out, err));
done:
    free(faces.marks);
    df__face_list_free(&faces.list);
    df__arena_free(&scratch);
    df__photo_close(&photo);
    return st;
}

df_status df_stages(df_engine *engine, const char *path, const df_opts *opts, df_image **out, df_error *err)
{
    return open_and_run(engine, path, NULL, opts, out, err);
}

df_status df_stages_image(df_engine *engine, const df_image *img, const df_opts *opts, df_image **out, df_error *err)
{
    return open_and_run(engine, NULL, img, opts, out, err);
}
