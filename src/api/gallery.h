/* gallery.h - what the verbs of a gallery share: the handle, putting photos in, asking. */
#ifndef DF_API_GALLERY_H
#define DF_API_GALLERY_H

#include "api/process.h"
#include "gallery/indexes.h"
#include "gallery/vectors.h"

enum { DF_GALLERY_FILTERS = 8 };

struct df_gallery {
    df_engine          *engine;
    df_opts             opts; /* of df_gallery_open, read */
    char               *path;
    const df_store_ops *ops;
    void               *store;
    df_vectors         *vectors;
    df_indexes         *indexes;
    bool                read_only;
    struct { char *text; uint64_t change, *ids; size_t n; } filters[DF_GALLERY_FILTERS]; /* the last conditions and who meets them */
    size_t              next_filter; /* the place that the next one takes */
    unsigned            knows;       /* DF_WITH_* that some of its faces have, as far as it was asked */
};

/* What makes vectors of these options comparable, in words, and their length. */
df_status df__gallery_key(df_engine *engine, const df_opts *opts, df_store_key *out, df_error *err);
/* Open the stages for a call with `opts` (NULL: those of df_gallery_open); another pipeline than the gallery's is DF_E_STORE. */
df_status df__gallery_pipeline(df_gallery *g, const df_opts *opts, bool network, df_pipeline *out, df_error *err);
/* Are the vectors of this pipeline the gallery's? DF_E_STORE. */
df_status df__gallery_fits(df_gallery *g, const df_pipeline *p, df_error *err);

/* ---- putting photos in ---- */

typedef struct df_ingest_item {
    const char *path, *stored; /* where it is read; how it is called in the store */
    const char *name, *meta;
    size_t      index;         /* what `each` is told */
} df_ingest_item;

typedef struct df_ingest {
    const df_ingest_item *items;
    size_t         n;
    unsigned       with;          /* DF_WITH_*: attributes of each face; those of photos that are known are completed */
    bool           once;          /* a content is kept under one path alone */
    bool           reuse;         /* faces of a content that is known under another path, which may be gone, are taken over */
    bool           keep_failures; /* photos without a face, or broken ones, are remembered and not tried again */
    df_register_fn each;          /* may be NULL */
    void          *user;
    bool           stopped;       /* set: `each` wanted so */
} df_ingest;

/* `w` tells the vectors and what `with` wants. */
df_status df__gallery_ingest(df_gallery *g, const df_processor *w, df_ingest *job, df_error *err);

/* What a face's attributes are in a store: only what `a->has` says is known. The texts are the library's own. */
void df__gallery_traits(const df_attributes *a, df_store_face *out);
/* DF_WITH_* of what is not known of a face. */
unsigned df__gallery_lacks(const df_store_face *f);
/* Faces of a photo that is known which lack something of `with`: {.with = ...}, and free() the faces. */
typedef struct df_lacking { unsigned with, lacks; df_store_face *faces; size_t n; bool out_of_memory; } df_lacking;
bool df__gallery_note_lacking(void *user, const df_store_record *record); /* a df_record_fn; user: df_lacking */
/* A df_record_fn: the traits of the faces of a photo, one after another, for those of a photo of the same content. user: df_retold. */
typedef struct df_retold { df_store_face *faces; size_t n, at; } df_retold;
bool df__gallery_retell(void *user, const df_store_record *record);
/* Of the faces found anew on the photo take what they lack; those that are not found again are dropped. */
void df__gallery_describe(df_lacking *l, const df_results *r);

/* A df_record_fn: append the vector and the place of a face to user->e. */
typedef struct df_gathered { df_embeddings *e; bool out_of_memory; } df_gathered;
bool df__gallery_gather(void *user, const df_store_record *record);
/* Empty embeddings of a pipeline, to gather into. */
df_embeddings *df__gallery_no_embeddings(const df_pipeline *p);

/* Faces that meet a condition, between begin and end of the store, which is at `change`; borrowed until the next call. NULL: *filter is NULL. */
df_status df__gallery_filter(df_gallery *g, const char *where, uint64_t change, df_filter *room, const df_filter **filter, df_error *err);
/* Ids of the faces that meet it, as they are now; free(). */
df_status df__gallery_select(df_gallery *g, const char *where, uint64_t **ids, size_t *n, df_error *err);
/* NULL, or one JSON object of at most 65,536 bytes; `of` names it in messages. */
df_status df__gallery_check_meta(const char *of, const char *meta, df_error *err);

/* ---- asking ---- */

typedef struct df_probe_matches {
    df_face   at;
    df_match *items;
    size_t    n, searched;
    char     *filter; /* of auto_filter; NULL: nothing of the face was sure enough */
} df_probe_matches;

struct df_matches {
    df_probe_matches *probes;
    size_t            n;
    double            threshold;
    size_t            searched;
    bool              of_folder; /* of df_find */
    bool              filtered;  /* auto_filter */
    df_far_info       far;       /* NaN: not asked for */
    df_index_used     index;
};

/* The faces of a photo of a path or a picture, with auto_filter also what it filters by: free() the attributes. */
df_status df__gallery_probe(const df_pipeline *p, const char *path, const df_image *img, const df_search_opts *o, df_embeddings **e,
                            df_attributes **attributes, df_error *err);
/* `attributes`: of each face, with auto_filter. */
df_status df__gallery_ask(df_gallery *g, const df_pipeline *p, const df_embeddings *e, const df_attributes *attributes, const df_search_opts *search,
                          df_matches **out, df_error *err);
/* Between df__vectors_begin and df__vectors_end: choose what answers n probes; afterwards note in m->index how it went. */
void df__gallery_use_index(df_gallery *g, df_metric metric, const df_search_opts *search, size_t n, df_matches *m);
void df__gallery_used_index(df_gallery *g, df_matches *m);
/* A caller's search options with the defaults. */
df_status df__search_opts_read(const df_search_opts *given, df_search_opts *out, df_error *err);

/* ---- auto_filter ---- */

enum { DF_AUTO_CONDITION = 384 };
/* Its options, checked and with the defaults. */
df_status df__auto_opts_read(df_search_opts *o, df_error *err);
/* DF_E_ARGUMENT: an attribute of `by` is not known of any face. Not between begin and end of the store. */
df_status df__gallery_knows(df_gallery *g, unsigned by, df_error *err);
/* The condition in words; "": none. */
void      df__auto_condition(const df_attributes *a, unsigned by, double bar, char out[DF_AUTO_CONDITION]);
/* Both that and `where`, as df__gallery_filter gives it; *text: the condition's own words, free(). */
df_status df__gallery_auto(df_gallery *g, const df_attributes *a, const df_search_opts *o, uint64_t change, char **text, df_filter *room,
                           const df_filter **filter, df_error *err);

#endif
