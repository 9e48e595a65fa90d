/* list.h - what detectors do with their candidates: order by score, drop those that overlap a better one. */
#ifndef DF_DETECT_LIST_H
#define DF_DETECT_LIST_H

#include "detect/detector.h"

/* Best score first; of equal scores the one that came first stays first. */
df_status df__face_list_sort(df_face_list *list, size_t from, df_error *err);
/* Greedy non-maximum suppression of items[from..], which must be sorted: a box goes when its intersection over union with a kept
 * one is greater than `overlap`. */
void df__face_list_suppress(df_face_list *list, size_t from, double overlap);
/* Intersection over union of two boxes, 0..1. */
double df__face_overlap(const df_face *a, const df_face *b);

#endif
