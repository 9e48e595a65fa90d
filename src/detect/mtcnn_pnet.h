/* mtcnn_pnet.h - MTCNN's first network (P-Net), slid over a pyramid of the photo: every window of 12 x 12 pixels that may hold a face.
 *
 * Its four small convolutions are code of their own: a pyramid has ten pictures of ten sizes, and another photo has ten others, so a
 * compiled plan for each would cost more than the run. Rows go through all layers while they are in the cache. */
#ifndef DF_DETECT_MTCNN_PNET_H
#define DF_DETECT_MTCNN_PNET_H

#include "detect/mtcnn_boxes.h"
#include "image/pixels.h"
#include "nn/graph.h"

typedef struct df_mtcnn_pnet df_mtcnn_pnet; /* immutable, shared by threads */

/* From mtcnn_pnet.onnx, read as a graph; DF_E_BAD_MODEL names the constant that is absent or has another shape. */
df_status df__mtcnn_pnet_new(const df_graph *graph, df_mtcnn_pnet **out, df_error *err);
void      df__mtcnn_pnet_free(df_mtcnn_pnet *net);

/* Sides of a level of the pyramid; false past the last. Level 0 shows faces of 20 pixels as 12. */
bool df__mtcnn_level(df_mtcnn_kind kind, int width, int height, int level, int *level_width, int *level_height, double *scale);
/* Windows of all levels that score more than `least`, in pixels of the photo. Those of level l are
 * out->items[first[l]] to first[l + 1]. first: DF_MTCNN_LEVELS + 1 places. TENSORFLOW moves them by what P-Net says; TORCH leaves that in
 * the first four of the box's points, for df__mtcnn_move. */
enum { DF_MTCNN_LEVELS = 48 };
df_status df__mtcnn_pnet_run(const df_mtcnn_pnet *net, df_mtcnn_kind kind, df_pixels px, double least, int threads, df_arena *scratch, df_mtcnn_boxes *out,
                             size_t first[DF_MTCNN_LEVELS + 1], df_error *err);

#endif
