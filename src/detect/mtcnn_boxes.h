/* mtcnn_boxes.h - what MTCNN does with boxes between its networks. Arithmetic as mtcnn 1.0.0 utils/bboxes.py, and as facenet-pytorch 2.6.0
 * models/utils/detect_face.py where that differs. */
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

/* Whose steps: of the package mtcnn, or of facenet-pytorch. Same networks, same weights. */
typedef enum df_mtcnn_kind { DF_MTCNN_TENSORFLOW, DF_MTCNN_TORCH } df_mtcnn_kind;

typedef enum df_mtcnn_overlap {
    DF_MTCNN_UNION,         /* intersection over union; a box is also dropped for a better one that is itself dropped */
    DF_MTCNN_SMALLER,       /* over the smaller of the two; so too */
    DF_MTCNN_KEPT_UNION,    /* over union, with boxes that stay alone */
    DF_MTCNN_KEPT_SMALLER   /* over the smaller, with boxes that stay alone, sides counted with both end pixels */
} df_mtcnn_overlap;

/* Sort items[from..] by score and drop each box that overlaps a better one by more than `most`. */
df_status df__mtcnn_suppress(df_mtcnn_boxes *list, size_t from, df_mtcnn_overlap kind, double most, df_arena *scratch, df_error *err);
/* Grow the shorter sides around the centre. */
void df__mtcnn_square(df_mtcnn_box *box);
/* Move the edges by shares of the sides: right - left there, here with one more for the end pixel. */
void df__mtcnn_move(df_mtcnn_box *box, const float offsets[4]);
void df__mtcnn_adjust(df_mtcnn_box *box, const float offsets[4]);

#endif
