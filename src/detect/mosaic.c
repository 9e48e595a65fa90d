/* mosaic.c - a pyramid of tiles. On each level, from the photo itself to one that fits into a tile, halved each time, the detector sees one tile
 * after the other. A face belongs to the tile whose own part of the level, up to the middle of its overlaps, holds the face's centre: so no face
 * is reported twice on a level, and none up to the overlap's size is cut. Larger ones are left to the next level, where they are half as
 * large; what two levels both find is told by its overlap. */
#include "detect/mosaic.h"

#include <math.h>

#include "core/threads.h"
#include "detect/list.h"
#include "image/warp.h"

enum { MOST_LEVELS = 21 }; /* a side of 2^20 pixels becomes one */
static const double overlap = 0.4;

/* Tiles along one side of a level: they begin at i * step, the last at its end. */
typedef struct row { int side, tile, n; double step; } row;

static row row_of(int side, int tile)
{
    row r = {.side = side, .tile = tile < side ? tile : side, .n = 1};
    int lap = tile / 4;
    if (side > tile) {
        r.n = (side - lap + tile - lap - 1) / (tile - lap);
        r.step = (double)(side - tile) / (r.n - 1);
    }
    return r;
}

static int begin_of(const row *r, int i) { return (int)lround(i * r->step); }

/* Is `at`, in pixels of the level, in the part that tile i does not share? Outside of the photo counts to the outermost. */
static bool owns(const row *r, int i, double at)
{
    double from = i == 0 ? -(double)INFINITY : (begin_of(r, i - 1) + r->tile + begin_of(r, i)) / 2.0;
    double to = i == r->n - 1 ? (double)INFINITY : (begin_of(r, i) + r->tile + begin_of(r, i + 1)) / 2.0;
    return at >= from && at < to;
}

typedef struct level { df_pixels px; row across, down; double scale; bool last; } level;

typedef struct piece { const level *of; int column, row; df_face_list found; df_status st; df_error err; } piece;

typedef struct job {
    const df_detector_ops *ops;
    void            *self;
    df_detect_params params;
    int              tile;
    piece           *pieces;
    df_arena        *arenas; /* one a worker */
} job;

static void look(void *arg, size_t i, int worker)
{
    job *j = arg;
    piece *p = &j->pieces[i];
    const level *l = p->of;
    int x = begin_of(&l->across, p->column), y = begin_of(&l->down, p->row);
    df_arena_mark mark = df__arena_mark(&j->arenas[worker]);
    df_pixels view = df__pixels_view(l->px, x, y, l->across.tile, l->down.tile);
    p->st = j->ops->detect(j->self, view, &j->params, &j->arenas[worker], &p->found, &p->err);
    df__arena_release(&j->arenas[worker], mark);
    if (p->st != DF_OK)
        return;
    size_t kept = 0;
    float most = (float)(j->tile / 4);
    for (size_t k = 0; k < p->found.n; k++) {
        df_face f = p->found.items[k];
        bool small = l->last || (f.w <= most && f.h <= most);
        if (!small || !owns(&l->across, p->column, x + (double)f.x + (double)f.w / 2) || !owns(&l->down, p->row, y + (double)f.y + (double)f.h / 2))
            continue;
        df__face_move(&f, (float)x, (float)y, (float)l->scale);
        p->found.items[kept++] = f;
    }
    p->found.n = kept;
}

/* The photo, halved until it fits into a tile. Levels behind the first lie in `scratch`. */
static df_status build(df_pixels px, int tile, level *levels, size_t *n, size_t *pieces, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    *n = *pieces = 0;
    for (double scale = 1;; scale *= 2) {
        level *l = &levels[(*n)++];
        *l = (level){.px = px, .across = row_of(px.width, tile), .down = row_of(px.height, tile), .scale = scale};
        *pieces += (size_t)l->across.n * (size_t)l->down.n;
        l->last = (l->across.n == 1 && l->down.n == 1) || *n == MOST_LEVELS;
        if (l->last)
            break;
        DF_TRY(df__pixels_in(scratch, (px.width + 1) / 2, (px.height + 1) / 2, &px, err));
        DF_TRY(df__resize(l->px, px, DF_AREA, scratch, err));
    }
done:
    return st;
}

static df_status gather(job *j, size_t n, df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    size_t first = out->n;
    for (size_t i = 0; i < n; i++) {
        const piece *p = &j->pieces[i];
        if (p->st != DF_OK && err)
            *err = p->err;
        DF_TRY(p->st);
        for (size_t k = 0; k < p->found.n; k++)
            DF_TRY(df__face_list_add(out, &p->found.items[k], err));
    }
    df__face_list_flip(out, first, j->ops->falls);
    DF_TRY(df__face_list_sort(out, first, err));
    DF_TRY(df__face_list_suppress(out, first, &(df_suppression){.limit = overlap}, err));
    df__face_list_flip(out, first, j->ops->falls);
done:
    return st;
}

df_status df__mosaic_detect(const df_detector_ops *ops, void *self, df_pixels px, int tile, const df_detect_params *params, df_arena *scratch,
                            df_face_list *out, df_error *err)
{
    df_status st = DF_OK;
    level levels[MOST_LEVELS];
    job j = {.ops = ops, .self = self, .params = *params, .tile = tile};
    size_t n_levels, n = 0, at = 0;
    int threads = params->threads > 1 ? params->threads : 1;
    if (tile < DF_MOSAIC_LEAST)
        return df__fail(err, DF_E_ARGUMENT, "tile: %d pixels, the least is %d", tile, DF_MOSAIC_LEAST);
    df_arena_mark mark = df__arena_mark(scratch);
    DF_TRY(build(px, tile, levels, &n_levels, &n, scratch, err));
    threads = (size_t)threads > n ? (int)n : threads;
    j.params.threads = threads > 1 ? 1 : params->threads;
    j.pieces = df__arena_calloc(scratch, n, sizeof *j.pieces);
    j.arenas = df__arena_calloc(scratch, (size_t)threads, sizeof *j.arenas);
    if (!j.pieces || !j.arenas) {
        n = 0, threads = 0;
        DF_TRY(df__no_memory(err, "tiles", n * sizeof *j.pieces));
    }
    for (size_t l = 0; l < n_levels; l++)
        for (int i = 0; i < levels[l].across.n * levels[l].down.n; i++)
            j.pieces[at++] = (piece){.of = &levels[l], .column = i % levels[l].across.n, .row = i / levels[l].across.n};
    df__parallel_for(n, threads, look, &j);
    DF_TRY(gather(&j, n, out, err));
done:
    for (size_t i = 0; j.pieces && i < n; i++)
        df__face_list_free(&j.pieces[i].found);
    for (int i = 0; j.arenas && i < threads; i++)
        df__arena_free(&j.arenas[i]);
    df__arena_release(scratch, mark);
    return st;
}
