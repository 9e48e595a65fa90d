/* list.h - what detectors do with their candidates: order by score, drop those that overlap a better one. */
#ifndef DF_DETECT_LIST_H
#define DF_DETECT_LIST_H

#include "detect/detector.h"

/* Best score first; of equal scores the one that came first stays first. */
df_status df__face_list_sort(df_face_list *list, size_t from, df_error *err);
/* Greedy non-maximum suppression of items[from..], which must be sorted: a box goes when its intersection over union with a kept
 * one is greater than `overlap`, 0..1. Each box is held against those of its place and size alone, so a list of millions takes seconds. */
df_status df__face_list_suppress(df_face_list *list, size_t from, double overlap, df_error *err);
/* Where `falls`, turn the scores of items[from..] around, so that better ones are greater; twice is once none. */
void df__face_list_flip(df_face_list *list, size_t from, bool falls);
/* Box and points by (x, y), then times `scale`. */
void df__face_move(df_face *face, float x, float y, float scale);
/* Intersection over union of two boxes, 0..1. */
double df__face_overlap(const df_face *a, const df_face *b);

#endif
