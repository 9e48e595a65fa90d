/* engine.c - making and freeing an engine, loading its models on first use. */
#include "api/engine.h"

#include <stdlib.h>
#include <string.h>

#include "core/options.h"
#include "core/threads.h"
#include "models/describe.h"
#include "models/dlib.h"
#include "nn/precision.h"

enum { MAX_THREADS = 1024 };

void df_engine_opts_init(df_engine_opts *opts, size_t size)
{
    df_engine_opts all = {.size = size, .max_pixels = 100000000, .max_bytes = (size_t)256 << 20, .precision = "fast"};
    memset(opts, 0, size);
    memcpy(opts, &all, size < sizeof all ? size : sizeof all);
}

static df_status read_opts(const df_engine_opts *given, df_engine_opts *out, df_error *err)
{
    df_engine_opts_init(out, sizeof *out);
    df_status st = df__struct_read("df_engine_opts", given, out, sizeof *out, err);
    if (st != DF_OK)
        return st;
    if (out->threads < 0 || out->threads > MAX_THREADS)
        return df__fail(err, DF_E_ARGUMENT, "threads: %d is outside 0..%d", out->threads, MAX_THREADS);
    if (out->max_pixels == 0 || out->max_bytes == 0)
        return df__fail(err, DF_E_ARGUMENT, "max_pixels is %zu and max_bytes %zu: neither may be 0", out->max_pixels, out->max_bytes);
    return DF_OK;
}

static df_slot *slot_at(df_engine *e, size_t i)
{
    if (i < DF_MAX_DETECTORS)
        return &e->detectors[i].slot;
    i -= DF_MAX_DETECTORS;
    if (i < DF_MAX_RECOGNISERS)
        return &e->recognisers[i].slot;
    i -= DF_MAX_RECOGNISERS;
    if (i < DF_PREDICTORS)
        return &e->predictors[i].slot;
    i -= DF_PREDICTORS;
    return i < DF_MAX_ATTRIBUTES ? &e->attributes[i].slot : &e->mesh.slot;
}

enum { SLOTS = DF_MAX_DETECTORS + DF_MAX_RECOGNISERS + DF_PREDICTORS + DF_MAX_ATTRIBUTES + 1 };

df_status df_engine_new(const df_engine_opts *opts, df_engine **out, df_error *err)
{
    df_status st = DF_OK;
    df_engine *e = NULL;
    df_engine_opts o;
    if (!out)
        return df__fail(err, DF_E_ARGUMENT, "df_engine_new: out is NULL");
    *out = NULL;
    DF_TRY(read_opts(opts, &o, err));
    e = calloc(1, sizeof *e);
    if (!e)
        return df__no_memory(err, "engine", sizeof *e);
    for (size_t i = 0; i < SLOTS; i++)
        pthread_mutex_init(&slot_at(e, i)->lock, NULL);
    pthread_mutex_init(&e->own.lock, NULL);
    if (o.weights_dir) {
        e->dir = strdup(o.weights_dir);
        if (!e->dir)
            DF_TRY(df__no_memory(err, "weights_dir", strlen(o.weights_dir)));
    } else {
        DF_TRY(df__weights_dir(&e->dir, err));
    }
    e->loader = (df_loader){.dir = e->dir, .log = {o.log, o.log_user}};
    DF_TRY(df__precision_find(o.precision ? o.precision : "fast", &e->loader.precision, err));
    e->limits = (df_limits){.bytes = o.max_bytes, .pixels = o.max_pixels};
    e->threads = o.threads ? o.threads : df__cores();
    df__log(&e->loader.log, DF_LOG_DEBUG, "precision %s, %d threads", df__precision_name(e->loader.precision), e->threads);
    *out = e, e = NULL;
done:
    df_engine_free(e);
    return st;
}

static void free_own(df_own_recogniser *own)
{
    df__recogniser_close(&own->net);
    df__recogniser_release(own->row);
    pthread_mutex_destroy(&own->slot.lock);
    free(own->path);
    free(own);
}

void df_engine_free(df_engine *e)
{
    if (!e)
        return;
    for (size_t i = 0; df__detector_at(i); i++)
        if (e->detectors[i].slot.ready)
            df__detector_at(i)->close(e->detectors[i].self);
    for (size_t i = 0; df__recogniser_at(i); i++)
        if (e->recognisers[i].slot.ready)
            df__recogniser_close(&e->recognisers[i].net);
    for (size_t i = 0; i < DF_PREDICTORS; i++)
        df__shape_predictor_free(e->predictors[i].sp);
    df__net_free(e->mesh.net);
    while (e->own.first) {
        df_own_recogniser *own = e->own.first;
        e->own.first = own->next;
        free_own(own);
    }
    pthread_mutex_destroy(&e->own.lock);
    for (size_t i = 0; i < DF_MAX_ATTRIBUTES; i++)
        df__net_free(e->attributes[i].net);
    for (size_t i = 0; i < SLOTS; i++)
        pthread_mutex_destroy(&slot_at(e, i)->lock);
    free(e->dir);
    free(e);
}

df_status df__engine_detector(df_engine *e, const df_detector_ops *ops, void **self, df_error *err)
{
    size_t i = 0;
    while (df__detector_at(i) != ops)
        i++;
    df_slot *slot = &e->detectors[i].slot;
    df_status st = DF_OK;
    pthread_mutex_lock(&slot->lock);
    if (!slot->ready) {
        st = ops->open(&e->loader, &e->detectors[i].self, err);
        slot->ready = st == DF_OK;
    }
    *self = e->detectors[i].self;
    pthread_mutex_unlock(&slot->lock);
    return st;
}

static df_status new_own(const char *path, df_own_recogniser **out, df_error *err)
{
    df_own_recogniser *own = calloc(1, sizeof *own);
    if (!own)
        return df__no_memory(err, path, sizeof *own);
    pthread_mutex_init(&own->slot.lock, NULL);
    own->path = strdup(path);
    df_status st = own->path ? df__describe_open(path, &own->row, err) : df__no_memory(err, path, strlen(path));
    if (st == DF_OK && (st = df__template_of(own->row, &own->chip, err)) != DF_OK)
        df__prefix(err, "%s", path);
    if (st != DF_OK) {
        free_own(own);
        return st;
    }
    *out = own;
    return DF_OK;
}

df_status df__engine_row(df_engine *e, const char *model, const df_recogniser **row, const df_template **chip, df_error *err)
{
    df_status st = DF_OK;
    *row = df__recogniser_find(model);
    if (*row) {
        *chip = df__template_find((*row)->chip);
        return *chip ? DF_OK : df__fail(err, DF_E_INTERNAL, "%s: there is no chip %s", model, (*row)->chip);
    }
    if (!df__model_is_file(model))
        return df__fail(err, DF_E_ARGUMENT, "model: no recogniser is named \"%s\"", model);
    pthread_mutex_lock(&e->own.lock);
    df_own_recogniser *own = e->own.first;
    while (own && strcmp(own->path, model) != 0)
        own = own->next;
    if (!own) {
        st = new_own(model, &own, err);
        if (st == DF_OK)
            own->next = e->own.first, e->own.first = own;
    }
    *row = st == DF_OK ? own->row : NULL;
    *chip = st == DF_OK ? &own->chip : NULL;
    pthread_mutex_unlock(&e->own.lock);
    return st;
}

/* The place of a row's network: in the order of the catalogue, or beside the row. */
static df_slot *recogniser_slot(df_engine *e, const df_recogniser *row, df_recogniser_net **net)
{
    for (size_t i = 0; df__recogniser_at(i); i++)
        if (df__recogniser_at(i) == row) {
            *net = &e->recognisers[i].net;
            return &e->recognisers[i].slot;
        }
    pthread_mutex_lock(&e->own.lock);
    df_own_recogniser *own = e->own.first;
    while (own->row != row)
        own = own->next;
    pthread_mutex_unlock(&e->own.lock);
    *net = &own->net;
    return &own->slot;
}

df_status df__engine_recogniser(df_engine *e, const df_recogniser *row, const df_recogniser_net **net, df_error *err)
{
    df_recogniser_net *mine;
    df_slot *slot = recogniser_slot(e, row, &mine);
    df_status st = DF_OK;
    pthread_mutex_lock(&slot->lock);
    if (!slot->ready) {
        st = df__recogniser_open(&e->loader, row, mine, err);
        slot->ready = st == DF_OK;
    }
    *net = mine;
    pthread_mutex_unlock(&slot->lock);
    return st;
}

df_status df__engine_predictor(df_engine *e, df_predictor which, const df_shape_predictor **sp, df_error *err)
{
    static const char *const names[DF_PREDICTORS] = {"dlib-5-points", "dlib-68-points"};
    df_slot *slot = &e->predictors[which].slot;
    df_status st = DF_OK;
    pthread_mutex_lock(&slot->lock);
    if (!slot->ready) {
        df_bytes file = {0};
        st = df__weights_open(&e->loader, names[which], &file, err);
        if (st == DF_OK)
            st = df__shape_predictor_parse(&file, df__weights_find(names[which])->info.file, &e->predictors[which].sp, err);
        df__bytes_free(&file);
        slot->ready = st == DF_OK;
    }
    *sp = e->predictors[which].sp;
    pthread_mutex_unlock(&slot->lock);
    return st;
}

/* Always float32: its outputs are pixels, of which bfloat16 keeps the whole ones alone. */
df_status df__engine_mesh(df_engine *e, df_net **net, df_error *err)
{
    df_slot *slot = &e->mesh.slot;
    df_status st = DF_OK;
    pthread_mutex_lock(&slot->lock);
    if (!slot->ready) {
        st = df__weights_net(&e->loader, "facemesh", DF_PRECISION_STRICT, &e->mesh.net, err);
        slot->ready = st == DF_OK;
    }
    *net = e->mesh.net;
    pthread_mutex_unlock(&slot->lock);
    return st;
}

df_status df__engine_attribute(df_engine *e, const df_attribute *a, df_net **net, df_error *err)
{
    size_t i = 0;
    while (df__attribute_at(i) != a)
        i++;
    df_slot *slot = &e->attributes[i].slot;
    df_status st = DF_OK;
    pthread_mutex_lock(&slot->lock);
    if (!slot->ready) {
        st = df__attribute_open(&e->loader, a, &e->attributes[i].net, err);
        slot->ready = st == DF_OK;
    }
    *net = e->attributes[i].net;
    pthread_mutex_unlock(&slot->lock);
    return st;
}
