/* process.c - the verbs process and analyze: a photo's faces found once, then everything that is wanted of them.
 *
 * Photos are taken in groups. Of a group each photo is decoded, its faces are found and cut out for the recogniser, one photo a thread; then
 * the faces of all go through each network in batches, one batch a thread; then the photos are told and forgotten. So no more than a group's
 * photos are held at a time. A photo of many pixels does not wait for its group: the thread that opened it finishes it. */
#include "api/process.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/quality.h"
#include "core/threads.h"

enum { LEAST_GROUP = 16, PER_THREAD = 2, LARGE_PHOTO = 4000000 /* pixels as decoded */ };

/* One photo under way. */
typedef struct one {
    const char     *path;
    const df_image *img;
    df_photo        photo;
    df_face_list    faces;
    df_arena        scratch;
    df_pixels      *crops; /* the recogniser's */
    df_findings    *found; /* [faces.n] */
    df_results     *out;
    df_status       st;
    df_error        err;
    pthread_mutex_t lock; /* of st and err, while batches run */
} one;

/* ---- what is wanted ---- */

typedef struct load { df_processor *w; df_status st[DF_PROCESS_NETS]; df_error err[DF_PROCESS_NETS]; } load;

static void load_net(void *arg, size_t i, int worker)
{
    load *l = arg;
    df_processor *w = l->w;
    (void)worker;
    l->st[i] = df__engine_attribute(w->p.engine, w->nets[i], &w->opened[i], &l->err[i]);
}

df_status df__process_open(df_engine *engine, unsigned want, const df_opts *opts, df_processor *w, df_error *err)
{
    df_status st = DF_OK;
    const unsigned all = DF_WITH_ATTRIBUTES | DF_WITH_LIVENESS | DF_WITH_QUALITY | DF_WITH_EMBEDDING;
    load l = {.w = w};
    memset(w, 0, sizeof *w);
    if (want == 0 || (want & ~all))
        return df__fail(err, DF_E_ARGUMENT, "want: %u is no set of DF_WITH_*", want);
    DF_TRY(df__pipeline_open(engine, opts, want & DF_WITH_EMBEDDING, &w->p, err));
    w->want = want;
    w->family = (df_family)df__family_find(w->p.opts.attributes);
    w->liveness = (df_family)df__family_find(w->p.opts.liveness);
    for (size_t i = 0; df__attribute_at(i); i++) {
        const df_attribute *a = df__attribute_at(i);
        if (a->family == (a->gives == DF_WITH_LIVENESS ? w->liveness : w->family) && (a->gives & want))
            w->nets[w->n_nets++] = a;
    }
    df__parallel_for(w->n_nets, engine->threads, load_net, &l);
    for (size_t i = 0; i < w->n_nets; i++)
        if (l.st[i] != DF_OK) {
            if (err)
                *err = l.err[i];
            return l.st[i];
        }
done:
    return st;
}

df_processor df__process_less(const df_processor *w, unsigned want)
{
    df_processor less = *w;
    less.want = want, less.n_nets = 0;
    for (size_t i = 0; i < w->n_nets; i++)
        if (w->nets[i]->gives & want)
            less.nets[less.n_nets] = w->nets[i], less.opened[less.n_nets++] = w->opened[i];
    return less;
}

/* ---- a photo up to its faces ---- */

static df_status new_results(const df_processor *w, size_t n, df_results **out, df_error *err)
{
    df_status st = DF_OK;
    df_results *r = calloc(1, sizeof *r);
    if (r) {
        r->faces = calloc(n, sizeof *r->faces);
        r->attributes = calloc(n, sizeof *r->attributes);
    }
    if (!r || !r->faces || !r->attributes)
        DF_TRY(df__no_memory(err, "results", n * (sizeof(df_face) + sizeof(df_attributes))));
    r->n = n, r->want = w->want, r->family = w->family;
    if (w->want & DF_WITH_EMBEDDING)
        DF_TRY(df__embeddings_new(&w->p, n, &r->e, err));
    *out = r, r = NULL;
done:
    df_results_free(r);
    return st;
}

static df_look look_of(const df_processor *w, const one *o, size_t face) { return df__pipeline_look(&w->p, &o->photo, &o->faces.items[face]); }

/* Would a crop be blown up although the file holds more than was decoded? */
static bool needs_full(const df_processor *w, const one *o)
{
    for (size_t k = 0; o->photo.scale > 1 && k < w->n_nets; k++) {
        if (w->nets[k]->family == DF_FAMILY_DEEPFACE)
            return true; /* upstream's crops come from the photo at full scale */
        for (size_t i = 0; i < o->faces.n; i++) {
            df_look look = look_of(w, o, i);
            if (df__cut_step(&look, &w->nets[k]->cuts[0], w->nets[k]->width) < 1)
                return true;
        }
    }
    return false;
}

/* Crops that are the photo itself are copied: its pixels are about to be others. */
static df_status own_crops(one *o, df_error *err)
{
    df_status st = DF_OK;
    for (size_t i = 0; o->crops && i < o->faces.n; i++) {
        df_pixels own, *crop = &o->crops[i];
        if (crop->data != o->photo.px.data)
            continue;
        DF_TRY(df__pixels_in(&o->scratch, crop->width, crop->height, &own, err));
        df__pixels_paste(own, 0, 0, *crop);
        *crop = own;
    }
done:
    return st;
}

static df_status open_photo(const df_processor *w, one *o, int threads, df_error *err)
{
    df_status st = DF_OK;
    DF_TRY(df__pipeline_photo(&w->p, o->path, o->img, &o->photo, err));
    DF_TRY(df__pipeline_detect(&w->p, &o->photo, threads, &o->scratch, &o->faces, err));
    /* Before the photo is decoded anew for an attribute: a face has one vector, whatever else is wanted of it. */
    if (w->want & DF_WITH_EMBEDDING) {
        DF_TRY(df__pipeline_crops(&w->p, &o->photo, &o->faces, &o->scratch, &o->crops, err));
        for (size_t i = 0; i < o->faces.n; i++)
            if (o->crops[i].width <= 0)
                DF_TRY(df__fail(err, DF_E_ARGUMENT, "%s: face %zu lies outside the photo", o->photo.name, i + 1));
    }
    if (needs_full(w, o)) {
        DF_TRY(own_crops(o, err));
        DF_TRY(df__pipeline_full(&w->p, &o->photo, &o->faces, err));
    }
    o->found = df__arena_calloc(&o->scratch, o->faces.n, sizeof *o->found);
    if (!o->found)
        DF_TRY(df__no_memory(err, "findings", o->faces.n * sizeof *o->found));
    for (size_t i = 0; (w->want & DF_WITH_QUALITY) && i < o->faces.n; i++) {
        df_look look = look_of(w, o, i);
        DF_TRY(df__quality(&look, o->photo.scale, &o->found[i].attributes.quality, &o->scratch, err));
    }
    DF_TRY(new_results(w, o->faces.n, &o->out, err));
done:
    return st;
}

/* ---- faces through networks ---- */

typedef struct item { one *o; size_t face; } item;
typedef struct batches {
    const df_processor *w;
    const item    *items;
    size_t         n, each, per_net; /* faces; faces a batch; batches a network of attributes */
} batches;

static void failed(one *o, df_status st, const df_error *err)
{
    pthread_mutex_lock(&o->lock);
    if (o->st == DF_OK) {
        o->st = st, o->err = *err;
        df__prefix(&o->err, "%s", o->photo.name);
    }
    pthread_mutex_unlock(&o->lock);
}

/* Of these faces those whose inputs can be made go through the network; what fails there fails for the photo of each. */
static void run_attribute(const batches *b, size_t net, const item *items, size_t n, df_arena *scratch)
{
    const df_attribute *a = b->w->nets[net];
    const item *kept[DF_ATTRIBUTE_BATCH];
    df_findings *out[DF_ATTRIBUTE_BATCH];
    df_error err;
    size_t size = (size_t)a->views * df__attribute_size(a), good = 0;
    float *blob = df__arena_alloc(scratch, n * size * sizeof *blob);
    df_status st = blob ? DF_OK : df__no_memory(&err, a->name, n * size * sizeof *blob);
    for (size_t i = 0; i < n; i++) {
        df_look look = look_of(b->w, items[i].o, items[i].face);
        df_status mine = st == DF_OK ? df__attribute_fill(a, &look, blob + good * size, scratch, &err) : st;
        if (mine != DF_OK) {
            failed(items[i].o, mine, &err);
            continue;
        }
        out[good] = &items[i].o->found[items[i].face];
        kept[good++] = &items[i];
    }
    if (good == 0)
        return;
    st = df__attribute_run(a, b->w->opened[net], blob, good, out, scratch, &err);
    for (size_t i = 0; st != DF_OK && i < good; i++)
        failed(kept[i]->o, st, &err);
}

static void run_recogniser(const batches *b, const item *items, size_t n, df_arena *scratch)
{
    df_pixels crops[DF_ATTRIBUTE_BATCH];
    df_error err;
    size_t dims = items[0].o->out->e->dims;
    float *rows = df__arena_alloc(scratch, n * dims * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        crops[i] = items[i].o->crops[items[i].face];
    df_status st = rows ? df__recogniser_run(b->w->p.net, crops, n, b->w->p.range, b->w->p.flip, 1, scratch, rows, &err)
                        : df__no_memory(&err, "embeddings", n * dims * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        if (st == DF_OK)
            memcpy(items[i].o->out->e->rows + items[i].face * dims, rows + i * dims, dims * sizeof *rows);
        else
            failed(items[i].o, st, &err);
}

static void run_batch(void *arg, size_t i, int worker)
{
    const batches *b = arg;
    df_arena scratch = {0};
    const size_t of_attributes = b->per_net * b->w->n_nets;
    const bool recogniser = i >= of_attributes;
    const size_t each = recogniser ? DF_ATTRIBUTE_BATCH : b->each, from = (recogniser ? i - of_attributes : i % b->per_net) * each;
    const size_t n = b->n - from < each ? b->n - from : each;
    (void)worker;
    if (recogniser)
        run_recogniser(b, b->items + from, n, &scratch);
    else
        run_attribute(b, i / b->per_net, b->items + from, n, &scratch);
    df__arena_free(&scratch);
}

/* Memory ran out before any batch: for every photo. */
static void run_faces(const df_processor *w, one *photos, size_t n, int threads)
{
    size_t faces = 0, at = 0;
    df_error err;
    for (size_t i = 0; i < n; i++)
        faces += photos[i].out ? photos[i].faces.n : 0;
    if (faces == 0)
        return;
    item *items = malloc(faces * sizeof *items);
    df_status st = items ? DF_OK : df__no_memory(&err, "faces", faces * sizeof *items);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; photos[i].out && k < photos[i].faces.n; k++)
            if (st == DF_OK)
                items[at++] = (item){&photos[i], k};
            else
                failed(&photos[i], st, &err);
    if (st == DF_OK) {
        batches b = {.w = w, .items = items, .n = faces};
        size_t share = (faces + (size_t)threads - 1) / (size_t)threads;
        b.each = share < DF_ATTRIBUTE_BATCH ? share : DF_ATTRIBUTE_BATCH;
        b.per_net = (faces + b.each - 1) / b.each;
        /* The recogniser's batches do not depend on the threads: they are those of df_represent, to the last bit of a vector. */
        size_t recogniser = w->want & DF_WITH_EMBEDDING ? (faces + DF_ATTRIBUTE_BATCH - 1) / DF_ATTRIBUTE_BATCH : 0;
        df__parallel_for(b.per_net * w->n_nets + recogniser, threads, run_batch, &b);
    }
    free(items);
}

/* What the photo held, but for its results, is let go. */
static void close_photo(one *o)
{
    df__photo_close(&o->photo);
    df__face_list_free(&o->faces);
    df__arena_free(&o->scratch);
}

static void finish_photo(const df_processor *w, one *o)
{
    if (o->st == DF_OK && o->out) {
        df__pipeline_finish(&o->photo, &o->faces);
        memcpy(o->out->faces, o->faces.items, o->out->n * sizeof *o->out->faces);
        for (size_t i = 0; i < o->out->n; i++) {
            df_findings *f = &o->found[i];
            if (w->want & DF_WITH_LIVENESS)
                df__liveness_settle(w->liveness, f);
            o->out->attributes[i] = f->attributes;
            o->out->attributes[i].has = w->want & ~(unsigned)DF_WITH_EMBEDDING;
        }
        if (o->out->e)
            memcpy(o->out->e->faces, o->faces.items, o->out->n * sizeof *o->out->faces);
    } else {
        df_results_free(o->out);
        o->out = NULL;
    }
    close_photo(o);
}

static void one_init(one *o, const char *path, const df_image *img)
{
    *o = (one){.path = path, .img = img};
    pthread_mutex_init(&o->lock, NULL);
}

/* ---- one photo ---- */

df_status df__process_one(const df_processor *w, const char *path, const df_image *img, int threads, df_results **out, df_error *err)
{
    one o;
    one_init(&o, path, img);
    o.st = open_photo(w, &o, threads, &o.err);
    if (o.st == DF_OK)
        run_faces(w, &o, 1, threads);
    finish_photo(w, &o);
    pthread_mutex_destroy(&o.lock);
    if (o.st != DF_OK && err)
        *err = o.err;
    *out = o.out;
    return o.st;
}

static df_status run_one(df_engine *engine, const char *path, const df_image *img, unsigned want, const df_opts *opts, const char *verb,
                         df_results **out, df_error *err)
{
    df_processor w;
    if (!out)
        return df__fail(err, DF_E_ARGUMENT, "%s: out is NULL", verb);
    *out = NULL;
    df_status st = df__process_open(engine, want, opts, &w, err);
    return st == DF_OK ? df__process_one(&w, path, img, engine->threads, out, err) : st;
}

df_status df_process(df_engine *engine, const char *path, unsigned want, const df_opts *opts, df_results **out, df_error *err)
{
    return run_one(engine, path, NULL, want, opts, "df_process", out, err);
}

df_status df_process_image(df_engine *engine, const df_image *img, unsigned want, const df_opts *opts, df_results **out, df_error *err)
{
    return run_one(engine, NULL, img, want, opts, "df_process_image", out, err);
}

df_status df_analyze(df_engine *engine, const char *path, unsigned actions, const df_opts *opts, df_results **out, df_error *err)
{
    return run_one(engine, path, NULL, actions ? actions : DF_WITH_ATTRIBUTES, opts, "df_analyze", out, err);
}

df_status df_analyze_image(df_engine *engine, const df_image *img, unsigned actions, const df_opts *opts, df_results **out, df_error *err)
{
    return run_one(engine, NULL, img, actions ? actions : DF_WITH_ATTRIBUTES, opts, "df_analyze_image", out, err);
}

/* ---- many photos ---- */

typedef struct group { const df_processor *w; one *photos; int threads; } group;

static void open_one(void *arg, size_t i, int worker)
{
    const group *g = arg;
    one *o = &g->photos[i];
    (void)worker;
    o->st = open_photo(g->w, o, g->threads, &o->err);
    if (o->st == DF_OK && (size_t)o->photo.px.width * (size_t)o->photo.px.height > LARGE_PHOTO)
        run_faces(g->w, o, 1, g->threads);
    else if (o->st == DF_OK)
        return; /* with its group */
    finish_photo(g->w, o);
    o->faces.n = 0;
}

size_t df__process_most(const df_engine *engine)
{
    size_t most = (size_t)engine->threads * PER_THREAD;
    return most < LEAST_GROUP ? LEAST_GROUP : most;
}

void df__process_group(const df_processor *w, df_processed *photos, size_t n, int threads)
{
    one *all = calloc(n + 1, sizeof *all);
    group g = {.w = w, .photos = all, .threads = n == 1 ? threads : 1};
    for (size_t i = 0; i < n; i++) {
        photos[i].out = NULL;
        if (all)
            one_init(&all[i], photos[i].path, NULL);
        else
            photos[i].st = df__no_memory(&photos[i].err, photos[i].path, sizeof *all);
    }
    if (!all)
        return;
    df__parallel_for(n, threads, open_one, &g);
    run_faces(w, all, n, threads);
    for (size_t i = 0; i < n; i++) {
        one *o = &all[i];
        if (o->photo.name) /* not finished by itself */
            finish_photo(w, o);
        photos[i].out = o->out, photos[i].st = o->st, photos[i].err = o->err;
        pthread_mutex_destroy(&o->lock);
    }
    free(all);
}

df_status df_process_many(df_engine *engine, const char *const *paths, size_t n, unsigned want, const df_opts *opts, df_process_fn each,
                          void *user, df_error *err)
{
    df_status st = DF_OK;
    df_processor w;
    df_processed *photos = NULL;
    bool stop = false;
    if (!each || (!paths && n))
        return df__fail(err, DF_E_ARGUMENT, "df_process_many: paths or each is NULL");
    DF_TRY(df__process_open(engine, want, opts, &w, err));
    size_t most = df__process_most(engine);
    photos = calloc(most, sizeof *photos);
    if (!photos)
        DF_TRY(df__no_memory(err, "photos", most * sizeof *photos));
    for (size_t at = 0; at < n && !stop; at += most) {
        size_t here = n - at < most ? n - at : most;
        for (size_t i = 0; i < here; i++)
            photos[i].path = paths[at + i];
        df__process_group(&w, photos, here, engine->threads);
        for (size_t i = 0; i < here; i++) {
            if (!stop)
                stop = !each(user, at + i, photos[i].out, photos[i].st == DF_OK ? NULL : &photos[i].err);
            df_results_free(photos[i].out);
        }
    }
done:
    free(photos);
    return st;
}

/* ---- results ---- */

size_t df_results_count(const df_results *r) { return r ? r->n : 0; }

const df_face *df_results_face(const df_results *r, size_t index) { return index < df_results_count(r) ? &r->faces[index] : NULL; }

const df_attributes *df_results_attributes(const df_results *r, size_t index)
{
    return index < df_results_count(r) ? &r->attributes[index] : NULL;
}

const df_embeddings *df_results_embeddings(const df_results *r) { return r ? r->e : NULL; }

void df_results_free(df_results *r)
{
    if (!r)
        return;
    df_embeddings_free(r->e);
    free(r->faces);
    free(r->attributes);
    free(r);
}
