/* hog_faces.c - boxes of windows, and which of them are one face. */
#include "detect/hog_faces.h"

#include <math.h>
#include <stdlib.h>

#include "detect/fhog.h"

/* ---- boxes: dlib 19.24 image_transforms/image_pyramid.h, fhog.h ---- */

static double point_up(double v) { return v * (6 / 5.0) + 0.3; }

/* Pixel in the middle of a cell of the map of responses. */
static long pixel_of(int cell)
{
    int p = (cell + 1 - (DF_HOG_SIDE - 1) / 2) * DF_FHOG_CELL + 1;
    return p + (p < 0 ? -DF_FHOG_CELL / 2 : DF_FHOG_CELL / 2);
}

static long up(long v, int levels)
{
    double at = (double)v;
    for (int i = 0; i < levels; i++)
        at = point_up(at);
    return lround(at);
}

static df_hog_face face_of(const df_hog_window *w)
{
    return (df_hog_face){.score = w->score, .filter = w->filter,
                         .left = up(pixel_of(w->x), w->level), .right = up(pixel_of(w->x + DF_HOG_SIDE - 1), w->level),
                         .top = up(pixel_of(w->y), w->level), .bottom = up(pixel_of(w->y + DF_HOG_SIDE - 1), w->level)};
}

void df__hog_face_halve(df_hog_face *f)
{
    f->left = lround((double)f->left / 2.0 - 1.25), f->right = lround((double)f->right / 2.0 - 1.25);
    f->top = lround((double)f->top / 2.0 - 0.75), f->bottom = lround((double)f->bottom / 2.0 - 0.75);
}

/* ---- one face a heap: dlib 19.24 image_processing/box_overlap_testing.h ---- */

static double area(long left, long top, long right, long bottom)
{
    return right < left || bottom < top ? 0 : (double)(right - left + 1) * (double)(bottom - top + 1);
}

static long least_of(long a, long b) { return a < b ? a : b; }
static long most_of(long a, long b) { return a > b ? a : b; }

/* "Union" is the box around both. */
static bool same_face(const df_dlib_hog *hog, const df_hog_face *a, const df_hog_face *b)
{
    double both = area(most_of(a->left, b->left), most_of(a->top, b->top), least_of(a->right, b->right), least_of(a->bottom, b->bottom));
    if (both == 0)
        return false;
    double around = area(least_of(a->left, b->left), least_of(a->top, b->top), most_of(a->right, b->right), most_of(a->bottom, b->bottom));
    return both / around > hog->overlap || both / area(a->left, a->top, a->right, a->bottom) > hog->covered ||
           both / area(b->left, b->top, b->right, b->bottom) > hog->covered;
}

/* Best first; windows of one score in the order of the scan, so that threads do not matter. */
static int better_first(const void *a, const void *b)
{
    const df_hog_window *p = a, *q = b;
    if (p->score != q->score)
        return p->score < q->score ? 1 : -1;
    if (p->filter != q->filter)
        return p->filter - q->filter;
    if (p->level != q->level)
        return p->level - q->level;
    return p->y != q->y ? p->y - q->y : p->x - q->x;
}

df_status df__hog_faces(const df_dlib_hog *hog, df_hog_windows *windows, df_arena *scratch, df_hog_face **faces, size_t *n, df_error *err)
{
    size_t kept = 0;
    *faces = df__arena_calloc(scratch, windows->n, sizeof **faces);
    if (!*faces)
        return df__no_memory(err, "list of faces", windows->n * sizeof **faces);
    if (windows->n)
        qsort(windows->items, windows->n, sizeof *windows->items, better_first);
    for (size_t i = 0; i < windows->n; i++) {
        df_hog_face f = face_of(&windows->items[i]);
        bool keep = true;
        for (size_t k = 0; keep && k < kept; k++)
            keep = !same_face(hog, &(*faces)[k], &f);
        if (keep)
            (*faces)[kept++] = f;
    }
    *n = kept;
    return DF_OK;
}
