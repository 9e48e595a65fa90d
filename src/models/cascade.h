/* cascade.h - boosted cascades of Haar features (Viola & Jones 2001, Lienhart & Maydt 2002) as OpenCV's opencv_traincascade writes them.
 * Source of the format: OpenCV 4 objdetect/src/cascadedetect.cpp. Not read: the format before OpenCV 2 (type_id
 * "opencv-haar-classifier") and cascades of LBP features. */
#ifndef DF_MODELS_CASCADE_H
#define DF_MODELS_CASCADE_H

#include "core/bytes.h"

enum {
    DF_CASCADE_RECTS = 3,
    DF_CASCADE_LEAST_SIDE = 3,   /* of the window: its variance is that of all but a border of one pixel */
    DF_CASCADE_MOST_SIDE = 128,  /* of the window; the widest that OpenCV brings has 64 */
    DF_CASCADE_MOST_ITEMS = 1 << 18, /* of stages, trees, nodes, leaves or features; OpenCV's have 9000 at most */
};

/* Pixels of the window times a weight. OpenCV's weights are whole numbers, all of them: the sum of a feature is exact. */
typedef struct df_haar_rect { int x, y, w, h, weight; } df_haar_rect;

/* tilted: rectangles turned by 45 degrees; (x, y) is the topmost corner, w goes right and down, h left and down. */
typedef struct df_haar_feature { df_haar_rect rect[DF_CASCADE_RECTS]; int rects; bool tilted; } df_haar_feature;

/* Feature under the threshold: go left, else right. A child over 0 is a node of the same tree, else minus the number of a leaf. */
typedef struct df_cascade_node { int feature, left, right; float threshold; } df_cascade_node;
typedef struct df_cascade_tree { size_t node, nodes, leaf; } df_cascade_tree;  /* nodes [node, node + nodes), one leaf more than nodes */
typedef struct df_cascade_stage { float threshold; size_t tree, trees; } df_cascade_stage; /* a window goes on when its leaves sum to so much */

typedef struct df_cascade {
    int               width, height; /* of the window */
    bool              stumps;        /* no tree has more than one node; then left is leaf 0, right is leaf 1 */
    bool              tilted;        /* a feature is */
    df_cascade_stage *stages;
    df_cascade_tree  *trees;
    df_cascade_node  *nodes;
    float            *leaves;
    df_haar_feature  *features;
    size_t            n_stages, n_trees, n_nodes, n_leaves, n_features;
} df_cascade;

/* DF_E_BAD_MODEL names label and line of what is no cascade; DF_E_UNSUPPORTED the kinds above and weights with a fraction; DF_E_LIMIT
 * the bounds above. All places in what comes back are inside the window, all numbers of features, nodes and leaves exist. */
df_status df__cascade_parse(const df_bytes *file, const char *label, df_cascade **out, df_error *err);
void      df__cascade_free(df_cascade *c);

#endif
