/* find.c - the verb find: a photo against the photos of a folder.
 *
 * The folder keeps a gallery of its own, FOLDER/.deepface/KEY.db, one for each pipeline; where nothing can be written there, it lies in the cache
 * folder. Each call brings it up to date with what the files' sizes and times tell: files that are new or changed are read, those whose content is
 * known (moved, copied, touched) are not looked at again, those that are gone are forgotten. */
#define _XOPEN_SOURCE 700 /* realpath */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/gallery.h"
#include "core/options.h"
#include "core/sha256.h"
#include "core/threads.h"
#include "gallery/walk.h"

/* ---- where the gallery lies ---- */

static char *print_path(const char *a, const char *b, const char *c)
{
    size_t size = strlen(a) + strlen(b) + strlen(c) + 3;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s/%s%s%s", a, b, *c ? "/" : "", c);
    return path;
}

/* What the vectors are of, which faces are taken and what is told of them: galleries that differ in one of these are kept apart. */
static void name_of(const df_store_key *key, const df_opts *o, unsigned with, const char *folder, char out[65])
{
    char text[8192];
    snprintf(text, sizeof text, "%s; score %g, max_faces %d, min_face %d, detect_size %d, tile %d, enforce %d, rotate %s, min_quality %d, alive %s; with %u of %s, %s; %s",
             key->pipeline, o->score, o->max_faces, o->min_face, o->detect_size, o->tile, o->enforce, o->rotate, o->min_quality,
             o->anti_spoofing ? o->liveness : "or not", with, with & DF_WITH_ATTRIBUTES ? o->attributes : "none", with & DF_WITH_LIVENESS ? o->liveness : "none",
             folder);
    df__sha256_hex(text, strlen(text), out);
    memcpy(out + 16, ".db", 4);
}

static bool make_folder(const char *path)
{
    struct stat info;
    return mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

/* In the cache folder, where the folder itself cannot be written. */
static df_status path_elsewhere(df_engine *e, const char *folder, const df_store_key *key, const df_opts *o, unsigned with, char **out, df_error *err)
{
    df_status st = DF_OK;
    char *cache = NULL, *real = realpath(folder, NULL), *galleries = NULL, name[65];
    DF_TRY(df__cache_dir(&e->loader, &cache, err));
    galleries = cache ? print_path(cache, "galleries", "") : NULL;
    if (!real || !galleries || !df__folder_for(galleries) || !make_folder(galleries))
        DF_TRY(df__fail(err, DF_E_IO, "%s: cannot be written, and there is no cache folder to keep what is known of its photos", folder));
    name_of(key, o, with, real, name);
    *out = print_path(galleries, name, "");
    if (!*out)
        DF_TRY(df__no_memory(err, "path", strlen(galleries)));
done:
    free(cache), free(real), free(galleries);
    return st;
}

static df_status path_of(df_engine *e, const char *folder, const df_store_key *key, const df_opts *o, unsigned with, char **out, df_error *err)
{
    char name[65];
    char *hidden = print_path(folder, ".deepface", "");
    name_of(key, o, with, "", name);
    *out = hidden ? print_path(hidden, name, "") : NULL;
    bool ours = hidden && make_folder(hidden) && access(hidden, W_OK | X_OK) == 0 && (access(*out ? *out : "", F_OK) != 0 || access(*out, W_OK) == 0);
    free(hidden);
    if (!*out)
        return df__no_memory(err, "path", strlen(folder));
    if (ours)
        return DF_OK;
    free(*out);
    *out = NULL;
    return path_elsewhere(e, folder, key, o, with, out, err);
}

/* The gallery is made of the photos: one that is damaged is begun again. */
static df_status open_gallery(df_engine *e, const df_opts *o, unsigned with, const char *folder, df_gallery **out, df_error *err)
{
    df_status st = DF_OK;
    df_store_key key;
    char *path = NULL;
    static const char *const ends[] = {"", "-wal", "-shm", "-vectors"};
    DF_TRY(df__gallery_key(e, o, &key, err));
    DF_TRY(path_of(e, folder, &key, o, with, &path, err));
    st = df_gallery_open(e, path, o, NULL, out, err);
    if (st == DF_E_STORE) {
        size_t size = strlen(path) + sizeof "-vectors";
        char *other = malloc(size);
        df__log(&e->loader.log, DF_LOG_WARN, "%s: begun again", err ? err->message : path);
        for (size_t i = 0; other && i < sizeof ends / sizeof *ends; i++) {
            snprintf(other, size, "%s%s", path, ends[i]);
            unlink(other);
        }
        free(other);
        st = df_gallery_open(e, path, o, NULL, out, err);
    }
done:
    free(path);
    return st;
}

/* ---- what is to be done ---- */

typedef struct stored { const char *path; uint64_t id, size; int64_t modified; } stored;

typedef struct folder_sync {
    df_engine         *engine;
    df_opts            opts;
    df_pipeline        p;
    unsigned           with;   /* DF_WITH_*: what the folder's gallery knows of each face */
    const char        *folder, *img_path;
    const df_image    *img;
    df_gallery        *g;
    df_walk            walk;
    df_arena           texts;
    stored            *photos; /* that the gallery knows */
    size_t             n, cap;
    size_t            *fresh;  /* files that are new or changed */
    size_t             n_fresh;
    uint64_t          *gone;
    size_t             n_gone;
    bool               out_of_memory;
    const df_search_opts *search;
    df_embeddings     *e;          /* of the photo that is asked about */
    df_attributes     *attributes; /* with auto_filter, as df__gallery_probe has it */
    df_status          st[3];  /* of the pipeline, the folder, the photo: the first that failed is told */
    df_error           err[3];
    df_progress_fn     step;
    void              *user;
    size_t             done;
} folder_sync;

static bool note(void *user, const df_store_photo *photo)
{
    folder_sync *s = user;
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 1024;
        stored *more = realloc(s->photos, cap * sizeof *more);
        if (!more) {
            s->out_of_memory = true;
            return false;
        }
        s->photos = more, s->cap = cap;
    }
    size_t size = strlen(photo->path) + 1;
    char *path = df__arena_alloc(&s->texts, size);
    if (!path) {
        s->out_of_memory = true;
        return false;
    }
    s->photos[s->n++] = (stored){memcpy(path, photo->path, size), photo->id, photo->size, photo->modified};
    return true;
}

static int by_path(const void *a, const void *b) { return strcmp(((const stored *)a)->path, ((const stored *)b)->path); }

/* Two lists in the order of paths, side by side. */
static df_status compare(folder_sync *s, df_error *err)
{
    size_t i = 0, k = 0;
    s->fresh = malloc((s->walk.n + 1) * sizeof *s->fresh);
    s->gone = malloc((s->n + 1) * sizeof *s->gone);
    if (!s->fresh || !s->gone)
        return df__no_memory(err, "photos of a folder", s->n * sizeof *s->gone);
    bool in_order = true; /* as they are where one call brought them */
    for (size_t m = 1; in_order && m < s->n; m++)
        in_order = strcmp(s->photos[m - 1].path, s->photos[m].path) < 0;
    if (!in_order)
        qsort(s->photos, s->n, sizeof *s->photos, by_path);
    while (i < s->walk.n || k < s->n) {
        int order = i == s->walk.n ? 1 : k == s->n ? -1 : strcmp(s->walk.files[i].path, s->photos[k].path);
        if (order < 0)
            s->fresh[s->n_fresh++] = i++;
        else if (order > 0)
            s->gone[s->n_gone++] = s->photos[k++].id;
        else {
            if (s->walk.files[i].size != s->photos[k].size || s->walk.files[i].modified != s->photos[k].modified)
                s->fresh[s->n_fresh++] = i;
            i++, k++;
        }
    }
    return DF_OK;
}

static df_status look_at_folder(folder_sync *s, df_error *err)
{
    df_status st = DF_OK;
    DF_TRY(df__walk(s->folder, &s->walk, err));
    if (s->walk.n == 0)
        DF_TRY(df__fail(err, DF_E_ARGUMENT, "%s holds no photos (.jpg, .jpeg, .png, .webp, .gif, .bmp, .tif, .tiff)", s->folder));
    DF_TRY(open_gallery(s->engine, &s->opts, s->with, s->folder, &s->g, err));
    DF_TRY(s->g->ops->photos(s->g->store, note, s, err));
    if (s->out_of_memory)
        DF_TRY(df__no_memory(err, "photos of a folder", s->cap * sizeof *s->photos));
    DF_TRY(compare(s, err));
done:
    return st;
}

/* The folder is looked at while models load and the photo is. */
static void look(void *arg, size_t i, int worker)
{
    folder_sync *s = arg;
    (void)worker;
    if (i == 1) {
        s->st[1] = look_at_folder(s, &s->err[1]);
        return;
    }
    s->st[0] = df__pipeline_open(s->engine, &s->opts, true, &s->p, &s->err[0]);
    if (s->st[0] == DF_OK)
        s->st[2] = df__gallery_probe(&s->p, s->img_path, s->img, s->search, &s->e, &s->attributes, &s->err[2]);
}

/* ---- doing it ---- */

static bool stepped(void *user, size_t index, df_register_state state, size_t faces, const df_error *failed)
{
    folder_sync *s = user;
    (void)index, (void)faces;
    if (state == DF_REFUSED)
        df__log(&s->engine->loader.log, DF_LOG_WARN, "%s", failed->message);
    s->done++;
    return !s->step || s->step(s->user, s->done, s->n_fresh);
}

static df_status bring_up_to_date(folder_sync *s, df_error *err)
{
    df_status st = DF_OK;
    df_arena paths = {0};
    df_processor w;
    df_ingest_item *items = calloc(s->n_fresh + 1, sizeof *items);
    if (!items)
        return df__no_memory(err, "photos of a folder", s->n_fresh * sizeof *items);
    if (s->n_fresh) /* networks of attributes load where there is something to tell */
        DF_TRY(df__process_open(s->engine, DF_WITH_EMBEDDING | s->with, &s->opts, &w, err));
    for (size_t i = 0; i < s->n_fresh; i++) {
        const char *name = s->walk.files[s->fresh[i]].path;
        size_t size = strlen(s->folder) + strlen(name) + 2;
        char *path = df__arena_alloc(&paths, size);
        if (!path)
            DF_TRY(df__no_memory(err, "photos of a folder", size));
        snprintf(path, size, "%s/%s", s->folder, name);
        items[i] = (df_ingest_item){.path = path, .stored = name, .index = i};
    }
    df_ingest job = {.items = items, .n = s->n_fresh, .with = s->with, .reuse = true, .keep_failures = true, .each = stepped, .user = s};
    if (s->n_fresh)
        DF_TRY(df__gallery_ingest(s->g, &w, &job, err));
    if (job.stopped)
        DF_TRY(df__fail(err, DF_E_STOPPED, "%s: stopped after %zu of %zu photos", s->folder, s->done, s->n_fresh));
    if (s->n_gone)
        DF_TRY(s->g->ops->forget(s->g->store, s->gone, s->n_gone, err));
done:
    free(items);
    df__arena_free(&paths);
    return st;
}

/* Paths as the caller knows the folder. */
static df_status name_matches(df_matches *m, const char *folder, df_error *err)
{
    bool slash = folder[0] && folder[strlen(folder) - 1] == '/';
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < m->probes[i].n; k++) {
            df_match *match = &m->probes[i].items[k];
            size_t size = strlen(folder) + strlen(match->path) + 2;
            char *path = malloc(size);
            if (!path)
                return df__no_memory(err, "path", size);
            snprintf(path, size, "%s%s%s", folder, slash ? "" : "/", match->path);
            free((char *)match->path);
            match->path = path;
        }
    return DF_OK;
}

static df_status find(df_engine *engine, folder_sync *s, const df_opts *opts, const df_search_opts *search, df_matches **out, df_error *err)
{
    df_status st = DF_OK;
    df_search_opts o;
    if (!engine || !s->folder || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_find: a NULL argument");
    *out = NULL;
    DF_TRY(df__search_opts_read(search, &o, err));
    if (strcmp(o.index, "flat") != 0)
        DF_TRY(df__fail(err, DF_E_UNSUPPORTED, "find compares with all faces of a folder; an index is for a gallery: register the folder"));
    DF_TRY(df__opts_read(opts, &s->opts, err));
    s->engine = engine, s->search = &o, s->with = o.with | (o.auto_filter ? o.auto_by : 0);
    df__parallel_for(2, engine->threads, look, s);
    for (int i = 0; i < 3; i++)
        if (s->st[i] != DF_OK) {
            if (err)
                *err = s->err[i];
            st = s->st[i];
            goto done;
        }
    if (s->n_fresh || s->n_gone)
        DF_TRY(bring_up_to_date(s, err));
    DF_TRY(df__gallery_ask(s->g, &s->p, s->e, s->attributes, &o, out, err));
    (*out)->of_folder = true;
    st = name_matches(*out, s->folder, err);
    if (st != DF_OK) {
        df_matches_free(*out);
        *out = NULL;
    }
done:
    df_embeddings_free(s->e);
    free(s->attributes);
    df_gallery_close(s->g);
    df__walk_free(&s->walk);
    df__arena_free(&s->texts);
    free(s->photos), free(s->fresh), free(s->gone);
    return st;
}

df_status df_find(df_engine *engine, const char *path, const char *folder, const df_opts *opts, const df_search_opts *search, df_progress_fn step,
                  void *user, df_matches **out, df_error *err)
{
    folder_sync s = {.folder = folder, .img_path = path, .step = step, .user = user};
    if (!path)
        return df__fail(err, DF_E_ARGUMENT, "df_find: the path of the photo is NULL");
    return find(engine, &s, opts, search, out, err);
}

df_status df_find_image(df_engine *engine, const df_image *img, const char *folder, const df_opts *opts, const df_search_opts *search, df_progress_fn step,
                        void *user, df_matches **out, df_error *err)
{
    folder_sync s = {.folder = folder, .img = img, .step = step, .user = user};
    if (!img)
        return df__fail(err, DF_E_ARGUMENT, "df_find_image: the image is NULL");
    return find(engine, &s, opts, search, out, err);
}
