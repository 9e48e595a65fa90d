/* indexes.c - see indexes.h. */
#include "gallery/indexes.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "gallery/vectors_write.h"
#include "index/ann_load.h"

enum { KINDS = 8, PLACES = 2 * KINDS /* a library's index of directions, and its index for `euclidean` */, OVERDUE = 1000 };
static const double OVERDUE_PART = 0.1; /* of an index, appended since: they are searched exactly beside it */
/* What a query of an exact batch takes, of one alone: reading all is shared by four, then arithmetic is what remains (docs/index.md). */
static const double FURTHER = 0.14;

typedef struct place {
    char         *path;
    df_ann       *ann;  /* NULL: not loaded */
    df_file_state seen; /* of the head when it was loaded */
    char          failure[DF_INDEX_WHY]; /* of what was tried in the background; not tried again by this handle */
} place;

typedef struct job { size_t place; df_metric metric; bool build; char what[DF_ANN_WHAT]; df_ann *made; df_status st; df_error err; } job;

struct df_indexes {
    df_vectors   *v;
    bool          write, background;
    int           threads;
    place         places[PLACES];
    bool          running; /* `thread` has to be joined */
    pthread_t     thread;
    job           job;
    atomic_bool   done, stop;
    atomic_size_t rows_done, rows_all;
};

static size_t place_of(const char *what, df_metric metric)
{
    size_t kind = 0, n = strcspn(what, ":");
    for (const char *name; (name = df__ann_kind(kind)) && !(strlen(name) == n && memcmp(name, what, n) == 0);)
        kind++;
    return 2 * kind + (metric == DF_EUCLIDEAN);
}

df_status df__indexes_new(df_vectors *v, const char *path, bool write, bool background, int threads, df_indexes **out, df_error *err)
{
    df_indexes *x = calloc(1, sizeof *x);
    *out = NULL;
    if (!x)
        return df__no_memory(err, "indexes", sizeof *x);
    x->v = v, x->write = write, x->background = background, x->threads = threads;
    for (size_t i = 0; i < PLACES && df__ann_kind(i / 2); i++) {
        const char *kind = df__ann_kind(i / 2), *ending = i % 2 ? "-euclidean" : "";
        size_t size = strlen(path) + strlen(kind) + strlen(ending) + 2;
        if (!(x->places[i].path = malloc(size))) {
            df__indexes_free(x);
            return df__no_memory(err, "indexes", size);
        }
        snprintf(x->places[i].path, size, "%s-%s%s", path, kind, ending);
    }
    *out = x;
    return DF_OK;
}

/* ---- in the background ---- */

static bool step(void *user, size_t done, size_t all)
{
    df_indexes *x = user;
    atomic_store(&x->rows_done, done), atomic_store(&x->rows_all, all);
    return !atomic_load(&x->stop);
}

static df_status open_matrix(const df_indexes *x, df_matrix **out, df_error *err)
{
    return df__matrix_open(x->v->path, x->v->dims, x->v->pipeline, false, out, err);
}

static void *work(void *arg)
{
    df_indexes *x = arg;
    job *j = &x->job;
    df_matrix *m = NULL;
    const char *path = x->places[j->place].path;
    j->st = open_matrix(x, &m, &j->err);
    if (j->st == DF_OK && j->build)
        j->st = df__ann_build(m, j->metric, j->what, x->threads, step, x, path, &j->err);
    if (j->st == DF_OK && !atomic_load(&x->stop))
        j->st = df__ann_open(path, m, j->metric, &j->made, &j->err);
    df__matrix_free(m);
    atomic_store(&x->done, true);
    return NULL;
}

/* Take over what the background has brought, or wait for it. */
static void settle(df_indexes *x, bool wait)
{
    if (!x->running || (!wait && !atomic_load(&x->done)))
        return;
    pthread_join(x->thread, NULL);
    x->running = false;
    place *p = &x->places[x->job.place];
    if (x->job.made) {
        df__ann_close(p->ann);
        p->ann = x->job.made, x->job.made = NULL;
        (void)df__file_state(p->path, &p->seen);
    } else if (x->job.st != DF_OK && x->job.st != DF_E_STOPPED) {
        snprintf(p->failure, sizeof p->failure, "%.*s", DF_INDEX_WHY - 1, x->job.err.message);
    }
}

static void start(df_indexes *x, size_t at, const char *what, df_metric metric, bool build)
{
    if (x->running || !x->background || (build && !x->write) || x->places[at].failure[0])
        return;
    x->job = (job){.place = at, .metric = metric, .build = build};
    snprintf(x->job.what, sizeof x->job.what, "%s", what);
    atomic_store(&x->done, false), atomic_store(&x->stop, false);
    atomic_store(&x->rows_done, 0), atomic_store(&x->rows_all, 0);
    x->running = pthread_create(&x->thread, NULL, work, x) == 0;
}

void df__indexes_free(df_indexes *x)
{
    if (!x)
        return;
    atomic_store(&x->stop, true);
    settle(x, true);
    for (size_t i = 0; i < PLACES; i++) {
        df__ann_close(x->places[i].ann);
        free(x->places[i].path);
    }
    free(x);
}

/* ---- choosing ---- */

static bool same_file(const df_file_state *a, const df_file_state *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->modified == b->modified;
}

/* Forget what another process has replaced or removed. */
static bool is_there(place *p)
{
    df_file_state now;
    bool there = df__file_state(p->path, &now);
    if (p->ann && (!there || !same_file(&now, &p->seen))) {
        df__ann_close(p->ann);
        p->ann = NULL;
    }
    return there;
}

/* Load it, once more where a builder took the files away in between. */
static df_status load(df_indexes *x, place *p, df_metric metric, df_error *err)
{
    df_status st = DF_E_STORE;
    for (int i = 0; i < 2 && st == DF_E_STORE; i++)
        if (df__file_state(p->path, &p->seen))
            st = df__ann_open(p->path, x->v->m, metric, &p->ann, err);
        else
            st = df__fail(err, DF_E_IO, "%s: there is none", p->path);
    return st;
}

/* "hnsw" is any index of hnswlib; where parameters are told they count. */
static bool is_meant(const char *what, const char *built) { return !strchr(what, ':') || strcmp(what, built) == 0; }

static size_t later(const df_indexes *x, const df_ann_head *h)
{
    size_t rows = df__matrix_info(x->v->m).rows;
    return rows > h->rows ? rows - (size_t)h->rows : 0;
}

__attribute__((format(printf, 2, 3))) static void flat(df_index_use *out, const char *format, ...)
{
    va_list args;
    out->ann = NULL, out->effort = 0;
    strcpy(out->name, "flat");
    va_start(args, format);
    vsnprintf(out->why, sizeof out->why, format, args);
    va_end(args);
}

/* What goes on, or what to do, where no index answers. */
static const char *remedy(const df_indexes *x, size_t at, char *room, size_t size)
{
    size_t all = atomic_load(&x->rows_all);
    if (x->running && x->job.place == at && !x->job.build)
        snprintf(room, size, "it is being loaded in the background");
    else if (x->running && x->job.place == at)
        snprintf(room, size, "it is being built in the background, %zu %% done", all ? 100 * atomic_load(&x->rows_done) / all : 0);
    else if (x->places[at].failure[0])
        snprintf(room, size, "building it failed: %.200s", x->places[at].failure);
    else if (x->running)
        snprintf(room, size, "another one is being built in the background first");
    else
        snprintf(room, size, "`deepface gallery index` builds it");
    return room;
}

static void use(df_index_use *out, const df_ann *ann, double effort)
{
    out->ann = ann, out->effort = effort;
    snprintf(out->name, sizeof out->name, "%s", df__ann_head(ann)->what);
}

static void choose_named(df_indexes *x, const char *what, df_metric metric, double recall, df_index_use *out)
{
    char room[DF_INDEX_WHY];
    df_error err = {DF_OK, ""};
    double effort, share;
    size_t at = place_of(what, metric);
    place *p = &x->places[at];
    df_status st = is_there(p) ? DF_OK : DF_E_IO;
    if (st == DF_OK)
        st = p->ann ? df__ann_fits(p->path, df__ann_head(p->ann), x->v->m, metric, &err) : load(x, p, metric, &err);
    if (st == DF_OK && !is_meant(what, df__ann_head(p->ann)->what))
        st = df__fail(&err, DF_E_STORE, "%s: the index there was built as %s", p->path, df__ann_head(p->ann)->what);
    if (st != DF_OK) {
        start(x, at, what, metric, true);
        remedy(x, at, room, sizeof room);
        if (st == DF_E_IO)
            flat(out, "no index %s is there: %s", what, room);
        else
            flat(out, "%s; %s", err.message, room);
        return;
    }
    const df_ann_head *h = df__ann_head(p->ann);
    if ((double)later(x, h) > OVERDUE_PART * (double)h->rows + OVERDUE)
        start(x, at, h->what, metric, true);
    if (!df__ann_effort(h, recall, &effort, &share)) {
        flat(out, "%s finds no more than %.3f of the ten nearest, %.3f is asked for", h->what, h->n_points ? h->points[h->n_points - 1].recall : 0.0, recall);
        return;
    }
    use(out, p->ann, effort);
    snprintf(out->why, sizeof out->why, "asked for; recall %.3f at effort %g", recall, effort);
}

/* The index in this place, loaded or not, that answers at less than *share; only its head is read. */
static bool is_quicker(df_indexes *x, size_t at, df_metric metric, double recall, bool loaded, double *share, double *effort)
{
    df_ann_head read;
    double mine, with;
    place *p = &x->places[at];
    if (!p->path || at % 2 != (metric == DF_EUCLIDEAN) || !is_there(p) || loaded != (p->ann != NULL) || p->failure[0])
        return false;
    if (!loaded && df__ann_head_read(p->path, &read, NULL) != DF_OK)
        return false;
    const df_ann_head *h = loaded ? df__ann_head(p->ann) : &read;
    if (df__ann_fits(p->path, h, x->v->m, metric, NULL) != DF_OK || !df__ann_effort(h, recall, &with, &mine))
        return false;
    double all = (double)h->rows;
    mine += (double)later(x, h) / (all > 0 ? all : 1);
    if (mine >= *share)
        return false;
    *share = mine, *effort = with;
    return true;
}

static void choose_auto(df_indexes *x, df_metric metric, double recall, size_t n, df_index_use *out)
{
    char why[DF_INDEX_WHY], room[DF_INDEX_WHY];
    double share = 1 / (double)(n ? n : 1), exact = share > FURTHER ? share : FURTHER, effort = 0;
    size_t best = PLACES, idle = PLACES;
    share = exact * DF_ANN_WORTH;
    for (size_t i = 0; i < PLACES; i++)
        if (is_quicker(x, i, metric, recall, true, &share, &effort))
            best = i;
    double asleep = share, unused;
    for (size_t i = 0; i < PLACES; i++)
        if (is_quicker(x, i, metric, recall, false, &asleep, &unused))
            idle = i;
    if (idle < PLACES)
        start(x, idle, "", metric, false);
    if (best < PLACES) {
        use(out, x->places[best].ann, effort);
        snprintf(out->why, sizeof out->why, "auto: at recall %.3f a query takes %.2f of an exact one's time, as measured when the index was built", recall,
                 share / exact);
        return;
    }
    if (idle < PLACES) {
        const char *advice = x->background ? remedy(x, idle, room, sizeof room) : "but loading it takes longer than searching once exactly";
        flat(out, "auto: %s would be quicker, %s", x->places[idle].path, advice);
        return;
    }
    df_matrix_info info = df__matrix_info(x->v->m);
    const char *what = df__ann_auto(info.rows, info.dims, recall, n, why, sizeof why);
    size_t at = place_of(what, metric);
    df_ann_head head;
    bool built = at < PLACES && x->places[at].path && df__ann_head_read(x->places[at].path, &head, NULL) == DF_OK &&
                 df__ann_fits(x->places[at].path, &head, x->v->m, metric, NULL) == DF_OK;
    if (strcmp(what, "flat") == 0)
        flat(out, "auto: %s", why);
    else if (built)
        flat(out, "auto: %s is built, but as it measured itself an exact search is quicker at this recall", what);
    else {
        start(x, at, what, metric, true);
        flat(out, "auto: %s; no such index is ready: %s", why, remedy(x, at, room, sizeof room));
    }
}

df_status df__indexes_check(const char *what, df_error *err)
{
    return strcmp(what, "flat") == 0 || strcmp(what, "auto") == 0 ? DF_OK : df__ann_can(what, err);
}

void df__indexes_choose(df_indexes *x, const char *what, df_metric metric, double recall, size_t n, df_index_use *out)
{
    *out = (df_index_use){.name = "flat"};
    settle(x, false);
    if (strcmp(what, "flat") == 0)
        return;
    if (!x->v->m)
        flat(out, "the gallery is small: its vectors are in no matrix yet, of which an index could be built");
    else if (strcmp(what, "auto") == 0)
        choose_auto(x, metric, recall, n, out);
    else
        choose_named(x, what, metric, recall, out);
}

/* ---- building and dropping ---- */

df_status df__indexes_build(df_indexes *x, const char *what, df_metric metric, df_ann_step told, void *user, df_error *err)
{
    df_status st = DF_OK;
    df_matrix *m = NULL;
    char why[DF_INDEX_WHY];
    atomic_store(&x->stop, true);
    settle(x, true);
    DF_TRY(df__indexes_check(what, err));
    DF_TRY(df__vectors_catch_up(x->v, false, err));
    DF_TRY(open_matrix(x, &m, err));
    df_matrix_info info = df__matrix_info(m);
    if (info.rows == info.removed)
        DF_TRY(df__fail(err, DF_E_ARGUMENT, "%s: the gallery holds no faces, of which an index could be built", what));
    if (strcmp(what, "auto") == 0)
        what = df__ann_auto(info.rows, info.dims, DF_ANN_RECALL, 1, why, sizeof why);
    else
        snprintf(why, sizeof why, "flat is no index: every search can do it");
    if (strcmp(what, "flat") == 0)
        DF_TRY(df__fail(err, DF_E_ARGUMENT, "nothing is built: %s", why));
    place *p = &x->places[place_of(what, metric)];
    DF_TRY(df__ann_build(m, metric, what, x->threads, told, user, p->path, err));
    p->failure[0] = '\0';
done:
    df__matrix_free(m);
    return st;
}

df_status df__indexes_drop(df_indexes *x, const char *what, df_metric metric, df_error *err)
{
    df_file_state state;
    size_t at = place_of(what, metric);
    if (at >= PLACES || !x->places[at].path)
        return df__fail(err, DF_E_ARGUMENT, "no index is called \"%.60s\"", what);
    place *p = &x->places[at];
    if (x->running && x->job.place == at)
        atomic_store(&x->stop, true), settle(x, true);
    if (!df__file_state(p->path, &state))
        return df__fail(err, DF_E_ARGUMENT, "%s: there is no such index", p->path);
    df__ann_close(p->ann);
    p->ann = NULL;
    return df__ann_drop(p->path, err);
}

bool df__indexes_at(df_indexes *x, size_t at, const char **name, df_ann_head *head, char stale[DF_INDEX_WHY])
{
    df_error err;
    df_file_state state;
    *name = at < PLACES ? x->places[at].path : NULL;
    stale[0] = '\0';
    if (!*name || !df__file_state(*name, &state))
        return false;
    df_status st = df__ann_head_read(*name, head, &err);
    if (st != DF_OK)
        *head = (df_ann_head){.metric = at % 2 ? DF_EUCLIDEAN : DF_COSINE};
    else if (x->v->m)
        st = df__ann_fits(*name, head, x->v->m, (df_metric)head->metric, &err);
    else
        st = df__fail(&err, DF_E_STORE, "%s: stale: the matrix that it was built of is gone; build it anew", *name);
    if (st != DF_OK)
        snprintf(stale, DF_INDEX_WHY, "%.*s", DF_INDEX_WHY - 1, err.message);
    return true;
}
