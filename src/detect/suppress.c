/* suppress.c - non-maximum suppression whose time grows with the boxes, not with their square.
 * Kept boxes hang in a table under their size, a power of two of the longer side, and the cell of that size which holds their centre. Two boxes
 * whose intersection is more than a share t of their union are within 1 / t of each other's sides, and their centres within half the sum of the
 * sides: a few cells of a few sizes hold all that can suppress a box, and in a cell are few, since those that are kept do not overlap. */
#include <math.h>
#include <stdlib.h>

#include "detect/list.h"

enum { FEW = 64, LEAST_SIZE = -6, MOST_SIZE = 24, MOST_REACH = 4 }; /* sizes are powers of two */

/* heads, next: places in the list, from 1; 0 is none. */
typedef struct table { const df_suppression *rule; size_t *heads, *next, mask; int reach; bool empty; } table; /* empty: a box without a pixel is kept */

/* ---- how boxes overlap ---- */

/* The box whose plain overlap is the rule's. */
static df_face counted(const df_suppression *rule, const df_face *f)
{
    switch (rule->overlap) {
    case DF_OVERLAP_CLOSED:
        return (df_face){.x = f->x, .y = f->y, .w = f->w + 1, .h = f->h + 1};
    case DF_OVERLAP_WHOLE:
        return (df_face){.x = truncf(f->x), .y = truncf(f->y), .w = truncf(f->w), .h = truncf(f->h)};
    case DF_OVERLAP_PLAIN:
        break;
    }
    return *f;
}

static bool goes(const df_suppression *rule, double overlap) { return rule->at_limit ? overlap >= rule->limit : overlap > rule->limit; }

/* To OpenCV, two boxes without a pixel are one. */
static bool no_pixel(const df_suppression *rule, const df_face *box) { return rule->overlap == DF_OVERLAP_WHOLE && !(box->w * box->h > 0); }

static bool overlaps(const df_suppression *rule, const df_face *kept, const df_face *box)
{
    const df_face other = counted(rule, kept);
    return goes(rule, no_pixel(rule, box) && no_pixel(rule, &other) ? 1 : df__face_overlap(&other, box));
}

/* ---- the table; `f` is the box as it is counted ---- */

static double longer(const df_face *f) { return fmax((double)f->w, (double)f->h); }
static double centre_x(const df_face *f) { return (double)f->x + (double)f->w / 2; }
static double centre_y(const df_face *f) { return (double)f->y + (double)f->h / 2; }

/* The power of two above the longer side. */
static int size_of(const df_face *f)
{
    int e;
    frexp(longer(f), &e);
    return e > LEAST_SIZE ? e : LEAST_SIZE;
}

static bool fits(const df_face *f)
{
    const double far = ldexp(1, MOST_SIZE);
    return fabs(centre_x(f)) < far && fabs(centre_y(f)) < far && longer(f) >= 0 && longer(f) < far; /* false for what is no number */
}

static int64_t cell_of(double at, int size) { return (int64_t)floor(ldexp(at, -size)); }

static size_t head_of(const table *t, int size, int64_t column, int64_t row)
{
    const uint64_t odd = 0x9E3779B97F4A7C15u;
    uint64_t h = (uint64_t)column * odd;
    h = (h ^ (h >> 29) ^ (uint64_t)row) * odd;
    h = (h ^ (h >> 32) ^ (uint64_t)(size - LEAST_SIZE)) * odd;
    return (size_t)(h >> 20) & t->mask;
}

static bool overlaps_cell(const table *t, const df_face *items, size_t head, const df_face *f)
{
    for (size_t k = t->heads[head]; k; k = t->next[k - 1])
        if (overlaps(t->rule, &items[k - 1], f))
            return true;
    return false;
}

static bool overlaps_size(const table *t, const df_face *items, int size, const df_face *f)
{
    double half = (longer(f) + ldexp(1, size)) / 2, x = centre_x(f), y = centre_y(f);
    int64_t right = cell_of(x + half, size), bottom = cell_of(y + half, size);
    for (int64_t row = cell_of(y - half, size); row <= bottom; row++)
        for (int64_t column = cell_of(x - half, size); column <= right; column++)
            if (overlaps_cell(t, items, head_of(t, size, column, row), f))
                return true;
    return false;
}

static bool overlaps_table(const table *t, const df_face *items, const df_face *f)
{
    int own = size_of(f);
    bool found = no_pixel(t->rule, f) && t->empty && goes(t->rule, 1);
    found = found || overlaps_size(t, items, own, f); /* most likely there */
    for (int size = own - t->reach; size <= own + t->reach && !found; size++)
        found = size != own && size >= LEAST_SIZE && overlaps_size(t, items, size, f);
    return found;
}

/* Box `place` of the list is kept. */
static void hang(table *t, size_t place, const df_face *f)
{
    int size = size_of(f);
    size_t head = head_of(t, size, cell_of(centre_x(f), size), cell_of(centre_y(f), size));
    t->next[place] = t->heads[head], t->heads[head] = place + 1;
    t->empty = t->empty || no_pixel(t->rule, f);
}

static df_status table_new(const df_suppression *rule, const df_face *items, size_t n, table *t, df_error *err)
{
    *t = (table){.rule = rule, .mask = 63, .reach = rule->limit > 0 && rule->limit < 1 ? (int)ceil(-log2(rule->limit)) + 1 : MOST_REACH + 1};
    bool plain = n <= FEW || t->reach > MOST_REACH;
    for (size_t i = 0; i < n && !plain; i++) {
        const df_face box = counted(rule, &items[i]);
        plain = !fits(&box);
    }
    if (plain)
        return DF_OK; /* every pair */
    while (t->mask < n)
        t->mask = 2 * t->mask + 1;
    t->heads = calloc(t->mask + 1 + n, sizeof *t->heads);
    if (!t->heads)
        return df__no_memory(err, "suppression of faces", (t->mask + 1 + n) * sizeof *t->heads);
    t->next = t->heads + t->mask + 1;
    return DF_OK;
}

static bool overlaps_any(const df_suppression *rule, const df_face *kept, size_t n, const df_face *f)
{
    for (size_t k = 0; k < n; k++)
        if (overlaps(rule, &kept[k], f))
            return true;
    return false;
}

df_status df__face_list_suppress(df_face_list *list, size_t from, const df_suppression *rule, df_error *err)
{
    df_face *items = list->items ? list->items + from : NULL;
    size_t n = list->n - from, kept = 0;
    table t;
    if (rule->most_before && n > rule->most_before)
        n = rule->most_before;
    df_status st = table_new(rule, items, n, &t, err);
    if (st != DF_OK)
        return st;
    for (size_t i = 0; i < n && (!rule->most_after || kept < rule->most_after); i++) {
        const df_face box = counted(rule, &items[i]);
        if (t.heads ? overlaps_table(&t, items, &box) : overlaps_any(rule, items, kept, &box))
            continue;
        items[kept] = items[i];
        if (t.heads)
            hang(&t, kept, &box);
        kept++;
    }
    list->n = from + kept;
    free(t.heads);
    return DF_OK;
}
