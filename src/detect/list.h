/* list.h - what detectors do with their candidates: order by score, drop those that overlap a better one. */
#ifndef DF_DETECT_LIST_H
#define DF_DETECT_LIST_H

#include "detect/detector.h"

/* Best score first; of equal scores the one that came first stays first. */
df_status df__face_list_sort(df_face_list *list, size_t from, df_error *err);

/* How boxes overlap: PLAIN intersection over union; CLOSED counts both end pixels, sides are right - left + 1; WHOLE is PLAIN of boxes whose
 * x, y, width and height are cut to whole pixels. */
typedef enum df_overlap { DF_OVERLAP_PLAIN, DF_OVERLAP_CLOSED, DF_OVERLAP_WHOLE } df_overlap;

typedef struct df_suppression {
    df_overlap overlap;
    double     limit;       /* 0..1: a box goes when it overlaps a kept one by more */
    bool       at_limit;    /* ... or by as much */
    size_t     most_before; /* candidates that are looked at, the best ones; 0: all */
    size_t     most_after;  /* faces that stay; 0: all */
} df_suppression;

/* Greedy non-maximum suppression of items[from..], which must be sorted. Each box is held against those of its place and size alone, so a list
 * of millions takes seconds. */
df_status df__face_list_suppress(df_face_list *list, size_t from, const df_suppression *rule, df_error *err);
/* Where `falls`, turn the scores of items[from..] around, so that better ones are greater; twice is once none. */
void df__face_list_flip(df_face_list *list, size_t from, bool falls);
/* Box and points by (x, y), then times `scale`. */
void df__face_move(df_face *face, float x, float y, float scale);
/* Intersection over union of two boxes, 0..1. */
double df__face_overlap(const df_face *a, const df_face *b);

#endif
