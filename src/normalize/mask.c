/* mask.c - the convex outline of a face's landmarks, and black outside it.
 * Convex, because the points of the face's rim (jaw and brows of dlib's 68, the oval of the mesh) fold back on themselves where a face looks
 * to the side, and the nose then stands out of them: the outline of all points follows the face from every side. */
#include "normalize/mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_place(const void *a, const void *b)
{
    const df_point *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return (p->y > q->y) - (p->y < q->y);
}

/* Twice the area of the triangle, positive where a, b, c turn with the clock (y points down). */
static double turn(df_point a, df_point b, df_point c)
{
    return ((double)b.x - (double)a.x) * ((double)c.y - (double)a.y) - ((double)b.y - (double)a.y) * ((double)c.x - (double)a.x);
}

/* Andrew's monotone chain (1979). `out` has room for 2 n; the corners in order round the outline. */
static size_t outline_of(df_point *points, size_t n, df_point *out)
{
    size_t k = 0;
    qsort(points, n, sizeof *points, by_place);
    for (size_t i = 0; i < n; i++) {
        while (k >= 2 && turn(out[k - 2], out[k - 1], points[i]) <= 0)
            k--;
        out[k++] = points[i];
    }
    for (size_t i = n - 1, lower = k + 1; i-- > 0;) {
        while (k >= lower && turn(out[k - 2], out[k - 1], points[i]) <= 0)
            k--;
        out[k++] = points[i];
    }
    return k > 1 ? k - 1 : k; /* the first came again */
}

/* Where row y crosses the outline: [*from, *to], empty where *from > *to. */
static void span_of(const df_point *corners, size_t n, double y, double *from, double *to)
{
    *from = INFINITY, *to = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        df_point a = corners[i], b = corners[(i + 1) % n];
        double ay = (double)a.y, by = (double)b.y;
        if ((y < ay && y < by) || (y > ay && y > by))
            continue;
        double x = ay == by ? (double)a.x : (double)a.x + ((double)b.x - (double)a.x) * (y - ay) / (by - ay);
        *from = fmin(*from, x), *to = fmax(*to, x);
        if (ay == by)
            *from = fmin(*from, (double)b.x), *to = fmax(*to, (double)b.x);
    }
}

df_status df__mask(df_pixels crop, const df_point *points, size_t n, df_arena *scratch, df_error *err)
{
    df_arena_mark mark = df__arena_mark(scratch);
    df_point *sorted = df__arena_calloc(scratch, n + 1, sizeof *sorted), *corners = df__arena_calloc(scratch, 2 * n + 1, sizeof *corners);
    if (!sorted || !corners)
        return df__no_memory(err, "mask", 3 * n * sizeof *corners);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(points[i].x) || !isfinite(points[i].y))
            return df__fail(err, DF_E_ARGUMENT, "mask: point %zu of the outline is no number", i);
        sorted[i] = points[i];
    }
    size_t k = n ? outline_of(sorted, n, corners) : 0;
    for (int y = 0; y < crop.height; y++) {
        uint8_t *row = crop.data + (size_t)y * crop.stride;
        double from, to;
        span_of(corners, k, y, &from, &to);
        double first = fmax(0, ceil(from)), last = fmin(crop.width - 1, floor(to));
        if (first > last) {
            memset(row, 0, 3 * (size_t)crop.width);
            continue;
        }
        memset(row, 0, 3 * (size_t)first);
        memset(row + 3 * ((size_t)last + 1), 0, 3 * ((size_t)crop.width - 1 - (size_t)last));
    }
    df__arena_release(scratch, mark);
    return DF_OK;
}
