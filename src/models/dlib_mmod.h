/* dlib_mmod.h - mmod_human_face_detector.dat: dlib's face detector by convolutions, and how its answers become faces. */
#ifndef DF_MODELS_DLIB_MMOD_H
#define DF_MODELS_DLIB_MMOD_H

#include "nn/graph.h"

typedef struct df_dlib_mmod {
    int    width, height;    /* of a face's window, in pixels of a level of the pyramid */
    double overlap, covered; /* of two faces one goes when their intersection is more than so much of the box around both, of one of them */
    float  mean[3];          /* taken off red, green and blue before they are divided by 256 */
} df_dlib_mmod;

/* Graph: input "input" [n,3,h,w], the tiled pyramid; one output [n,1,rows,columns]: a window every eight pixels.
 * DF_E_BAD_MODEL names the byte. */
df_status df__dlib_mmod_parse(const df_bytes *file, const char *label, df_dlib_mmod *out, df_graph **graph, df_error *err);

#endif
