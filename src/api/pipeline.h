/* pipeline.h - the stages in a row, as the verbs share them: options to models, photo to faces, faces to crops. */
#ifndef DF_API_PIPELINE_H
#define DF_API_PIPELINE_H

#include "align/align.h"
#include "api/photo.h"

typedef struct df_pipeline {
    df_engine                *engine;
    df_opts                   opts;
    const df_detector_ops    *detector;
    void                     *detector_self;
    const df_recogniser      *row;
    const df_recogniser_net  *net;
    const df_template        *chip;
    const df_shape_predictor *sp; /* NULL where nothing needs it */
    void                     *eyes; /* the detector opencv, where its cascade of eyes is needed, else NULL */
    const df_shape_predictor *sp68; /* as far as `marks` or `outline` is 68 */
    df_net                   *mesh; /* as far as one of them is 468 */
    int                       marks, outline; /* landmarks asked for, and those of the mask: 0, 68 or 468 */
    df_align                  align;
    df_metric                 metric;
    df_range                  range;
    const df_attribute       *spoof[DF_SPOOF_NETS]; /* with anti_spoofing, else NULL */
    df_net                   *spoof_nets[DF_SPOOF_NETS];
    df_family                 liveness;
    bool                      tells_spoof; /* a verb that tells what is no live face, where others refuse it */
    bool                      flip; /* mean with the mirror image's vector: for chips, not for upstream's crops */
} df_pipeline;

/* Read the options and load the models, several at once where the engine has threads; the recogniser's only with `network`:
 * df__pipeline_represent loads it when it comes to it. */
df_status df__pipeline_open(df_engine *engine, const df_opts *opts, bool network, df_pipeline *out, df_error *err);
/* Longer side at which a photo may be decoded, 0: full scale. */
int df__pipeline_side(const df_pipeline *p);
/* Open the photo of a path or of a picture (one of the two is NULL). */
df_status df__pipeline_photo(const df_pipeline *p, const char *path, const df_image *img, df_photo *out, df_error *err);
/* Detect. Boxes in pixels of photo->px, unclipped, filtered as the options say; never empty on DF_OK. */
df_status df__pipeline_detect(const df_pipeline *p, df_photo *photo, int threads, df_arena *scratch, df_face_list *out, df_error *err);
/* A crop for each face, in `scratch` or views of the photo. May decode the photo at full scale: `faces` follow. */
df_status df__pipeline_crops(const df_pipeline *p, df_photo *photo, df_face_list *faces, df_arena *scratch, df_pixels **crops, df_error *err);
/* Decode at full scale what was decoded smaller; `faces` follow. */
df_status df__pipeline_full(const df_pipeline *p, df_photo *photo, df_face_list *faces, df_error *err);
/* n landmarks of a face, 68 or 468, in pixels of photo->px. */
df_status df__pipeline_landmarks(const df_pipeline *p, const df_photo *photo, const df_face *f, int n, df_point *out, df_arena *scratch,
                                 df_error *err);
/* No face of a photo: what `enforce` off takes instead. */
bool df__pipeline_no_face(const df_pipeline *p, const df_face *f);
/* The face's box for dlib's predictor and what lies behind it: df_box_map's box. */
df_face df__pipeline_box(const df_pipeline *p, const df_face *f);
/* Faces as callers see them: in pixels of the whole photo, clipped to it. */
void df__pipeline_finish(const df_photo *photo, df_face_list *faces);

/* The networks of liveness, where the options ask for them. */
df_status df__filter_open(df_pipeline *p, df_error *err);
/* Drop faces of too little quality; tell, or refuse, those that are no live ones. Part of df__pipeline_detect. */
df_status df__filter_faces(const df_pipeline *p, const df_photo *photo, df_face_list *list, df_arena *scratch, df_error *err);
/* A face as the networks of attributes look at it. */
df_look df__pipeline_look(const df_pipeline *p, const df_photo *photo, const df_face *f);

struct df_faces {
    df_face_list list;
    df_point    *marks;   /* [list.n][n_marks], malloc */
    size_t       n_marks;
};

/* Fill in the marks that the options ask for, before df__pipeline_finish. */
df_status df__faces_mark(const df_pipeline *p, const df_photo *photo, df_faces *faces, df_arena *scratch, df_error *err);

struct df_embeddings {
    size_t               n, dims;
    float               *rows;  /* [n][dims] */
    df_face             *faces; /* [n] */
    const df_recogniser *row;
    df_align             align;
    df_range             range;
    bool                 flip;
    int                  outline; /* of the mask */
    const char          *detector;
};

/* Room for n embeddings. */
df_status df__embeddings_new(const df_pipeline *p, size_t n, df_embeddings **out, df_error *err);
/* Every stage of one photo. */
df_status df__pipeline_represent(const df_pipeline *p, const char *path, const df_image *img, int threads, df_embeddings **out,
                                 df_error *err);
/* The closest pair of faces of two photos. */
df_status df__pipeline_closest(const df_pipeline *p, const df_embeddings *e1, const df_embeddings *e2, df_verify_result *out, df_error *err);

#endif
