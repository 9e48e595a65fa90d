/* haar_group.c - like windows become one box: OpenCV's groupRectangles, with the pairs to compare found along y instead of all with all. */
#include <math.h>
#include <stdlib.h>

#include "detect/haar.h"

static const double apart = 0.2; /* of a window's sides: GROUP_EPS */

typedef struct group { int64_t x, y, w, h; int n; df_haar_box mean; } group;
typedef struct place { int y; uint32_t index; } place;

static bool alike(const df_haar_box *a, const df_haar_box *b)
{
    double far = apart * ((a->w < b->w ? a->w : b->w) + (a->h < b->h ? a->h : b->h)) * 0.5;
    return abs(a->x - b->x) <= far && abs(a->y - b->y) <= far && abs(a->x + a->w - b->x - b->w) <= far &&
           abs(a->y + a->h - b->y - b->h) <= far;
}

static uint32_t root_of(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

static int by_y(const void *a, const void *b)
{
    const place *p = a, *q = b;
    return p->y != q->y ? (p->y > q->y) - (p->y < q->y) : (p->index > q->index) - (p->index < q->index);
}

/* parent[i]: the first window of the chain of like windows that window i belongs to. */
static void join(const df_haar_boxes *b, place *order, uint32_t *parent)
{
    for (uint32_t i = 0; i < b->n; i++)
        parent[i] = i, order[i] = (place){b->items[i].y, i};
    qsort(order, b->n, sizeof *order, by_y);
    for (size_t i = 0; i < b->n; i++) {
        const df_haar_box *a = &b->items[order[i].index];
        double far = apart * (a->w + a->h) * 0.5;
        for (size_t k = i + 1; k < b->n && order[k].y - order[i].y <= far; k++) {
            if (!alike(a, &b->items[order[k].index]))
                continue;
            uint32_t p = root_of(parent, order[i].index), q = root_of(parent, order[k].index);
            parent[p > q ? p : q] = p < q ? p : q;
        }
    }
}

/* OpenCV divides by a float and rounds half to even. */
static void set_mean(group *g)
{
    float s = 1.0f / (float)g->n;
    g->mean.x = (int)lrintf((float)g->x * s), g->mean.y = (int)lrintf((float)g->y * s);
    g->mean.w = (int)lrintf((float)g->w * s), g->mean.h = (int)lrintf((float)g->h * s);
}

/* Does `big` hold `a`, give or take a fifth of its sides? */
static bool holds(const df_haar_box *big, const df_haar_box *a)
{
    int dx = (int)lrint(big->w * apart), dy = (int)lrint(big->h * apart);
    return a->x >= big->x - dx && a->y >= big->y - dy && a->x + a->w <= big->x + big->w + dx && a->y + a->h <= big->y + big->h + dy;
}

/* Groups in the order in which their first windows come. Returns how many. */
static size_t collect(const df_haar_boxes *b, uint32_t *parent, uint32_t *number, group *groups)
{
    size_t n = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        const df_haar_box *a = &b->items[i];
        uint32_t root = root_of(parent, i);
        if (root == i) {
            number[i] = (uint32_t)n;
            groups[n++] = (group){.mean.weight = a->weight};
        }
        group *g = &groups[number[root]];
        g->x += a->x, g->y += a->y, g->w += a->w, g->h += a->h;
        g->n++;
        g->mean.weight = fmax(g->mean.weight, a->weight);
    }
    for (size_t i = 0; i < n; i++)
        set_mean(&groups[i]);
    return n;
}

df_status df__haar_group(df_haar_boxes *boxes, int neighbours, df_arena *scratch, df_error *err)
{
    size_t n = boxes->n, kept = 0;
    if (n == 0 || neighbours <= 0)
        return DF_OK;
    place *order = df__arena_calloc(scratch, n, sizeof *order);
    uint32_t *parent = df__arena_calloc(scratch, 2 * n, sizeof *parent);
    group *groups = df__arena_calloc(scratch, n, sizeof *groups);
    if (!order || !parent || !groups)
        return df__no_memory(err, "groups of windows", n * (sizeof *order + 2 * sizeof *parent + sizeof *groups));
    join(boxes, order, parent);
    size_t n_groups = collect(boxes, parent, parent + n, groups), n_strong = 0;
    uint32_t *strong = parent;
    for (uint32_t i = 0; i < n_groups; i++)
        if (groups[i].n > neighbours)
            strong[n_strong++] = i;
    for (size_t i = 0; i < n_groups; i++) {
        int size = groups[i].n;
        bool keep = size > neighbours;
        for (size_t k = 0; keep && k < n_strong; k++) {
            const group *g = &groups[strong[k]];
            if (strong[k] != i && (g->n > (size > 3 ? size : 3) || size < 3))
                keep = !holds(&g->mean, &groups[i].mean);
        }
        if (keep)
            boxes->items[kept++] = groups[i].mean;
    }
    boxes->n = kept;
    return DF_OK;
}
