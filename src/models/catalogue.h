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
    const char   *official; /* sha256 of what lies there, where info.sha256 is "" since other files may have the name too; or NULL */
    size_t        about;    /* bytes, roughly, where info.bytes is 0; 0: unknown */
    double        least_cosine; /* of `fast` to float32, where that has to be closer than usual (net.h); 0: as usual */
    bool          exact_weights; /* of its layers by rows (net.h) */
    bool          any_size; /* the ONNX file declares one batch, height and width, but every layer of it takes any */
} df_weights;

/* How a recogniser's network takes its pixels, which come as B G R, 0..1 (or in the range that `normalization` asks for). */
typedef struct df_feed {
    bool  last;             /* [n][height][width][3]; else [n][3][height][width] */
    bool  rgb;              /* else blue first */
    float scale;            /* first times this, */
    bool  unit;             /*   unless one of the crop's values is over 1 already, */
    bool  whole;            /* then the fraction cut off and 8 bits kept, as numpy's astype(uint8), */
    float mean[3], std[3];  /* then (v - mean) / std, in the network's order of channels */
} df_feed;

/* What share of pairs of strangers lies at or below a distance, as measured: a falling list. */
typedef struct df_far_point { double far, distance[DF_METRICS]; } df_far_point; /* distance NaN: not measured */
typedef struct df_far_curve { const df_far_point *at; size_t n; } df_far_curve;

typedef struct df_recogniser {
    const char *name;               /* "Dlib" */
    const char *weights;            /* name of its weight file's row; NULL: `file` */
    const char *file;               /* path of the ONNX file that a description names (describe.h) */
    int         width, height, dims;
    const char *chip;               /* name of the template of align/points.c: "dlib-150"; NULL: `five` */
    float       five[5][2];         /* right eye, left eye, nose, right and left corner of the mouth, in pixels of the chip */
    df_feed     feed;
    bool        l2;                 /* vectors are scaled to length 1 */
    double      threshold[DF_ALIGNS][DF_METRICS]; /* 0: unknown */
    df_confidence_row confidence[DF_ALIGNS][DF_METRICS]; /* normalizer 0: unknown */
    df_far_curve far[DF_ALIGNS];
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
