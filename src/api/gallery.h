/* gallery.h - what the verbs of a gallery share: the handle, putting photos in, asking. */
#ifndef DF_API_GALLERY_H
#define DF_API_GALLERY_H

#include "api/pipeline.h"
#include "gallery/indexes.h"

struct df_gallery {
    df_engine          *engine;
    df_opts             opts; /* of df_gallery_open, read */
    char               *path;
    const df_store_ops *ops;
    void               *store;
    df_vectors         *vectors;
    df_indexes         *indexes;
    bool                read_only;
    struct { char *text; uint64_t change, *ids; size_t n; } filter; /* the last condition and who meets it */
};

/* What makes vectors of these options comparable, in words, and their length. */
df_status df__gallery_key(df_engine *engine, const df_opts *opts, df_store_key *out, df_error *err);
/* Open the stages for a call with `opts` (NULL: those of df_gallery_open); another pipeline than the gallery's is DF_E_STORE. */
df_status df__gallery_pipeline(df_gallery *g, const df_opts *opts, bool network, df_pipeline *out, df_error *err);

/* ---- putting photos in ---- */

typedef struct df_ingest_item {
    const char *path, *stored; /* where it is read; how it is called in the store */
    const char *name, *meta;
    size_t      index;         /* what `each` is told */
} df_ingest_item;

typedef struct df_ingest {
    const df_ingest_item *items;
    size_t         n;
    bool           once;          /* a content is kept under one path alone */
    bool           reuse;         /* faces of a content that is known under another path, which may be gone, are taken over */
    bool           keep_failures; /* photos without a face, or broken ones, are remembered and not tried again */
    df_register_fn each;          /* may be NULL */
    void          *user;
    bool           stopped;       /* set: `each` wanted so */
} df_ingest;

df_status df__gallery_ingest(df_gallery *g, const df_pipeline *p, df_ingest *job, df_error *err);

/* A df_record_fn: append the vector and the place of a face to user->e. */
typedef struct df_gathered { df_embeddings *e; bool out_of_memory; } df_gathered;
bool df__gallery_gather(void *user, const df_store_record *record);
/* Empty embeddings of a pipeline, to gather into. */
df_embeddings *df__gallery_no_embeddings(const df_pipeline *p);

/* Faces that meet a condition, between begin and end of the store, which is at `change`; borrowed until the next condition. NULL: *filter is NULL. */
df_status df__gallery_filter(df_gallery *g, const char *where, uint64_t change, df_filter *room, const df_filter **filter, df_error *err);
/* Ids of the faces that meet it, as they are now; free(). */
df_status df__gallery_select(df_gallery *g, const char *where, uint64_t **ids, size_t *n, df_error *err);
/* NULL, or one JSON object of at most 65,536 bytes; `of` names it in messages. */
df_status df__gallery_check_meta(const char *of, const char *meta, df_error *err);

/* ---- asking ---- */

typedef struct df_probe_matches { df_face at; df_match *items; size_t n; } df_probe_matches;

struct df_matches {
    df_probe_matches *probes;
    size_t            n;
    double            threshold;
    size_t            searched;
    bool              of_folder; /* of df_find */
    df_far_info       far;       /* NaN: not asked for */
    df_index_used     index;
};

df_status df__gallery_ask(df_gallery *g, const df_pipeline *p, const df_embeddings *e, const df_search_opts *search, df_matches **out, df_error *err);
/* Between df__vectors_begin and df__vectors_end: choose what answers n probes; afterwards note in m->index how it went. */
void df__gallery_use_index(df_gallery *g, df_metric metric, const df_search_opts *search, size_t n, df_matches *m);
void df__gallery_used_index(df_gallery *g, df_matches *m);
/* A caller's search options with the defaults. */
df_status df__search_opts_read(const df_search_opts *given, df_search_opts *out, df_error *err);

#endif
