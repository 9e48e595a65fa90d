/* engine.h - what an engine holds: limits, threads, and every model that was asked for, each loaded once. */
#ifndef DF_API_ENGINE_H
#define DF_API_ENGINE_H

#include <pthread.h>

#include "align/align.h"
#include "align/facemesh.h"
#include "align/landmarks.h"
#include "analyze/attribute.h"
#include "detect/detector.h"
#include "image/decode.h"
#include "represent/recogniser.h"

enum { DF_MAX_DETECTORS = 32, DF_MAX_RECOGNISERS = 32, DF_MAX_ATTRIBUTES = 16 };

typedef enum df_predictor { DF_PREDICTOR_5, DF_PREDICTOR_68, DF_PREDICTORS } df_predictor;

/* A model that is loaded at most once. A failed load is tried again by the next caller: the file may be there by then. */
typedef struct df_slot { pthread_mutex_t lock; bool ready; } df_slot;

/* A recogniser of the user's own. Entries are only ever added, and live as long as the engine. */
typedef struct df_own_recogniser {
    struct df_own_recogniser *next;
    char                     *path;
    const df_recogniser      *row;
    df_template               chip;
    df_slot                   slot;
    df_recogniser_net         net;
} df_own_recogniser;

struct df_engine {
    char     *dir;
    df_loader loader;
    df_limits limits;
    int       threads;
    struct { df_slot slot; void *self; } detectors[DF_MAX_DETECTORS];          /* in the order of df__detector_at */
    struct { df_slot slot; df_recogniser_net net; } recognisers[DF_MAX_RECOGNISERS]; /* in the order of df__recogniser_at */
    struct { pthread_mutex_t lock; df_own_recogniser *first; } own;                    /* by the path of their description */
    struct { df_slot slot; df_shape_predictor *sp; } predictors[DF_PREDICTORS]; /* dlib's */
    struct { df_slot slot; df_net *net; } mesh;                                /* MediaPipe's 468 points */
    struct { df_slot slot; df_net *net; } attributes[DF_MAX_ATTRIBUTES];       /* in the order of df__attribute_at */
};

/* Load where needed; what comes back lives as long as the engine. */
df_status df__engine_detector(df_engine *e, const df_detector_ops *ops, void **self, df_error *err);
/* The row and the chip of a model's name, or of the description at that path, which is read once. */
df_status df__engine_row(df_engine *e, const char *model, const df_recogniser **row, const df_template **chip, df_error *err);
df_status df__engine_recogniser(df_engine *e, const df_recogniser *row, const df_recogniser_net **net, df_error *err);
df_status df__engine_predictor(df_engine *e, df_predictor which, const df_shape_predictor **sp, df_error *err);
df_status df__engine_mesh(df_engine *e, df_net **net, df_error *err);
df_status df__engine_attribute(df_engine *e, const df_attribute *a, df_net **net, df_error *err);

#endif
