/* mtcnn_boxes.c - order, overlap, squares. */
#include "detect/mtcnn_boxes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

df_status df__mtcnn_reserve(df_mtcnn_boxes *list, size_t n, df_error *err)
{
    if (n <= list->cap - list->n)
        return DF_OK;
    size_t cap = list->n + n > 2 * list->cap ? list->n + n : 2 * list->cap;
    df_mtcnn_box *items = cap > SIZE_MAX / sizeof *items ? NULL : realloc(list->items, cap * sizeof *items);
    if (!items)
        return df__no_memory(err, "list of boxes", cap * sizeof *items);
    list->items = items;
    list->cap = cap;
    return DF_OK;
}

df_status df__mtcnn_add(df_mtcnn_boxes *list, const df_mtcnn_box *box, df_error *err)
{
    df_status st = list->n == list->cap ? df__mtcnn_reserve(list, 64, err) : DF_OK;
    if (st == DF_OK)
        list->items[list->n++] = *box;
    return st;
}

void df__mtcnn_free(df_mtcnn_boxes *list)
{
    free(list->items);
    *list = (df_mtcnn_boxes){0};
}

/* ---- suppression ---- */

typedef struct place { double key; size_t index; } place;

/* Of equal scores the earlier box comes first; the package leaves that to its sort. */
static int by_score(const void *a, const void *b)
{
    const place *p = a, *q = b;
    if (p->key != q->key)
        return p->key > q->key ? -1 : 1;
    return p->index < q->index ? -1 : p->index > q->index;
}

static int by_left(const void *a, const void *b)
{
    const place *p = a, *q = b;
    if (p->key != q->key)
        return p->key < q->key ? -1 : 1;
    return p->index < q->index ? -1 : p->index > q->index;
}

static double area_of(const df_mtcnn_box *b, double end) { return (b->right - b->left + end) * (b->bottom - b->top + end); }

static bool of_union(df_mtcnn_overlap kind) { return kind == DF_MTCNN_UNION || kind == DF_MTCNN_KEPT_UNION; }

static bool overlaps(const df_mtcnn_box *a, const df_mtcnn_box *b, df_mtcnn_overlap kind, double most)
{
    double end = kind == DF_MTCNN_KEPT_SMALLER ? 1 : 0;
    double w = fmin(a->right, b->right) - fmax(a->left, b->left) + end, h = fmin(a->bottom, b->bottom) - fmax(a->top, b->top) + end;
    if (!(w > 0 && h > 0))
        return false;
    double both = w * h, area_a = area_of(a, end), area_b = area_of(b, end);
    return both / (of_union(kind) ? area_a + area_b - both : fmin(area_a, area_b)) > most;
}

static df_status sort(df_mtcnn_box *items, size_t n, place *places, df_arena *scratch, df_error *err)
{
    df_mtcnn_box *sorted = df__arena_alloc(scratch, n * sizeof *sorted);
    if (!sorted)
        return df__no_memory(err, "sorting boxes", n * sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        places[i] = (place){(double)items[i].score, i};
    qsort(places, n, sizeof *places, by_score);
    for (size_t i = 0; i < n; i++)
        sorted[i] = items[places[i].index];
    memcpy(items, sorted, n * sizeof *items);
    return DF_OK;
}

/* Boxes whose union is less than 1 / most of their intersection have left edges within (1 - most) of the wider one's width, which is
 * at most 1 / most of the other's: only neighbours in the order of left edges are compared. */
df_status df__mtcnn_suppress(df_mtcnn_boxes *list, size_t from, df_mtcnn_overlap kind, double most, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    df_mtcnn_box *items = list->items ? list->items + from : NULL;
    size_t n = list->n - from, kept = 0;
    const bool by_kept = kind == DF_MTCNN_KEPT_UNION || kind == DF_MTCNN_KEPT_SMALLER;
    df_arena_mark mark = df__arena_mark(scratch);
    if (n < 2)
        return DF_OK;
    place *places = df__arena_alloc(scratch, n * sizeof *places);
    size_t *at = df__arena_alloc(scratch, n * sizeof *at);
    bool *drop = df__arena_calloc(scratch, n, sizeof *drop);
    if (!places || !at || !drop)
        DF_TRY(df__no_memory(err, "suppression of boxes", n * (sizeof *places + sizeof *at + sizeof *drop)));
    DF_TRY(sort(items, n, places, scratch, err));
    for (size_t i = 0; i < n; i++)
        places[i] = (place){items[i].left, i};
    qsort(places, n, sizeof *places, by_left);
    for (size_t p = 0; p < n; p++)
        at[places[p].index] = p;
    for (size_t i = 0; i < n; i++) { /* best first, so that what stays is known */
        size_t p = at[i];
        const df_mtcnn_box *box = &items[i];
        double reach = of_union(kind) ? (1 - most) / most * (box->right - box->left) : (double)INFINITY;
        for (size_t q = p; q-- > 0 && !drop[i] && places[q].key >= box->left - reach;)
            drop[i] = places[q].index < i && !(by_kept && drop[places[q].index]) && overlaps(&items[places[q].index], box, kind, most);
        for (size_t q = p + 1; q < n && !drop[i] && places[q].key <= box->left + reach; q++)
            drop[i] = places[q].index < i && !(by_kept && drop[places[q].index]) && overlaps(&items[places[q].index], box, kind, most);
    }
    for (size_t i = 0; i < n; i++)
        if (!drop[i])
            items[kept++] = items[i];
    list->n = from + kept;
done:
    df__arena_release(scratch, mark);
    return st;
}

/* ---- geometry ---- */

void df__mtcnn_square(df_mtcnn_box *box)
{
    double w = box->right - box->left, h = box->bottom - box->top, side = fmax(w, h);
    box->left += w * 0.5 - side * 0.5;
    box->top += h * 0.5 - side * 0.5;
    box->right = box->left + side;
    box->bottom = box->top + side;
}

static void move_by(df_mtcnn_box *box, const float offsets[4], float w, float h)
{
    box->left += (double)(offsets[0] * w); /* products of floats in both packages too */
    box->top += (double)(offsets[1] * h);
    box->right += (double)(offsets[2] * w);
    box->bottom += (double)(offsets[3] * h);
}

void df__mtcnn_move(df_mtcnn_box *box, const float offsets[4])
{
    move_by(box, offsets, (float)(box->right - box->left), (float)(box->bottom - box->top));
}

void df__mtcnn_adjust(df_mtcnn_box *box, const float offsets[4])
{
    move_by(box, offsets, (float)(box->right - box->left + 1), (float)(box->bottom - box->top + 1));
}
