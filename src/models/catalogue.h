/* catalogue.h - one row a weight file, one row a recogniser: the facts that a network's file does not say, each with its source. */
#ifndef DF_MODELS_CATALOGUE_H
#define DF_MODELS_CATALOGUE_H

#include "core/status.h"

typedef enum df_metric { DF_COSINE, DF_EUCLIDEAN, DF_EUCLIDEAN_L2, DF_ANGULAR, DF_METRICS } df_metric;
typedef enum df_align { DF_ALIGN_POINTS, DF_ALIGN_EYES, DF_ALIGN_NONE, DF_ALIGNS } df_align;

/* How upstream turns a distance into a confidence: 100 / (1 + exp(-(w d / normalizer + b))), then rescaled to 51..100 when verified and
 * to 0..49 when not (deepface 0.0.103 config/confidence.py, modules/verification.py find_confidence). */
typedef struct df_confidence_row { double w, b, normalizer, max_true, min_true, max_false, min_false; } df_confidence_row;

enum { DF_MIRRORS = 3 };

typedef struct df_weights {
    df_model_info info;
    const char   *urls[DF_MIRRORS + 1]; /* where its project publishes it, the first first, NULL past the last; what ends in .bz2 holds it compressed */
    size_t        about;    /* bytes, roughly, where info.bytes is 0; 0: unknown */
    bool          any_size; /* the ONNX file declares one batch, height and width, but every layer of it takes any */
} df_weights;

typedef struct df_recogniser {
    const char *name;               /* "Dlib" */
    const char *weights;            /* name of its weight file's row */
    int         width, height, dims;
    const char *chip;               /* name of the template of align/points.c: "dlib-150" */
    double      threshold[DF_ALIGNS][DF_METRICS];
    df_confidence_row confidence[DF_ALIGNS][DF_METRICS]; /* normalizer 0: unknown */
} df_recogniser;

const df_weights    *df__weights_at(size_t index);        /* NULL past the last */
const df_weights    *df__weights_find(const char *name);
const df_recogniser *df__recogniser_at(size_t index);
const df_recogniser *df__recogniser_find(const char *name);

/* -1 when the name is none. */
int df__metric_find(const char *name);
int df__align_find(const char *name);
const char *df__metric_name(df_metric metric);
const char *df__align_name(df_align align);

#endif
