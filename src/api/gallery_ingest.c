/* gallery_ingest.c - photos into a gallery, some at a time: each read, hashed and looked up, one photo a thread; then the faces of those that are
 * new found and told about, all together (process.h); then, in the order they were given in, groups of them to disk.
 *
 * What a photo's file says about itself (size, time) is noted before its bytes are read: a file that changes meanwhile is taken for changed
 * the next time. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/gallery.h"
#include "core/sha256.h"
#include "core/threads.h"

enum { GROUP = 64 };                 /* photos that go to disk at once */
static const double group_seconds = 1; /* or what came in this time */

/* What there is to do for a photo: nothing (it has been told), write what is known by now, find its faces, find what they lack. */
typedef enum todo { SETTLED, TO_WRITE, TO_READ, TO_COMPLETE } todo;

/* A photo under way, then one that waits to be written. */
typedef struct waiting {
    const df_ingest_item *item;
    todo                  todo;
    unsigned              want; /* DF_WITH_*: of faces that are yet to be found */
    df_status             st;
    df_embeddings        *e; /* NULL: it failed, or its faces are known */
    df_store_face        *faces;
    df_store_photo        photo;
    df_error              failed;
    bool                  touched; /* nothing but size and time is new */
    df_lacking            lacking; /* it is known: what its faces lacked */
} waiting;

typedef struct work {
    df_gallery       *g;
    const df_processor *process;
    df_ingest       *job;
    waiting         *batch;  /* [most] under way */
    df_processed    *together; /* [most] of them whose faces are to be found */
    size_t           n_batch, most, looked; /* looked: of the batch, at which was looked before */
    pthread_mutex_t  lock; /* of all that follows, and of the store, while photos are looked at */
    waiting          group[GROUP]; /* to be written */
    size_t           n;
    double           begun; /* of the group */
    bool             stop;
    df_status        st;    /* why everything stopped */
    df_error         err;
} work;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void tell(work *w, const df_ingest_item *item, df_register_state state, size_t faces, const df_error *failed)
{
    if (!w->stop && w->job->each && !w->job->each(w->job->user, item->index, state, faces, failed))
        w->stop = w->job->stopped = true;
}

static void give_up(work *w, df_status st, const df_error *err)
{
    w->stop = true;
    if (w->st == DF_OK)
        w->st = st, w->err = *err;
}

static void let_go(waiting *x)
{
    df_embeddings_free(x->e);
    free(x->faces), free(x->lacking.faces);
}

/* ---- to disk ---- */

/* What faces lacked, those of all photos at once. */
static df_status describe(work *w, df_error *err)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->group[i].lacking.n;
    if (n == 0)
        return DF_OK;
    df_store_face *faces = malloc(n * sizeof *faces);
    if (!faces)
        return df__no_memory(err, "faces", n * sizeof *faces);
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < w->group[i].lacking.n; k++)
            faces[at++] = w->group[i].lacking.faces[k];
    df_status st = w->g->ops->describe(w->g->store, faces, n, err);
    free(faces);
    return st;
}

static df_register_state state_of(const waiting *x, bool left_out)
{
    return x->lacking.n ? DF_COMPLETED : x->touched ? DF_KNOWN : left_out ? DF_DUPLICATE : x->e ? DF_REGISTERED : DF_REFUSED;
}

static void write_group(work *w)
{
    df_store_photo photos[GROUP]; /* those to put from the beginning, those to touch from the end */
    df_error err;
    size_t puts = 0, touches = 0;
    for (size_t i = 0; i < w->n; i++)
        if (!w->group[i].lacking.n)
            photos[w->group[i].touched ? GROUP - ++touches : puts++] = w->group[i].photo;
    df_status st = w->st;
    if (st == DF_OK && puts)
        st = w->g->ops->put(w->g->store, photos, puts, &err);
    if (st == DF_OK && touches)
        st = w->g->ops->touch(w->g->store, photos + GROUP - touches, touches, &err);
    if (st == DF_OK)
        st = describe(w, &err);
    if (st != DF_OK && w->st == DF_OK)
        give_up(w, st, &err);
    puts = 0;
    for (size_t i = 0; i < w->n; i++) {
        waiting *x = &w->group[i];
        bool left_out = !x->touched && !x->lacking.n && photos[puts++].left_out;
        df_register_state state = state_of(x, left_out);
        if (st == DF_OK)
            tell(w, x->item, state, x->photo.n, state == DF_REFUSED ? &x->failed : NULL);
        let_go(x);
    }
    w->n = 0;
}

/* The largest face is the one that the photo's name is of. */
static size_t largest(const df_embeddings *e)
{
    size_t best = 0;
    for (size_t i = 1; i < e->n; i++)
        if (e->faces[i].w * e->faces[i].h > e->faces[best].w * e->faces[best].h)
            best = i;
    return best;
}

/* `attributes`: of each face, or NULL. */
static df_status faces_of(waiting *x, const df_attributes *attributes, df_error *err)
{
    const df_embeddings *e = x->e;
    df_store_face *faces = calloc(e->n, sizeof *faces);
    if (!faces)
        return df__no_memory(err, "faces", e->n * sizeof *faces);
    for (size_t i = 0; i < e->n; i++) {
        faces[i] = (df_store_face){.at = e->faces[i], .vector = e->rows + i * e->dims};
        df__gallery_traits(attributes ? &attributes[i] : NULL, &faces[i]);
    }
    if (x->item->name)
        faces[largest(e)].name = x->item->name;
    x->faces = faces;
    x->photo.faces = faces, x->photo.n = e->n;
    return DF_OK;
}

static void add(work *w, const waiting *x)
{
    if (w->n == 0)
        w->begun = now();
    w->group[w->n++] = *x;
    if (w->n == GROUP || now() - w->begun > group_seconds)
        write_group(w);
}

/* ---- one photo ---- */

typedef struct known { uint64_t id; uint8_t sha256[32]; bool same, here; const df_file_state *state; const char *path; } known;

static bool look(void *user, const df_store_photo *photo)
{
    known *k = user;
    memcpy(k->sha256, photo->sha256, sizeof k->sha256);
    k->id = photo->id;
    k->here = strcmp(photo->path, k->path) == 0;
    k->same = !photo->failed && k->state && photo->size == k->state->size && photo->modified == k->state->modified;
    return true;
}

/* Nothing, which is told; find what faces lack, which is noted in x->lacking; or read it. By its path, size and time, or, with `hashed`, by its
 * content. */
static todo ask(work *w, waiting *x, const df_file_state *state, bool hashed)
{
    const df_ingest_item *item = x->item;
    known k = {.state = state, .path = item->stored};
    todo a = TO_READ;
    bool found = false;
    df_error err;
    pthread_mutex_lock(&w->lock);
    df_status st = w->g->ops->photo(w->g->store, hashed ? NULL : item->stored, hashed ? x->photo.sha256 : NULL, look, &k, &found, &err);
    if (st == DF_OK && found && (hashed || k.same)) {
        x->lacking.with = k.here ? w->job->with : 0;
        if (x->lacking.with)
            st = w->g->ops->of_photo(w->g->store, k.id, df__gallery_note_lacking, &x->lacking, &err);
        if (x->lacking.out_of_memory)
            st = df__no_memory(&err, item->path, 0);
        a = x->lacking.n ? TO_COMPLETE : SETTLED;
        if (st == DF_OK && a == SETTLED)
            tell(w, item, k.here ? DF_KNOWN : DF_DUPLICATE, 0, NULL);
    }
    if (st != DF_OK) {
        give_up(w, st, &err), a = SETTLED;
        free(x->lacking.faces);
    }
    pthread_mutex_unlock(&w->lock);
    return a;
}

/* Of a content that the store knows. */
typedef struct same_content { uint64_t id; bool here; char *failed; const char *path; } same_content;

static bool look_at_same(void *user, const df_store_photo *photo)
{
    same_content *s = user;
    s->id = photo->id;
    s->here = strcmp(photo->path, s->path) == 0;
    s->failed = photo->failed ? strdup(photo->failed) : NULL;
    return true;
}

/* Is the photo's content known: under its own path (it was only touched) or another one (it was moved or copied), whose faces it gets? */
static todo reuse(work *w, waiting *x)
{
    same_content same = {.path = x->photo.path};
    df_error err;
    bool found = false, touched = false;
    pthread_mutex_lock(&w->lock);
    known k = {.path = x->photo.path};
    df_status st = w->g->ops->photo(w->g->store, x->photo.path, NULL, look, &k, &touched, &err);
    touched = touched && memcmp(k.sha256, x->photo.sha256, sizeof k.sha256) == 0;
    if (st == DF_OK)
        st = w->g->ops->photo(w->g->store, touched ? x->photo.path : NULL, x->photo.sha256, look_at_same, &same, &found, &err);
    if (st == DF_OK && touched) {
        x->photo.id = same.id, x->touched = true;
    } else if (st == DF_OK && found && same.failed) {
        snprintf(x->failed.message, sizeof x->failed.message, "%s", same.failed);
        x->failed.status = x->st = DF_E_NO_FACE;
    } else if (st == DF_OK && found) {
        df_gathered all = {.e = df__gallery_no_embeddings(&w->process->p)};
        st = all.e ? w->g->ops->of_photo(w->g->store, same.id, df__gallery_gather, &all, &err) : DF_E_NO_MEMORY;
        x->e = all.e;
        if (st == DF_E_NO_MEMORY || all.out_of_memory)
            st = df__no_memory(&err, x->photo.path, 0);
        if (st == DF_OK)
            st = faces_of(x, NULL, &err);
        df_retold retold = {.faces = x->faces, .n = x->photo.n};
        if (st == DF_OK)
            st = w->g->ops->of_photo(w->g->store, same.id, df__gallery_retell, &retold, &err);
        if (st != DF_OK)
            let_go(x);
    }
    if (st != DF_OK)
        give_up(w, st, &err);
    free(same.failed);
    pthread_mutex_unlock(&w->lock);
    return st != DF_OK ? SETTLED : found ? TO_WRITE : TO_READ;
}

/* Read and hash; what the file is called in the store, its size and time. */
static df_status identify(work *w, waiting *x, const df_file_state *state, df_error *err)
{
    df_bytes file = {0};
    x->photo = (df_store_photo){.path = x->item->stored, .size = state->size, .modified = state->modified, .meta = x->item->meta, .once = w->job->once};
    df_status st = df__read_file(x->item->path, w->g->engine->limits.bytes, &file, err);
    if (st == DF_OK)
        df__sha256(file.data, file.len, x->photo.sha256);
    df__bytes_free(&file);
    return st;
}

/* By its path, then by its content. */
static todo look_into(work *w, waiting *x)
{
    df_file_state state = {0};
    (void)df__file_state(x->item->path, &state); /* an absent file fails below, with its name */
    todo t = ask(w, x, &state, false);
    if (t != TO_READ)
        return t;
    x->st = identify(w, x, &state, &x->failed);
    return x->st != DF_OK ? TO_WRITE : w->job->once ? ask(w, x, NULL, true) : w->job->reuse ? reuse(w, x) : TO_READ;
}

static void look_at(void *arg, size_t i, int worker)
{
    work *w = arg;
    waiting *x = &w->batch[w->looked + i];
    (void)worker;
    pthread_mutex_lock(&w->lock);
    bool stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    if (stop)
        return;
    x->todo = look_into(w, x);
    x->want = x->todo == TO_READ ? w->process->want : x->todo == TO_COMPLETE ? x->lacking.lacks : 0;
}

/* ---- some photos ---- */

/* Look at photos from *next on, until there are as many to do something for as are held at once: those that are known cost little. */
static void gather(work *w, size_t *next)
{
    w->n_batch = 0;
    while (!w->stop && *next < w->job->n && w->n_batch < w->most) {
        size_t room = w->most - w->n_batch, n = w->job->n - *next < room ? w->job->n - *next : room;
        w->looked = w->n_batch;
        for (size_t i = 0; i < n; i++)
            w->batch[w->looked + i] = (waiting){.item = &w->job->items[(*next)++]};
        df__parallel_for(n, w->g->engine->threads, look_at, w);
        for (size_t i = 0; i < n; i++)
            if (w->batch[w->looked + i].todo != SETTLED)
                w->batch[w->n_batch++] = w->batch[w->looked + i];
    }
}

/* What was found on a photo. */
static void take(waiting *x, df_processed *found)
{
    x->st = found->st, x->failed = found->err;
    if (x->st == DF_OK && x->todo == TO_COMPLETE) {
        df__gallery_describe(&x->lacking, found->out);
    } else if (x->st == DF_OK) {
        x->e = found->out->e, found->out->e = NULL;
        x->st = faces_of(x, found->out->attributes, &x->failed);
    }
    x->want = 0;
    df_results_free(found->out);
}

/* Find the faces of those photos of which the same is wanted: all of it, or what the faces of a photo that is known lack. */
static void process(work *w, unsigned want)
{
    const df_processor part = df__process_less(w->process, want);
    size_t n = 0;
    for (size_t i = 0; i < w->n_batch; i++)
        if (w->batch[i].want == want)
            w->together[n++].path = w->batch[i].item->path;
    df__process_group(&part, w->together, n, w->g->engine->threads);
    n = 0;
    for (size_t i = 0; i < w->n_batch; i++)
        if (w->batch[i].want == want)
            take(&w->batch[i], &w->together[n++]);
}

/* Is this what the photo is, and not what happened while it was read? */
static bool of_the_photo(df_status st)
{
    return st == DF_E_NO_FACE || st == DF_E_DECODE || st == DF_E_LIMIT || st == DF_E_UNSUPPORTED || st == DF_E_SPOOF;
}

static void refuse(work *w, waiting *x, df_status st)
{
    if (w->job->keep_failures && of_the_photo(st)) {
        x->photo.failed = x->failed.message;
        add(w, x);
        if (w->n > 0) /* the message moved with it */
            w->group[w->n - 1].photo.failed = w->group[w->n - 1].failed.message;
    } else {
        tell(w, x->item, DF_REFUSED, 0, &x->failed);
    }
}

/* To the group that goes to disk, or told. */
static void settle(work *w, waiting *x)
{
    if (x->want) { /* stopped before its faces were found */
        let_go(x);
    } else if (x->todo == TO_COMPLETE && (x->st != DF_OK || !x->lacking.n)) {
        tell(w, x->item, x->st == DF_OK ? DF_KNOWN : DF_REFUSED, 0, x->st == DF_OK ? NULL : &x->failed);
        let_go(x);
    } else if (x->st == DF_OK) {
        add(w, x);
    } else {
        let_go(x);
        x->e = NULL, x->faces = NULL, x->photo.n = 0;
        refuse(w, x, x->st);
    }
}

df_status df__gallery_ingest(df_gallery *g, const df_processor *processor, df_ingest *job, df_error *err)
{
    df_status st = DF_OK;
    work *w = calloc(1, sizeof *w);
    if (!w)
        return df__no_memory(err, "a group of photos", sizeof *w);
    w->g = g, w->process = processor, w->job = job, w->most = df__process_most(g->engine);
    pthread_mutex_init(&w->lock, NULL);
    w->batch = calloc(w->most, sizeof *w->batch), w->together = calloc(w->most, sizeof *w->together);
    if (!w->batch || !w->together)
        DF_TRY(df__no_memory(err, "photos", w->most * (sizeof *w->batch + sizeof *w->together)));
    for (size_t next = 0; !w->stop && next < job->n;) {
        gather(w, &next);
        for (size_t i = 0; !w->stop && i < w->n_batch; i++)
            if (w->batch[i].want)
                process(w, w->batch[i].want);
        for (size_t i = 0; i < w->n_batch; i++)
            settle(w, &w->batch[i]);
    }
    write_group(w);
    st = w->st;
    if (st != DF_OK && err)
        *err = w->err;
done:
    pthread_mutex_destroy(&w->lock);
    free(w->batch), free(w->together);
    free(w);
    return st;
}
