/* detector.h - the contract of a face detector. A new one is one file with a constant struct and one line in registry.c
 * (docs/adding-a-detector.md). */
#ifndef DF_DETECT_DETECTOR_H
#define DF_DETECT_DETECTOR_H

#include "core/arena.h"
#include "image/pixels.h"
#include "models/loader.h"

typedef struct df_face_list { df_face *items; size_t n, cap; } df_face_list; /* malloc; {0} is empty */

df_status df__face_list_add(df_face_list *list, const df_face *face, df_error *err);
void      df__face_list_free(df_face_list *list);

/* How a detector's box becomes the box that dlib's predictor of points was trained on: x + dx w, y + dy h, sw w, sh h.
 * Medians against the boxes of dlib's HOG detector on 140 photos of LFW's view 1. */
typedef struct df_box_map { float dx, dy, sw, sh; } df_box_map;

typedef struct df_detect_params {
    double score;   /* least score; NaN: the detector's own */
    int    side;    /* longer side the network sees; 0: the detector's own */
    int    threads; /* this call may use; 0: one */
} df_detect_params;

static inline int df__detect_threads(const df_detect_params *params) { return params->threads > 1 ? params->threads : 1; }

typedef struct df_detector_ops {
    const char *name;                       /* as in options, CLI and HTTP: "retinaface" */
    unsigned    gives;                      /* DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH */
    int         side;                       /* longer side it looks at by default: photos may be decoded smaller; 0: full scale */
    df_box_map  dlib;                       /* its box to the one dlib's predictor of points expects */
    bool        of_dlib;                    /* w and h are right - left and bottom - top of dlib's closed box, and upstream takes the eyes from
                                             * dlib's predictor, however faces are aligned */
    bool        falls;                      /* confidence falls as the detector gets surer; faces come surest first all the same */
    df_status (*open)(const df_loader *loader, void **self, df_error *err);
    /* Append the faces of `px`, best score first. `self` is shared by threads; memory of the call is `scratch`. */
    df_status (*detect)(void *self, df_pixels px, const df_detect_params *params, df_arena *scratch, df_face_list *out, df_error *err);
    void      (*close)(void *self);         /* NULL is fine */
} df_detector_ops;

extern const df_detector_ops df__detector_retinaface, df__detector_ssd, df__detector_opencv, df__detector_dlib,
    df__detector_dlib_cnn, df__detector_mtcnn, df__detector_fastmtcnn, df__detector_mediapipe, df__detector_mediapipe_full, df__detector_skip,
    df__detector_yunet, df__detector_centerface, df__detector_scrfd, df__detector_retinaface_resnet50;

/* One network of a family each, all of them in yolo.c. */
#define DF_YOLO_MAP(X)                                                                                                  \
    X(yolov8n) X(yolov8m) X(yolov8l) X(yolov11n) X(yolov11s) X(yolov11m) X(yolov11l) X(yolov12n) X(yolov12s) X(yolov12m) \
    X(yolov12l)
#define X(name) extern const df_detector_ops df__detector_##name;
DF_YOLO_MAP(X)
#undef X

/* NULL when there is none of this name. */
const df_detector_ops *df__detector_find(const char *name);
/* NULL past the last. */
const df_detector_ops *df__detector_at(size_t index);

#endif
