/* list.c - a growing list of faces, sorting and non-maximum suppression. */
#include "detect/list.h"

#include <stdlib.h>
#include <string.h>

df_status df__face_list_add(df_face_list *list, const df_face *face, df_error *err)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 16;
        df_face *items = realloc(list->items, cap * sizeof *items);
        if (!items)
            return df__no_memory(err, "list of faces", cap * sizeof *items);
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = *face;
    return DF_OK;
}

void df__face_list_free(df_face_list *list)
{
    free(list->items);
    *list = (df_face_list){0};
}

/* Merge sort: stable, and n log n on lists that hostile input makes long. */
static void sort_faces(df_face *items, df_face *spare, size_t n)
{
    if (n < 2)
        return;
    size_t half = n / 2;
    sort_faces(items, spare, half);
    sort_faces(items + half, spare, n - half);
    memcpy(spare, items, half * sizeof *items);
    for (size_t i = 0, a = 0, b = half; a < half; i++)
        items[i] = b < n && items[b].confidence > spare[a].confidence ? items[b++] : spare[a++];
}

df_status df__face_list_sort(df_face_list *list, size_t from, df_error *err)
{
    size_t n = list->n - from;
    if (n < 2)
        return DF_OK;
    df_face *spare = malloc((n / 2 + 1) * sizeof *spare);
    if (!spare)
        return df__no_memory(err, "sorting faces", (n / 2 + 1) * sizeof *spare);
    sort_faces(list->items + from, spare, n);
    free(spare);
    return DF_OK;
}

double df__face_overlap(const df_face *a, const df_face *b)
{
    double left = a->x > b->x ? a->x : b->x, top = a->y > b->y ? a->y : b->y;
    double right = a->x + a->w < b->x + b->w ? a->x + a->w : b->x + b->w;
    double bottom = a->y + a->h < b->y + b->h ? a->y + a->h : b->y + b->h;
    if (right <= left || bottom <= top)
        return 0;
    double both = (right - left) * (bottom - top);
    return both / ((double)a->w * a->h + (double)b->w * b->h - both);
}

void df__face_list_flip(df_face_list *list, size_t from, bool falls)
{
    for (size_t i = from; falls && i < list->n; i++)
        list->items[i].confidence = 1 - list->items[i].confidence;
}

void df__face_move(df_face *f, float x, float y, float scale)
{
    df_point *points[] = {&f->left_eye, &f->right_eye, &f->nose, &f->mouth_left, &f->mouth_right};
    f->x = (f->x + x) * scale, f->y = (f->y + y) * scale, f->w *= scale, f->h *= scale;
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        *points[i] = (df_point){(points[i]->x + x) * scale, (points[i]->y + y) * scale};
}
