/* deepface.h - face recognition in C: who is who on photos. The whole public interface.
 *
 *     df_engine *df; df_verify_result r; df_error err;
 *     df_engine_new(NULL, &df, &err);
 *     df_verify(df, "a.jpg", "b.jpg", NULL, &r, &err);      // r.verified, r.distance, r.threshold
 *
 * A photo walks through five stages: detect, align, normalize, represent, verify (docs/pipeline.md).
 *
 * Threads: any number may use one df_engine or df_network at once; every other handle, one thread at a time.
 * Ownership: what comes through `**out` is yours, free it with its own free function (NULL is fine).
 * Pointers returned by value are borrowed and live as long as the handle they came from. Strings
 * given to the library are only read during the call. On failure *out is NULL.
 * Errors: every call that can fail returns a df_status and, where `err` is not NULL, writes a message
 * that names the thing and the numbers. Nothing prints, exits or asserts on input.
 * Coordinates: pixels of the photo as people see it (after EXIF orientation), x to the right, y down,
 * (0, 0) the outer corner of the top left pixel's box as OpenCV counts. Left and right are the person's own.
 */
#ifndef DEEPFACE_H
#define DEEPFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DF_VERSION_MAJOR 0
#define DF_VERSION_MINOR 1
#define DF_VERSION_PATCH 0

#if defined(_WIN32)
#define DF_API
#else
#define DF_API __attribute__((visibility("default")))
#endif

/* ---- status and error ---------------------------------------------------------------------- */

#define DF_STATUS_MAP(X) /* append only, numbers never change */                                   \
    X(OK,            0, "success")                                                                 \
    X(E_ARGUMENT,    1, "bad argument")                                                            \
    X(E_NO_MEMORY,   2, "out of memory")                                                           \
    X(E_DECODE,      3, "cannot decode image")                                                     \
    X(E_NO_FACE,     4, "no face found")                                                           \
    X(E_NO_MODEL,    5, "weights not found")                                                       \
    X(E_STORE,       6, "vector store error")                                                      \
    X(E_LIMIT,       7, "input over a limit")                                                      \
    X(E_IO,          8, "cannot read or write")                                                    \
    X(E_BAD_MODEL,   9, "weights are damaged or not what they should be")                          \
    X(E_UNSUPPORTED, 10, "not supported")                                                          \
    X(E_INTERNAL,    11, "internal error")                                                         \
    X(E_SPOOF,       12, "spoofed face")                                                           \
    X(E_STOPPED,     13, "stopped by the caller")

typedef enum df_status {
#define X(name, number, text) DF_##name = number,
    DF_STATUS_MAP(X)
#undef X
} df_status;

/* Why a call failed; no pointers inside, copy freely. Every `err` parameter may be NULL. */
typedef struct df_error {
    df_status status;
    char      message[508];
} df_error;

/* English text of a status; "unknown status" for a number that is none. */
DF_API const char *df_status_text(df_status status);
/* "0.1.0" of the library that is loaded. */
DF_API const char *df_version(void);

/* ---- engine -------------------------------------------------------------------------------- */

typedef struct df_engine df_engine; /* loaded models and threads, shared by all callers */

typedef enum df_log_level { DF_LOG_ERROR, DF_LOG_WARN, DF_LOG_INFO, DF_LOG_DEBUG } df_log_level;
typedef void (*df_log_fn)(void *user, df_log_level level, const char *message);

typedef struct df_engine_opts {
    size_t      size;        /* set by df_engine_opts_default: which fields the caller knows */
    const char *weights_dir; /* NULL: $DEEPFACE_HOME/.deepface/weights, else ~/.deepface/weights */
    int         threads;     /* threads a call may use; 0 = one a core */
    size_t      max_pixels;  /* width x height of a photo at most; default 100,000,000 */
    size_t      max_bytes;   /* bytes of an image file at most; default 256 MiB */
    df_log_fn   log;         /* NULL: silent. Called from any thread. */
    void       *log_user;
    const char *precision;   /* "fast" (default), "strict", "int8": how exact the networks are (docs/pipeline.md); NULL: the default */
} df_engine_opts;            /* new fields at the end only */

DF_API void df_engine_opts_init(df_engine_opts *opts, size_t size);
static inline df_engine_opts df_engine_opts_default(void)
{
    df_engine_opts o;
    df_engine_opts_init(&o, sizeof o);
    return o;
}

/* Make an engine. Models load on first use, each once; opts NULL for the defaults.
 * Errors: DF_E_ARGUMENT, DF_E_NO_MEMORY. */
DF_API df_status df_engine_new(const df_engine_opts *opts, df_engine **out, df_error *err);
DF_API void      df_engine_free(df_engine *engine);

/* ---- options of the pipeline --------------------------------------------------------------- */

/* One struct for every verb; a verb reads the fields of the stages that it runs. The table in
 * src/core/options.c describes each once (name, type, default, bounds, choices, help); command line
 * flags and docs/cli.md are made from it. */
typedef struct df_opts {
    size_t      size;          /* set by df_opts_default */
    const char *detector;      /* "retinaface" (default), "mtcnn", "opencv", ..., "skip": docs/pipeline.md, or df_option_at */
    const char *align;         /* "points" (default), "eyes", "none" */
    const char *model;         /* "Dlib" (default), "VGG-Face", "ArcFace", ... : docs/models.md; or the path of a description, "my/model.json":
                                  docs/adding-a-model.md */
    const char *normalization; /* "base" (default), "raw", "Facenet", "Facenet2018", "VGGFace", "VGGFace2", "ArcFace" */
    const char *metric;        /* "cosine" (default), "euclidean", "euclidean_l2", "angular" */
    double      threshold;     /* distance at or below which two faces are one person; NaN (default): the model's own */
    double      score;         /* least score of a detection, 0..1; NaN (default): the detector's own */
    double      expand;        /* grow each box by this percent of its sides, 0..500; default 0 */
    int         max_faces;     /* keep the largest by area, 0 (default) = all */
    int         min_face;      /* drop faces narrower or lower than this many pixels, 0 (default) = none */
    int         detect_size;   /* the longer side that the detector sees, 0 (default) = the detector's own */
    bool        enforce;       /* true (default): no face is DF_E_NO_FACE; false: take the whole image */
    bool        flip;          /* true (default): with "points", the mean of the face's vector and its mirror image's */
    const char *landmarks;     /* "none" (default), "468", "68": points of each face beside the five, for df_detect */
    bool        mask;          /* true: black outside the outline of the landmarks ("468" where `landmarks` is "none"); default false */
    const char *rotate;        /* "none" (default); "auto": where no face is found, try the photo turned by 90, 180, 270 degrees */
    int         tile;          /* side of the tiles that a larger photo is cut into for the detector, from 128 on; 0 (default): none */
    double      far;           /* NaN (default): the model's own threshold; else the threshold is the distance at or below which this share of
                                  pairs of strangers lies, as measured for model, align and metric; DF_E_ARGUMENT where nobody did. It is of one
                                  comparison, where df_search_opts.far is of a search as a whole */
    bool        border;        /* true: with "eyes", detectors see the photo in the middle of a black one of twice its sides, as deepface for Python
                                  has it, for its very boxes; default false */
    const char *attributes;    /* "light" (default), "deepface": which networks tell age, gender, emotion, race (docs/attributes.md) */
    bool        anti_spoofing; /* true: a face that is no live one is DF_E_SPOOF; df_detect and df_extract tell it in df_face; default false */
    const char *liveness;      /* "light" (default), "fasnet": which networks tell it */
    int         min_quality;   /* drop faces of less quality, 0 (default) to 100 */
} df_opts;                     /* new fields at the end only */

DF_API void df_opts_init(df_opts *opts, size_t size);
static inline df_opts df_opts_default(void) /* the caller's sizeof: old programs keep working */
{
    df_opts o;
    df_opts_init(&o, sizeof o);
    return o;
}

typedef enum df_option_type { DF_OPTION_CHOICE, DF_OPTION_NUMBER, DF_OPTION_INTEGER, DF_OPTION_SWITCH } df_option_type;

typedef struct df_option_info {
    const char        *name;    /* field of df_opts; the flag is --name, with '-' for '_' */
    df_option_type     type;
    const char        *text;    /* default as text; "" where the model or detector decides */
    double             min, max;/* bounds of a number, both allowed */
    const char *const *choices; /* NULL-terminated, for DF_OPTION_CHOICE */
    const char        *help;    /* one line */
    const char        *file;    /* a path that ends so is taken beside the choices; NULL: none is */
} df_option_info;

/* Options in the order of df_opts; NULL past the last. */
DF_API const df_option_info *df_option_at(size_t index);
/* Set one field by its name ('-' and '_' alike) from text, checked against its bounds and choices. The field
 * of a choice points to the table's own copy, that of a path to `value` itself, which has to live as long as `opts`. Errors: DF_E_ARGUMENT names the option, the value and what is allowed. */
DF_API df_status df_opts_set(df_opts *opts, const char *name, const char *value, df_error *err);

/* ---- images -------------------------------------------------------------------------------- */

typedef struct df_image df_image; /* 8-bit RGB, rows top to bottom, EXIF orientation applied */

/* Read and decode a photo: JPEG, PNG, WebP, GIF and BMP (first frame), TIFF; told apart by content.
 *   path  any bytes; "-" is standard input
 * Transparent pixels keep their colour, the alpha is dropped, as OpenCV's imread does.
 * Errors: DF_E_IO, DF_E_DECODE, DF_E_LIMIT (engine's limits), DF_E_NO_MEMORY. */
DF_API df_status df_image_load(df_engine *engine, const char *path, df_image **out, df_error *err);
DF_API df_status df_image_decode(df_engine *engine, const void *bytes, size_t len, df_image **out, df_error *err);
/* Copy pixels: RGB, `stride` bytes a row (0: 3 * width). */
DF_API df_status df_image_from_rgb(int width, int height, size_t stride, const uint8_t *rgb, df_image **out, df_error *err);
/* Write as PNG or JPEG (quality 92), by the name's ending; "-" writes PNG to standard output. Written beside and
 * renamed, so a full disk leaves no half file. Errors: DF_E_ARGUMENT (ending), DF_E_IO. */
DF_API df_status df_image_save(const df_image *img, const char *path, df_error *err);
DF_API int            df_image_width(const df_image *img);
DF_API int            df_image_height(const df_image *img);
DF_API size_t         df_image_stride(const df_image *img); /* bytes a row */
DF_API const uint8_t *df_image_pixels(const df_image *img);
DF_API void           df_image_free(df_image *img);

/* ---- detect -------------------------------------------------------------------------------- */

typedef struct df_point { float x, y; } df_point;

enum { DF_HAS_EYES = 1, DF_HAS_NOSE = 2, DF_HAS_MOUTH = 4, DF_HAS_LIVENESS = 8, DF_HAS_QUALITY = 16 };

typedef struct df_face {
    float    x, y, w, h;  /* box, clipped to the photo */
    float    confidence;  /* the detector's score 0..1; 0 for "skip" and for the whole image (enforce off) */
    unsigned has;         /* DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH: which of the points below are real; and which of what follows them */
    df_point left_eye, right_eye, nose, mouth_left, mouth_right;
    bool     is_real;         /* DF_HAS_LIVENESS, where anti_spoofing was asked for */
    float    antispoof_score; /* 0..1: how sure of is_real */
    float    quality;         /* DF_HAS_QUALITY, where min_quality was asked for: 0..100 */
} df_face;

typedef struct df_faces df_faces;

/* Find the faces of a photo. Reads detector, score, max_faces, min_face, detect_size, enforce, landmarks, rotate, tile.
 *   out  best score first; where max_faces left some out, the largest first
 * Errors: DF_E_NO_FACE (enforce), DF_E_NO_MODEL, DF_E_BAD_MODEL, DF_E_ARGUMENT, DF_E_NO_MEMORY; those of df_image_load. */
DF_API df_status df_detect(df_engine *engine, const char *path, const df_opts *opts, df_faces **out, df_error *err);
DF_API df_status df_detect_image(df_engine *engine, const df_image *img, const df_opts *opts, df_faces **out, df_error *err);
DF_API size_t         df_faces_count(const df_faces *faces);
DF_API const df_face *df_faces_at(const df_faces *faces, size_t index); /* NULL past the last */
/* The landmarks of a face, *n of them, which may lie outside the photo; NULL and 0 where none were asked for, or where `enforce` took the
 * whole photo. 468: MediaPipe's canonical face model; 68: the numbers of iBUG 300-W. */
DF_API const df_point *df_landmarks(const df_faces *faces, size_t index, size_t *n);
DF_API void           df_faces_free(df_faces *faces);

/* ---- extract: detect and align --------------------------------------------------------------- */

typedef struct df_chips df_chips; /* the aligned crops, one a face */

/* Detect, then cut each face out as the recogniser would see it, before it is resized: the model's own chip for
 * "points", the rotated box for "eyes", the plain box for "none". Reads the fields of df_detect, align, model, expand, mask.
 * Errors: those of df_detect. */
DF_API df_status df_extract(df_engine *engine, const char *path, const df_opts *opts, df_chips **out, df_error *err);
DF_API df_status df_extract_image(df_engine *engine, const df_image *img, const df_opts *opts, df_chips **out, df_error *err);
DF_API size_t          df_chips_count(const df_chips *chips);
DF_API const df_image *df_chips_image(const df_chips *chips, size_t index); /* NULL past the last */
DF_API const df_face  *df_chips_face(const df_chips *chips, size_t index);
DF_API void            df_chips_free(df_chips *chips);

/* ---- represent ----------------------------------------------------------------------------- */

typedef struct df_embeddings df_embeddings; /* float32 [faces][dims], one row a face */

/* Photo to embeddings: detect, align, normalize, run the network. Reads the fields of df_extract, normalization.
 *   out  rows in the order of df_detect; not of L2 length 1
 * Errors: those of df_extract. Source of the steps' order: deepface 0.0.103 modules/representation.py. */
DF_API df_status df_represent(df_engine *engine, const char *path, const df_opts *opts, df_embeddings **out, df_error *err);
DF_API df_status df_represent_image(df_engine *engine, const df_image *img, const df_opts *opts, df_embeddings **out, df_error *err);
DF_API size_t         df_embeddings_count(const df_embeddings *e);
DF_API size_t         df_embeddings_dims(const df_embeddings *e);
DF_API const float   *df_embeddings_row(const df_embeddings *e, size_t index); /* NULL past the last */
DF_API const df_face *df_embeddings_face(const df_embeddings *e, size_t index);
DF_API void           df_embeddings_free(df_embeddings *e);

/* Called once a photo, from one thread at a time, in any order. Exactly one of `faces` (borrowed, ends with the call)
 * and `failed` is NULL. Return false to stop early. */
typedef bool (*df_represent_fn)(void *user, size_t index, const df_embeddings *faces, const df_error *failed);

/* df_represent over many photos with the engine's threads; faces of several photos go through the network together, so that vectors
 * may differ from those of df_represent by what the precision says (docs/engine.md). A photo that fails is told to `each` and the rest
 * goes on. Errors: DF_E_ARGUMENT, DF_E_NO_MODEL, DF_E_BAD_MODEL, DF_E_NO_MEMORY. */
DF_API df_status df_represent_many(df_engine *engine, const char *const *paths, size_t n, const df_opts *opts,
                                   df_represent_fn each, void *user, df_error *err);

/* ---- verify -------------------------------------------------------------------------------- */

typedef struct df_verify_result {
    bool    verified;            /* distance <= threshold */
    double  distance, threshold; /* of `metric` */
    double  confidence;          /* 0..100; above 50 exactly when verified (docs/pipeline.md); 51 or 49 where the model has no curve */
    char    model[64], detector[32], align[16], metric[16];
    df_face face1, face2;        /* the closest pair over all faces of the two photos */
    double  seconds;             /* wall clock of the call */
} df_verify_result;

/* Are two photos of one person? The closest pair over all faces decides. Reads every field.
 * Errors: those of df_represent; DF_E_NO_FACE names the photo. */
DF_API df_status df_verify(df_engine *engine, const char *path1, const char *path2, const df_opts *opts,
                           df_verify_result *result, df_error *err);
DF_API df_status df_verify_images(df_engine *engine, const df_image *img1, const df_image *img2, const df_opts *opts,
                                  df_verify_result *result, df_error *err);
/* The last step alone, on embeddings of the same model and alignment. */
DF_API df_status df_verify_embeddings(const df_embeddings *e1, const df_embeddings *e2, const df_opts *opts,
                                      df_verify_result *result, df_error *err);

/* Distance of two vectors: cosine 1 - cos, euclidean, euclidean_l2 (both scaled to length 1), angular acos(cos) / pi.
 * Errors: DF_E_ARGUMENT (metric, dims 0, a vector of length 0 where it is divided by, NaN). */
DF_API df_status df_distance(const char *metric, const float *a, const float *b, size_t dims, double *out, df_error *err);
/* Threshold of a model (a name, or the path of a description) for a metric and an alignment. Errors: DF_E_ARGUMENT; those of the description. */
DF_API df_status df_threshold(const char *model, const char *metric, const char *align, double *out, df_error *err);
/* The distance at or below which `far` of the pairs of strangers lies, as it was measured (docs/models.md says for which models and shares).
 * Errors: DF_E_ARGUMENT, which names the models that have such figures, or the range of those of this one. */
DF_API df_status df_threshold_far(const char *model, const char *metric, const char *align, double far, double *out, df_error *err);

/* ---- gallery: a face among many ---------------------------------------------------------------- */

/* A database of faces in one file, made for any number of photos (docs/gallery.md). It holds vectors of one pipeline: detector, align, model,
 * normalization, expand, flip, mask. Threads: a handle for each; handles of one file may be open in any number of threads and processes, of
 * which one writes at a time while all read. */
typedef struct df_gallery df_gallery;

typedef struct df_gallery_opts {
    size_t size;      /* set by df_gallery_opts_default */
    bool   read_only; /* change nothing, not even the files beside it; default false */
    bool   create;    /* make it where there is none; default true */
    bool   background;/* searches may load and build indexes in a thread of their own (df_search_opts.index); false for a process that asks once; default true */
} df_gallery_opts;    /* new fields at the end only */

DF_API void df_gallery_opts_init(df_gallery_opts *opts, size_t size);
static inline df_gallery_opts df_gallery_opts_default(void)
{
    df_gallery_opts o;
    df_gallery_opts_init(&o, sizeof o);
    return o;
}

/* Open a gallery. What was interrupted is repaired here: changes are whole or absent.
 *   opts  the pipeline; that of a gallery which exists must be the same
 * Errors: DF_E_STORE (another pipeline, damaged, read only, newer), DF_E_IO (absent and not to be made), DF_E_ARGUMENT, DF_E_NO_MEMORY. */
DF_API df_status df_gallery_open(df_engine *engine, const char *path, const df_opts *opts, const df_gallery_opts *how, df_gallery **out, df_error *err);
DF_API void      df_gallery_close(df_gallery *gallery); /* before its engine */

typedef struct df_photo_item {
    const char *path;
    const char *name; /* of the person; NULL: nobody is named. With several faces on the photo, the largest one gets it. */
    const char *meta; /* a JSON object, at most 65,536 bytes, or NULL: meta.KEY of a filter */
} df_photo_item;

typedef enum df_register_state {
    DF_REGISTERED, /* it is on disk now */
    DF_KNOWN,      /* it was registered before, and its file has not changed */
    DF_DUPLICATE,  /* a photo of the same content is there, or came earlier in this call */
    DF_REFUSED,    /* `failed` says why; the gallery holds nothing of it, or of a photo that was known what it held before */
    DF_COMPLETED   /* as DF_KNOWN, and attributes that its faces lacked are on disk now */
} df_register_state;

typedef struct df_register_opts {
    size_t   size; /* set by df_register_opts_default */
    unsigned with; /* DF_WITH_AGE, _GENDER, _EMOTION, _RACE, _LIVENESS, _QUALITY: attributes to keep with each face, for filters; 0 (default): none */
} df_register_opts; /* new fields at the end only */

DF_API void df_register_opts_init(df_register_opts *opts, size_t size);
static inline df_register_opts df_register_opts_default(void)
{
    df_register_opts o;
    df_register_opts_init(&o, sizeof o);
    return o;
}

/* Called once a photo, from one thread at a time, in any order, after what it reports is on disk. `failed` is NULL but for DF_REFUSED.
 * Return false to stop early. */
typedef bool (*df_register_fn)(void *user, size_t index, df_register_state state, size_t faces, const df_error *failed);

/* Photos into the gallery, with the engine's threads. Photos go to disk in groups, each whole; a call that was interrupted goes on where it
 * was when it is made again. A photo whose path is known and whose content has changed takes the place of the old one. Of a photo that is known,
 * attributes of `how` that its faces lack are found and kept; faces, their ids, names and vectors stay as they are.
 *   how   NULL for the defaults
 *   each  may be NULL
 * Errors: DF_E_STORE, DF_E_ARGUMENT, DF_E_NO_MODEL, DF_E_BAD_MODEL, DF_E_NO_MEMORY. A photo that fails is told to `each`. */
DF_API df_status df_gallery_register(df_gallery *gallery, const df_photo_item *items, size_t n, const df_opts *opts, const df_register_opts *how,
                                     df_register_fn each, void *user, df_error *err);

typedef struct df_search_opts {
    size_t      size;    /* set by df_search_opts_default */
    int         k;       /* at most so many faces for each face of the photo, 0 (default) = all within the threshold */
    bool        nearest; /* true: the k nearest, whether within the threshold or not (k 0: 10); default false */
    const char *where;   /* a condition on the faces that are searched, "gender = 'Woman' and age < 40" (docs/gallery.md); NULL (default): none */
    double      far;     /* the threshold at which a stranger's search finds anybody with this probability at most, 0..1; NaN (default): that of opts.
                            Excludes `threshold` and `far` of df_opts: DF_E_ARGUMENT */
    unsigned    with;    /* of df_find: DF_WITH_* as in df_register_opts, to be known of the folder's faces for `where`; 0 (default): nothing */
    bool        auto_filter; /* true: of the gallery's faces those alone that may be of the same gender, race, age as the photo's face; default false */
    unsigned    auto_by;     /* by which: DF_WITH_GENDER, _RACE, _AGE; 0 (default): gender */
    double      auto_bar;    /* a gender or race counts from this confidence on, of the photo's face and of the gallery's, 0.5..1; NaN (default): 0.9 */
    const char *index;   /* NULL (default), "flat": exact. "hnsw", "faiss", "annoy", "nmslib", with parameters "hnsw:M=32", "faiss:IVF1024,Flat": through an
                            approximate index (docs/index.md), exactly as long as none is ready. "auto": by whatever is quickest */
    double      recall;  /* part of the ten nearest that an index is to find, from 0.5 to less than 1; NaN (default): 0.95 */
} df_search_opts;        /* new fields at the end only */

DF_API void df_search_opts_init(df_search_opts *opts, size_t size);
static inline df_search_opts df_search_opts_default(void)
{
    df_search_opts o;
    df_search_opts_init(&o, sizeof o);
    return o;
}

typedef struct df_match {
    uint64_t    face;        /* its id in the gallery */
    const char *name;        /* of the person, NULL: not named */
    const char *path;        /* of its photo */
    char        sha256[65];  /* of that photo */
    df_face     target;      /* where it is on that photo */
    double      distance, confidence; /* as in df_verify_result */
    bool        verified;    /* distance <= threshold */
} df_match;

typedef struct df_matches df_matches;

/* The faces of the gallery that are nearest to each face of a photo; as of one moment, and exact unless df_search_opts.index says otherwise. Reads
 * every field of opts.
 *   search  NULL for the defaults
 *   out     nearest first, equal ones in the order of their paths, which also tells who of them is among k
 * Errors: those of df_represent, DF_E_STORE; DF_E_ARGUMENT where `where` is wrong, or where auto_filter is wanted and no face has such an attribute;
 * DF_E_UNSUPPORTED: the index's library is not built in, the message names its package. */
DF_API df_status df_gallery_search(df_gallery *gallery, const char *path, const df_opts *opts, const df_search_opts *search, df_matches **out,
                                   df_error *err);
DF_API df_status df_gallery_search_image(df_gallery *gallery, const df_image *img, const df_opts *opts, const df_search_opts *search,
                                         df_matches **out, df_error *err);
DF_API size_t          df_matches_probes(const df_matches *m); /* faces of the photo that was asked about */
DF_API const df_face  *df_matches_probe(const df_matches *m, size_t probe); /* NULL past the last, as below */
DF_API size_t          df_matches_count(const df_matches *m, size_t probe);
DF_API const df_match *df_matches_at(const df_matches *m, size_t probe, size_t index);
DF_API double          df_matches_threshold(const df_matches *m);
DF_API size_t          df_matches_searched(const df_matches *m); /* faces that were compared with, before auto_filter */
/* The condition that auto_filter made of a face of the photo, in the language of `where`; NULL: none, nothing of the face was sure enough. */
DF_API const char     *df_matches_filter(const df_matches *m, size_t probe);
DF_API size_t          df_matches_left(const df_matches *m, size_t probe); /* faces that a face of the photo was compared with, after it */
DF_API void            df_matches_free(df_matches *m);

/* What answered a search. */
typedef struct df_index_used {
    char   index[160]; /* "flat": all faces were compared; "hnsw:M=16,ef=100" */
    bool   exact;      /* no nearer face was passed over: flat, and filters that are so narrow that they are searched exactly */
    double recall;     /* part of the ten nearest that is found, as the index was measured when it was built; 1 where exact */
    char   why[400];   /* why it was this one; "" where no index was asked for */
} df_index_used;
DF_API const df_index_used *df_matches_index(const df_matches *m);

/* How a threshold of df_search_opts.far came about: from the distances between the gallery's own people, one face each. */
typedef struct df_far_info {
    double   far;           /* what was asked for: of one search */
    double   of_comparison; /* of one comparison at the threshold */
    double   expected;      /* false accepts of a stranger's search: of_comparison x faces searched */
    uint64_t people, pairs; /* that were measured */
    bool     extrapolated;  /* fewer false accepts than so many pairs can show: the curve was continued, on the safe side */
} df_far_info;
/* NULL where df_search_opts.far was not given. */
DF_API const df_far_info *df_matches_far(const df_matches *m);

/* One line. Of df_find: upstream's list for each face of the photo, of objects with the keys identity, hash, target_x, target_y, target_w, target_h,
 * threshold, source_x, source_y, source_w, source_h, distance, confidence; `hash` is the photo's sha256. Of a search: an object with the threshold,
 * how many faces were searched, and `probes`, each with its place and its matches. */
DF_API df_status df_matches_json(const df_matches *m, char **out, df_error *err);

/* Called now and then from one thread at a time; `total` may be 0 where it is not known. Return false to stop early: DF_E_STOPPED. */
typedef bool (*df_progress_fn)(void *user, size_t done, size_t total);

/* The faces on the photos of a folder, and of those inside it, that are nearest to each face of a photo. The folder's photos are read once: what
 * is known of them is kept in FOLDER/.deepface, or in the cache folder where nothing can be written there (docs/gallery.md), and each call brings
 * it up to date: photos that are new, changed, moved or gone. Photos without a face and broken ones are passed over.
 *   step  told after each photo that was read; may be NULL
 *   out   as of df_gallery_search; paths begin with `folder`
 * Errors: those of df_gallery_search, DF_E_IO (the folder), DF_E_ARGUMENT (it holds no photos), DF_E_STOPPED.
 * Source: deepface 0.0.103 modules/recognition.py find. */
DF_API df_status df_find(df_engine *engine, const char *path, const char *folder, const df_opts *opts, const df_search_opts *search,
                         df_progress_fn step, void *user, df_matches **out, df_error *err);
DF_API df_status df_find_image(df_engine *engine, const df_image *img, const char *folder, const df_opts *opts, const df_search_opts *search,
                               df_progress_fn step, void *user, df_matches **out, df_error *err);

/* Is the photo of the person `name`? The nearest pair of its faces and the person's decides; result->face2 is the gallery's. Always exact: one person's
 * faces are few.
 * Errors: those of df_gallery_search; DF_E_ARGUMENT: nobody has that name. */
DF_API df_status df_gallery_identify(df_gallery *gallery, const char *path, const char *name, const df_opts *opts, df_verify_result *result,
                                     df_error *err);

typedef struct df_gallery_stats {
    char     pipeline[512]; /* of its vectors, in words */
    size_t   dims;
    uint64_t people, photos, faces, unnamed; /* unnamed: faces without a name */
    uint64_t bytes, unused_bytes;            /* of the database file; of them given back by df_gallery_vacuum */
    uint64_t matrix_bytes;                   /* of the vectors' matrix beside it */
    uint64_t change;                         /* number of the last change */
    int64_t  made;                           /* seconds since 1970 */
    uint64_t with_age, with_gender, with_emotion, with_race, with_liveness, with_quality; /* faces of which it is known */
} df_gallery_stats;

/* An approximate index of a gallery: files beside its database, PATH-hnsw for example, made from it. */
typedef struct df_index_info {
    char        index[160]; /* "hnsw:M=16,ef=100": what it was built as; "" where its head is damaged */
    const char *path;
    bool        euclidean;  /* for that metric; else for any of the others */
    uint64_t    rows, later;/* faces in it; registered since: they are searched exactly beside it */
    uint64_t    bytes, generation; /* of its files; of the vectors that it was built of */
    double      share;      /* of an exact search's time that a query takes at a recall of 0.95, as measured when it was built; NaN: never so good */
    char        stale[400]; /* why it is not used: the next search that asks for it answers exactly and builds it anew; "": it is used */
} df_index_info;

/* Build an index and wait; it takes the place of the library's former one when it is whole. Others may read and write the gallery meanwhile. Searches
 * build what they lack in the background by themselves, unless df_gallery_opts says no.
 *   index  as in df_search_opts; "auto": what suits the gallery's size
 *   opts   its metric alone is read; NULL: that of df_gallery_open
 *   step   told vectors done of all; may be NULL
 * Errors: DF_E_UNSUPPORTED (names the package), DF_E_ARGUMENT (a name or parameters that are none; no faces; auto: an exact search is quicker),
 * DF_E_STORE (another process builds it; read only), DF_E_IO, DF_E_STOPPED, DF_E_NO_MEMORY. */
DF_API df_status df_gallery_index_build(df_gallery *gallery, const char *index, const df_opts *opts, df_progress_fn step, void *user, df_error *err);
/* Remove its files. Errors: DF_E_ARGUMENT (there is none), DF_E_STORE. */
DF_API df_status df_gallery_index_drop(df_gallery *gallery, const char *index, const df_opts *opts, df_error *err);
/* Each index that is there; borrowed during the call. Return false to stop: DF_E_STOPPED. */
typedef bool (*df_index_fn)(void *user, const df_index_info *info);
DF_API df_status df_gallery_indexes(df_gallery *gallery, df_index_fn each, void *user, df_error *err);

/* Remove the faces of a condition; photos and people left without a face go too. *removed (may be NULL): how many faces. NULL is no condition:
 * DF_E_ARGUMENT. Errors: DF_E_ARGUMENT tells where a condition is wrong, DF_E_STORE. */
DF_API df_status df_gallery_delete(df_gallery *gallery, const char *where, uint64_t *removed, df_error *err);
/* Give the faces of a condition another name ("" takes it away), or their people other metadata (a JSON object; "" takes it away); NULL leaves it.
 * *changed (may be NULL): how many faces. Errors: those of df_gallery_delete. */
DF_API df_status df_gallery_update(df_gallery *gallery, const char *where, const char *name, const char *meta, uint64_t *changed, df_error *err);

/* Faces into groups of one person each, by Chinese whispers over those within the threshold of each other. Reads metric and threshold of opts;
 * unless told the threshold is stricter than that of verify, for each face has many chances to be taken for another's (docs/gallery.md).
 *   where   which faces; NULL: those without a name
 *   name    the faces of groups of two or more get the names NAME-1, NAME-2, ..., the largest group first; NULL: nothing is changed
 *   each    told the id and the group of each face, group 0 the largest; may be NULL. Return false to stop: DF_E_STOPPED
 *   groups  how many there are, those of one face among them; may be NULL
 * Errors: those of df_gallery_update, DF_E_STOPPED. */
typedef bool (*df_cluster_fn)(void *user, uint64_t face, size_t group);
DF_API df_status df_gallery_cluster(df_gallery *gallery, const char *where, const char *name, const df_opts *opts, df_cluster_fn each, void *user,
                                    size_t *groups, df_error *err);

/* Read all of the gallery and of the matrix beside it, and compare. `each` (may be NULL) is told what is wrong; a matrix with faults is built anew by the
 * next search. Errors: DF_E_STORE, where the file cannot be read to its end. */
typedef void (*df_gallery_fault_fn)(void *user, const char *fault);
DF_API df_status df_gallery_check(df_gallery *gallery, df_gallery_fault_fn each, void *user, size_t *faults, df_error *err);
/* Give back the space of what was removed, in the database and in the matrix. */
DF_API df_status df_gallery_vacuum(df_gallery *gallery, df_error *err);

/* One face with all that is known of it. Numbers that are not known are NaN, texts NULL. */
typedef struct df_gallery_face {
    uint64_t     face;      /* its id; given by the gallery, also in df_gallery_import */
    const char  *path, *photo_meta, *name, *person_meta;
    char         sha256[65];/* of the photo's file */
    uint64_t     bytes;     /* of the photo's file */
    int64_t      modified;  /* of the photo's file, ns since 1970 */
    int64_t      added;     /* seconds since 1970; 0 in df_gallery_import: now */
    df_face      at;
    double       quality, age, gender_confidence, emotion_confidence, race_confidence, liveness; /* all but age 0..1 */
    const char  *gender, *emotion, *race;
    const float *vector;    /* [dims] of df_gallery_stats */
} df_gallery_face;

/* Each face of a condition (NULL: all) in the order of ids, as of one moment; borrowed during the call. Return false to stop. */
typedef bool (*df_gallery_face_fn)(void *user, const df_gallery_face *face);
DF_API df_status df_gallery_export(df_gallery *gallery, const char *where, df_gallery_face_fn each, void *user, df_error *err);
/* Take faces in, all or none. Those of one photo follow one another; a photo whose path is known takes the place of the old one. The vectors must be
 * of the gallery's pipeline: nobody can check it. Errors: DF_E_ARGUMENT (a path or sha256 that is none, a vector that is not finite), DF_E_STORE. */
DF_API df_status df_gallery_import(df_gallery *gallery, const df_gallery_face *faces, size_t n, df_error *err);

DF_API df_status df_gallery_get_stats(df_gallery *gallery, df_gallery_stats *out, df_error *err);

/* ---- process: everything about the faces of a photo, found once ---------------------------------- */

/* What is wanted of each face; any of them together. */
enum {
    DF_WITH_AGE = 1, DF_WITH_GENDER = 2, DF_WITH_EMOTION = 4, DF_WITH_RACE = 8, /* attributes */
    DF_WITH_LIVENESS = 16, DF_WITH_QUALITY = 32, DF_WITH_EMBEDDING = 64,
    DF_WITH_ATTRIBUTES = DF_WITH_AGE | DF_WITH_GENDER | DF_WITH_EMOTION | DF_WITH_RACE
};

/* Places in the arrays below; df_attribute_label has their names. */
enum { DF_WOMAN, DF_MAN, DF_GENDERS };
enum { DF_ANGRY, DF_DISGUST, DF_FEAR, DF_HAPPY, DF_SAD, DF_SURPRISE, DF_NEUTRAL, DF_EMOTIONS };
enum {
    DF_RACE_ASIAN, DF_RACE_INDIAN, DF_RACE_BLACK, DF_RACE_WHITE, DF_RACE_MIDDLE_EASTERN, DF_RACE_LATINO_HISPANIC, DF_RACE_OTHER, DF_RACES
};

/* What a face on a photo is worth for recognition. */
enum {
    DF_QUALITY_BLURRED = 1, DF_QUALITY_DARK = 2, DF_QUALITY_BRIGHT = 4, DF_QUALITY_FLAT = 8, DF_QUALITY_SMALL = 16, DF_QUALITY_TURNED = 32,
    DF_QUALITY_TILTED = 64, DF_QUALITY_CUT = 128
};

typedef struct df_quality {
    float    score;                  /* 0..100: the product of what each of the following is worth */
    float    sharpness;              /* 0..1, of the face brought to one size */
    float    brightness, contrast;   /* mean and standard deviation of its grey levels, 0..255 */
    float    size;                   /* the box's shorter side, pixels of the photo */
    float    yaw, pitch, roll;       /* degrees, estimated from the five points: to the person's left, upwards, clockwise; NaN without points */
    unsigned reasons;                /* DF_QUALITY_*: what is bad */
} df_quality;

/* "blurred", "dark", ... for the index-th bad thing; NULL past the last. */
DF_API const char *df_quality_reason(const df_quality *q, size_t index);

typedef struct df_attributes {
    unsigned has;                   /* DF_WITH_*: what of the following was asked for */
    float    age;                   /* years, as it looks */
    float    gender[DF_GENDERS];    /* percent, as the next two */
    float    emotion[DF_EMOTIONS];
    float    race[DF_RACES];        /* NaN: a class that the network does not know. Of six and "other" the light one knows five */
    int      dominant_gender, dominant_emotion, dominant_race; /* the greatest of each */
    bool     is_real;               /* a live face, no photo of one */
    float    antispoof_score;       /* 0..1: how sure of it */
    df_quality quality;
} df_attributes;

/* "Woman", "happy", "latino hispanic": upstream's words, and "other". `which` is one of DF_WITH_GENDER, _EMOTION, _RACE; NULL past the last. */
DF_API const char *df_attribute_label(unsigned which, size_t place);
/* "age,gender,emotion,race,liveness,quality,embedding" to a set of DF_WITH_*; spaces are passed over. Errors: DF_E_ARGUMENT names the word and those that are known. */
DF_API df_status df_want_parse(const char *text, unsigned *want, df_error *err);

typedef struct df_results df_results; /* the faces of one photo and what was wanted of them */

/* Find the faces of a photo once and tell all that is wanted of them. Reads the fields of df_represent, attributes, liveness.
 *   want  DF_WITH_*, at least one
 *   out   faces in the order of df_detect
 * Errors: those of df_represent (with DF_WITH_EMBEDDING) and of df_detect; DF_E_ARGUMENT (want). */
DF_API df_status df_process(df_engine *engine, const char *path, unsigned want, const df_opts *opts, df_results **out, df_error *err);
DF_API df_status df_process_image(df_engine *engine, const df_image *img, unsigned want, const df_opts *opts, df_results **out, df_error *err);
DF_API size_t               df_results_count(const df_results *r);
DF_API const df_face       *df_results_face(const df_results *r, size_t index); /* NULL past the last */
DF_API const df_attributes *df_results_attributes(const df_results *r, size_t index);
/* One row a face, or NULL where none were wanted. */
DF_API const df_embeddings *df_results_embeddings(const df_results *r);
DF_API void                 df_results_free(df_results *r);

/* Called once a photo, from one thread at a time, in any order. Exactly one of `faces` (borrowed, ends with the call) and `failed` is NULL.
 * Return false to stop early. */
typedef bool (*df_process_fn)(void *user, size_t index, const df_results *faces, const df_error *failed);

/* df_process over many photos with the engine's threads. Faces of several photos go through each network together; no more photos are held
 * at a time than a few for each thread. A photo that fails is told to `each` and the rest goes on.
 * Errors: DF_E_ARGUMENT, DF_E_NO_MODEL, DF_E_BAD_MODEL, DF_E_NO_MEMORY. */
DF_API df_status df_process_many(df_engine *engine, const char *const *paths, size_t n, unsigned want, const df_opts *opts, df_process_fn each,
                                 void *user, df_error *err);

/* df_process with upstream's verb: actions 0 is its age, gender, emotion and race.
 * Source of the results' keys: deepface 0.0.103 modules/demography.py. */
DF_API df_status df_analyze(df_engine *engine, const char *path, unsigned actions, const df_opts *opts, df_results **out, df_error *err);
DF_API df_status df_analyze_image(df_engine *engine, const df_image *img, unsigned actions, const df_opts *opts, df_results **out, df_error *err);

/* ---- draw ---------------------------------------------------------------------------------- */

/* Draw boxes, points, landmarks and, where labels is not NULL, labels[i] (UTF-8; what the font lacks becomes '?') on the photo.
 * labels[i] may be NULL. */
DF_API df_status df_draw_faces(df_image *img, const df_faces *faces, const char *const *labels, df_error *err);

/* One picture of what the stages make of a photo, side by side: the photo, the faces found, the largest of them aligned, masked, and as the
 * network sees it (what is less than 0 or more than 1 there: its least black, its greatest white). Reads the fields of df_represent; without
 * `mask` the mask is shown, but not what the network sees of it. Errors: those of df_extract. */
DF_API df_status df_stages(df_engine *engine, const char *path, const df_opts *opts, df_image **out, df_error *err);
DF_API df_status df_stages_image(df_engine *engine, const df_image *img, const df_opts *opts, df_image **out, df_error *err);

/* ---- models -------------------------------------------------------------------------------- */

typedef enum df_model_state { DF_MODEL_READY, DF_MODEL_ABSENT, DF_MODEL_DAMAGED } df_model_state;

typedef struct df_model_info {
    const char *name;       /* as in options: "Dlib", "retinaface" */
    const char *task;       /* "recogniser", "detector", "landmarks", "attribute", "liveness" */
    const char *file;       /* in the weights folder */
    const char *sha256;     /* 64 hex digits; "" of a file in no registry: what its first use saw counts (docs/weights.md) */
    const char *licence;    /* of the weights */
    bool        commercial; /* may be used commercially */
    size_t      bytes;      /* 0 where sha256 is "" */
    int         width, height, dims; /* network input in pixels; length of the embedding, 0 where there is none */
    const char *get;        /* what fetches it: a command, or where it comes from */
} df_model_info;

/* Files of the catalogue; NULL past the last. */
DF_API const df_model_info *df_model_at(size_t index);
/* The addresses that a model's project publishes its file at, the first first; NULL past the last. */
DF_API const char *df_model_url(const char *name, size_t index);
/* Bytes of a model's file: as pinned; else roughly, and *rough is set; 0: not known. */
DF_API size_t df_model_bytes(const char *name, bool *rough);
/* Look at a model's file: size and, with `hash`, its sha256. `path` (may be NULL) takes the file's full name. */
DF_API df_status df_model_check(df_engine *engine, const char *name, bool hash, df_model_state *state, char *path,
                                size_t path_size, df_error *err);

typedef enum df_pull_step {
    DF_PULL_WAITING,   /* for another pull of the same file, or before the next try: `note` says why */
    DF_PULL_FETCHING,  /* bytes come, `done` of `total` */
    DF_PULL_UNPACKING, /* what came is a .bz2, .gz, .xz or .zip */
    DF_PULL_CHECKING,  /* sha256, and what the file is */
    DF_PULL_READY,     /* the last: it is there now */
    DF_PULL_KEPT       /* the last: it was there, and right */
} df_pull_step;

typedef struct df_pull_progress {
    df_pull_step step;
    const char  *name;   /* of the model */
    const char  *source; /* address or file; NULL before there is one */
    uint64_t     done, total; /* bytes; total 0: not known */
    const char  *note;   /* told once; NULL: nothing to say */
} df_pull_progress;

/* Called from the caller's thread, at least once a second while bytes come or it waits; what it is given ends with the call. Return false to stop: what came stays. */
typedef bool (*df_pull_fn)(void *user, const df_pull_progress *progress);

typedef struct df_pull_opts {
    size_t      size;    /* set by df_pull_opts_default */
    const char *from;    /* NULL (default): the model's official addresses in order. Else an address (http, https), a file, "-" (standard
                          * input), or a folder or an address that ends in '/': the model's file in it */
    int         retries; /* further tries of an address after a failure that may pass, 0..100; default 4. One that brought bytes is not counted */
    int         stall;   /* seconds for connecting, and with less than 1,000 bytes a second, that make a failure, 1..3600; default 30 */
    df_pull_fn  each;    /* NULL (default): nobody is told */
    void       *user;
} df_pull_opts;          /* new fields at the end only */

DF_API void df_pull_opts_init(df_pull_opts *opts, size_t size);
static inline df_pull_opts df_pull_opts_default(void)
{
    df_pull_opts o;
    df_pull_opts_init(&o, sizeof o);
    return o;
}

/* Fetch a model's file into the weights folder (docs/weights.md says how, and what is checked). Nothing is fetched where the right file is
 * there; a wrong one is renamed to NAME.old once the right one is here. A second call, also of another process, waits for the first and
 * goes on where a former one ended. opts NULL for the defaults.
 * Errors: DF_E_NO_MODEL no address serves it (the message says where it comes from), DF_E_BAD_MODEL what came is another file, DF_E_IO the
 * network, the disk, stopped by `each`, DF_E_LIMIT, DF_E_UNSUPPORTED (libcurl or libarchive is not there, an operator), DF_E_ARGUMENT,
 * DF_E_NO_MEMORY. */
DF_API df_status df_model_pull(df_engine *engine, const char *name, const df_pull_opts *opts, df_error *err);

/* ---- networks of your own ------------------------------------------------------------------- */

/* An ONNX file of known operators (docs/operators.md), ready to run, by what runs the models above. */
typedef struct df_network df_network;

typedef enum df_dtype { /* the numbers of onnx.TensorProto.DataType */
    DF_F32 = 1, DF_U8 = 2, DF_I8 = 3, DF_U16 = 4, DF_I16 = 5, DF_I32 = 6, DF_I64 = 7, DF_BOOL = 9, DF_F16 = 10, DF_F64 = 11,
    DF_U32 = 12, DF_U64 = 13, DF_BF16 = 16
} df_dtype;

enum { DF_MAX_RANK = 8 };

typedef struct df_tensor {
    df_dtype type;
    int      rank;              /* 0: a scalar */
    int64_t  dims[DF_MAX_RANK]; /* -1: not known before a run */
    void    *data;              /* dense, the last dimension fastest, aligned as its type; never written where it goes in */
} df_tensor;

typedef struct df_port { const char *name; df_tensor shape; } df_port; /* data NULL; dims of -1 and a rank of -1: any */

typedef struct df_network_opts {
    size_t      size;      /* set by df_network_opts_default */
    const char *precision; /* as in df_engine_opts; NULL (default): the engine's */
    int         threads;   /* threads a run may use; 0 (default): the engine's */
} df_network_opts;         /* new fields at the end only */

DF_API void df_network_opts_init(df_network_opts *opts, size_t size);
static inline df_network_opts df_network_opts_default(void)
{
    df_network_opts o;
    df_network_opts_init(&o, sizeof o);
    return o;
}

/* Open an ONNX file. Its large tensors may lie in files beside it, in its own folder. What it is compiled to, at the first run with inputs of
 * a shape, is kept, and the packed weights for the next process too, in a cache folder (docs/weights.md).
 * Errors: DF_E_IO, DF_E_UNSUPPORTED (names the operator and the node), DF_E_BAD_MODEL, DF_E_LIMIT, DF_E_ARGUMENT, DF_E_NO_MEMORY. */
DF_API df_status df_network_open(df_engine *engine, const char *path, const df_network_opts *opts, df_network **out, df_error *err);
/* Name, type and shape as the file declares them; NULL past the last. */
DF_API const df_port *df_network_input(const df_network *net, size_t index);
DF_API const df_port *df_network_output(const df_network *net, size_t index);
/* What it was opened with: "fast", "strict" or "int8"; threads that a run may use. */
DF_API const char    *df_network_precision(const df_network *net);
DF_API int            df_network_threads(const df_network *net);
DF_API void           df_network_free(df_network *net); /* before its engine */

typedef struct df_tensors df_tensors; /* the outputs of one run */

/* Run. Any number of threads at once; on how many threads a run uses only the last digits of an answer may depend.
 *   in  one tensor an input, in the network's order; shapes and types as declared, any size where a dim is -1
 * Errors: DF_E_ARGUMENT names the input and both shapes, DF_E_BAD_MODEL names the node, DF_E_LIMIT, DF_E_NO_MEMORY. */
DF_API df_status df_network_run(df_network *net, const df_tensor *in, size_t n, df_tensors **out, df_error *err);
DF_API size_t           df_tensors_count(const df_tensors *tensors);
DF_API const df_tensor *df_tensors_at(const df_tensors *tensors, size_t index); /* in the network's order; NULL past the last */
DF_API void             df_tensors_free(df_tensors *tensors);

typedef struct df_layer {
    const char *name, *op, *kernel; /* of the node in the file; its operator; what computes it */
    double      seconds;            /* the least of the runs: what else a machine does only adds to it */
    double      flops;              /* two for each multiply-add of a convolution or product of matrices, as written in the file; 0: neither */
} df_layer;
typedef struct df_layers df_layers; /* one a step that is left after folding and fusing, in the order of a run */

/* Time each step for inputs of these shapes, over `runs` runs (1 to 1,000,000). No steps for a network whose shapes depend on data. */
DF_API df_status df_network_profile(df_network *net, const df_tensor *in, size_t n, int runs, df_layers **out, df_error *err);
DF_API size_t          df_layers_count(const df_layers *layers);
DF_API const df_layer *df_layers_at(const df_layers *layers, size_t index); /* NULL past the last */
/* Floating-point operations a second of a product of two matrices of 1024 x 1024 in the same precision with as many threads: what the
 * machine can do, to compare with. Winograd's convolutions may pass it, for they need fewer than are counted. */
DF_API double          df_layers_peak(const df_layers *layers);
DF_API void            df_layers_free(df_layers *layers);

/* ---- results as JSON, with the keys of deepface 0.0.103 ----------------------------------------- */

/* UTF-8, one line. Free with df_string_free. */
DF_API df_status df_verify_result_json(const df_verify_result *r, char **out, df_error *err);
DF_API df_status df_faces_json(const df_faces *faces, char **out, df_error *err);
/* The list that deepface's analyze gives, of the attributes that were wanted; with embeddings also "embedding". */
DF_API df_status df_results_json(const df_results *r, char **out, df_error *err);
DF_API df_status df_embeddings_json(const df_embeddings *e, char **out, df_error *err);
DF_API void      df_string_free(char *s);

#ifdef __cplusplus
}
#endif
#endif /* DEEPFACE_H */
