/* dlib.h - dlib's serialised weight files: the face recogniser as a graph, shape predictors as cascades of trees.
 * Source of the format: dlib 19/20 serialize.h, dnn/layers.h, image_processing/shape_predictor.h (Boost licence). */
#ifndef DF_MODELS_DLIB_H
#define DF_MODELS_DLIB_H

#include "nn/graph.h"

/* dlib_face_recognition_resnet_model_v1.dat: anet_type of dlib's dnn_face_recognition_ex.cpp.
 * Graph: input "input" [n,3,150,150] RGB, (v - {122.782, 117.001, 104.298}) / 256 done before it; output "embedding" [n,128]. */
df_status df__dlib_recogniser_parse(const df_bytes *file, const char *label, df_graph **out, df_error *err);

/* Ensemble of regression trees (Kazemi & Sullivan 2014). Immutable, shared by threads. */
typedef struct df_shape_predictor df_shape_predictor;
df_status df__shape_predictor_parse(const df_bytes *file, const char *label, df_shape_predictor **out, df_error *err);
void      df__shape_predictor_free(df_shape_predictor *sp);
int       df__shape_predictor_points(const df_shape_predictor *sp); /* 5 or 68 */

#endif
