/* mtcnn_boxes.h - what MTCNN does with boxes between its networks. Arithmetic as mtcnn 1.0.0 utils/bboxes.py. */
#ifndef DF_DETECT_MTCNN_BOXES_H
#define DF_DETECT_MTCNN_BOXES_H

#include "core/arena.h"
#include "core/status.h"

typedef struct df_mtcnn_box {
    double left, top, right, bottom;
    float  score;
    float  points[10]; /* x of the five, then y; O-Net gives them */
} df_mtcnn_box;

typedef struct df_mtcnn_boxes { df_mtcnn_box *items; size_t n, cap; } df_mtcnn_boxes; /* malloc; {0} is empty */

df_status df__mtcnn_add(df_mtcnn_boxes *list, const df_mtcnn_box *box, df_error *err);
/* Make room for n more. */
df_status df__mtcnn_reserve(df_mtcnn_boxes *list, size_t n, df_error *err);
void      df__mtcnn_free(df_mtcnn_boxes *list);

typedef enum df_mtcnn_overlap { DF_MTCNN_UNION, DF_MTCNN_SMALLER } df_mtcnn_overlap; /* intersection over: union, smaller of the two */

/* Sort items[from..] by score and drop each box that overlaps a better one by more than `most`, also one that is itself dropped. */
df_status df__mtcnn_suppress(df_mtcnn_boxes *list, size_t from, df_mtcnn_overlap kind, double most, df_arena *scratch, df_error *err);
/* Grow the shorter sides around the centre. */
void df__mtcnn_square(df_mtcnn_box *box);
/* Move the edges by shares of the sides. */
void df__mtcnn_adjust(df_mtcnn_box *box, const float offsets[4]);

#endif
