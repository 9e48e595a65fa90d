/* blaze.h - what BlazeFace's outputs say. */
#ifndef DF_DETECT_BLAZE_H
#define DF_DETECT_BLAZE_H

#include "nn/op.h"

enum { DF_BLAZE_ANCHORS = 896, DF_BLAZE_OUTPUTS = 4, DF_BLAZE_POINTS = 6 };

/* In pixels of the network's input: left, top, right and bottom, then x and y of right eye, left eye, nose, mouth, right ear, left ear. */
typedef struct df_blaze { float score, v[4 + 2 * DF_BLAZE_POINTS]; } df_blaze;

/* Anchors of a score of at least `least`, into found[DF_BLAZE_ANCHORS]; `side` of the input. The outputs: scores of the fine and of the coarse
 * level, then their numbers. Errors: DF_E_BAD_MODEL. */
df_status df__blaze_decode(const df_tensor out[DF_BLAZE_OUTPUTS], int side, double least, df_blaze *found, size_t *n, df_error *err);
/* The mean of all that overlap the best, weighted by their scores, takes their place, with the best's score; so on with the rest. Returns how
 * many there are now, best first. */
size_t df__blaze_blend(df_blaze *c, size_t n);

#endif
