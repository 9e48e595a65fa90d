/* gallery_care.c - changing what a gallery holds, by conditions; checking it, giving space back, in and out of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/gallery.h"
#include "core/json.h"
#include "core/sha256.h"
#include "gallery/where.h"

df_status df__gallery_check_meta(const char *of, const char *meta, df_error *err)
{
    json_error_t why;
    if (!meta)
        return DF_OK;
    if (strlen(meta) > DF_STORE_META)
        return df__fail(err, DF_E_LIMIT, "%s: its metadata has %zu bytes, the limit is %d", of, strlen(meta), DF_STORE_META);
    json_t *value = json_loads(meta, JSON_REJECT_DUPLICATES, &why);
    bool object = json_is_object(value);
    json_decref(value);
    if (!value)
        return df__fail(err, DF_E_ARGUMENT, "%s: its metadata is no JSON: column %d: %s", of, why.column, why.text);
    return object ? DF_OK : df__fail(err, DF_E_ARGUMENT, "%s: its metadata is no JSON object", of);
}

/* ---- conditions ---- */

df_status df__gallery_select(df_gallery *g, const char *where, uint64_t **ids, size_t *n, df_error *err)
{
    df_where w;
    *ids = NULL, *n = 0;
    df_status st = df__where_parse(where, &w, err);
    if (st != DF_OK)
        return st;
    st = g->ops->select(g->store, &w.condition, ids, n, err);
    df__where_free(&w);
    return st;
}

df_status df__gallery_filter(df_gallery *g, const char *where, uint64_t change, df_filter *room, const df_filter **filter, df_error *err)
{
    *filter = NULL;
    if (!where)
        return DF_OK;
    size_t i = 0;
    while (i < DF_GALLERY_FILTERS && !(g->filters[i].text && strcmp(g->filters[i].text, where) == 0 && g->filters[i].change == change))
        i++;
    if (i == DF_GALLERY_FILTERS) {
        i = g->next_filter, g->next_filter = (i + 1) % DF_GALLERY_FILTERS;
        free(g->filters[i].ids), free(g->filters[i].text);
        g->filters[i].ids = NULL, g->filters[i].text = NULL;
        df_status st = df__gallery_select(g, where, &g->filters[i].ids, &g->filters[i].n, err);
        if (st != DF_OK)
            return st;
        g->filters[i].text = strdup(where), g->filters[i].change = change; /* without memory for the text it is asked anew the next time */
    }
    *room = (df_filter){.ids = g->filters[i].ids, .n = g->filters[i].n};
    *filter = room;
    return DF_OK;
}

static df_status select_some(df_gallery *g, const char *act, const char *where, uint64_t **ids, size_t *n, df_error *err)
{
    *ids = NULL, *n = 0;
    if (!g || !where)
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_%s: a NULL argument", act);
    return df__gallery_select(g, where, ids, n, err);
}

df_status df_gallery_delete(df_gallery *g, const char *where, uint64_t *removed, df_error *err)
{
    uint64_t *ids;
    size_t n;
    df_status st = select_some(g, "delete", where, &ids, &n, err);
    if (st == DF_OK)
        st = g->ops->remove(g->store, ids, n, err);
    if (st == DF_OK && removed)
        *removed = n;
    free(ids);
    return st;
}

df_status df_gallery_update(df_gallery *g, const char *where, const char *name, const char *meta, uint64_t *changed, df_error *err)
{
    uint64_t *ids;
    size_t n;
    if (meta && *meta) {
        df_status st = df__gallery_check_meta("the person", meta, err);
        if (st != DF_OK)
            return st;
    }
    df_status st = select_some(g, "update", where, &ids, &n, err);
    if (st == DF_OK)
        st = g->ops->update(g->store, ids, n, name, meta, err);
    if (st == DF_OK && changed)
        *changed = n;
    free(ids);
    return st;
}

/* ---- check and vacuum ---- */

df_status df_gallery_check(df_gallery *g, df_gallery_fault_fn each, void *user, size_t *faults, df_error *err)
{
    df_status st = DF_OK;
    size_t of_matrix = 0;
    if (!g || !faults)
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_check: a NULL argument");
    *faults = 0;
    DF_TRY(g->ops->check(g->store, each, user, faults, err));
    if (*faults == 0)
        DF_TRY(df__vectors_check(g->vectors, each, user, &of_matrix, err));
    if (of_matrix && !g->read_only)
        DF_TRY(df__vectors_catch_up(g->vectors, false, err));
    *faults += of_matrix;
done:
    return st;
}

df_status df_gallery_vacuum(df_gallery *g, df_error *err)
{
    df_status st = DF_OK;
    if (!g)
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_vacuum: the gallery is NULL");
    DF_TRY(df__vectors_catch_up(g->vectors, true, err)); /* before the log is cut, so that it need not be built anew */
    DF_TRY(g->ops->vacuum(g->store, err));
done:
    return st;
}

/* ---- export ---- */

typedef struct leaving { df_gallery_face_fn each; void *user; bool stopped; } leaving;

static bool leave(void *user, const df_store_record *r)
{
    leaving *l = user;
    const df_traits *t = &r->face.traits;
    df_gallery_face f = {.face = r->face.id, .path = r->photo->path, .photo_meta = r->photo->meta, .name = r->face.name, .person_meta = r->person_meta,
                         .bytes = r->photo->size, .modified = r->photo->modified, .added = r->face.added, .at = r->face.at, .quality = r->face.quality,
                         .age = t->age, .gender_confidence = t->gender_confidence, .emotion_confidence = t->emotion_confidence,
                         .race_confidence = t->race_confidence, .liveness = t->liveness, .gender = t->gender, .emotion = t->emotion, .race = t->race,
                         .vector = r->face.vector};
    df__sha256_digits(r->photo->sha256, f.sha256);
    l->stopped = !l->each(l->user, &f);
    return !l->stopped;
}

df_status df_gallery_export(df_gallery *g, const char *where, df_gallery_face_fn each, void *user, df_error *err)
{
    df_status st = DF_OK;
    uint64_t *ids = NULL, change;
    size_t n;
    leaving l = {.each = each, .user = user};
    if (!g || !each)
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_export: a NULL argument");
    DF_TRY(g->ops->begin(g->store, &change, err));
    st = df__gallery_select(g, where, &ids, &n, err);
    if (st == DF_OK)
        st = g->ops->faces(g->store, ids, n, true, leave, &l, err);
    g->ops->end(g->store);
    if (st == DF_OK && l.stopped)
        st = df__fail(err, DF_E_STOPPED, "%s: stopped", g->path);
done:
    free(ids);
    return st;
}

/* ---- import ---- */

static bool read_sha256(const char *hex, uint8_t out[32])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        unsigned byte = 0;
        for (int k = 0; k < 2; k++) {
            const char c = hex[2 * i + k], *at = c ? strchr(digits, c) : NULL;
            if (!at)
                return false;
            byte = byte << 4 | (unsigned)(at - digits);
        }
        out[i] = (uint8_t)byte;
    }
    return hex[64] == '\0';
}

static df_status import_face(const df_gallery_face *f, df_store_face *out, df_error *err)
{
    if (!f->path || !*f->path || !f->vector)
        return df__fail(err, DF_E_ARGUMENT, "a face to import has no path or no vector");
    *out = (df_store_face){.at = f->at, .quality = f->quality, .name = f->name && *f->name ? f->name : NULL, .vector = f->vector, .added = f->added};
    out->traits = (df_traits){.age = f->age, .gender_confidence = f->gender_confidence, .emotion_confidence = f->emotion_confidence,
                              .race_confidence = f->race_confidence, .liveness = f->liveness, .gender = f->gender, .emotion = f->emotion, .race = f->race};
    return df__gallery_check_meta(f->path, f->person_meta && *f->person_meta ? f->person_meta : NULL, err);
}

static df_status import_photo(const df_gallery_face *f, df_store_photo *out, df_error *err)
{
    *out = (df_store_photo){.path = f->path, .size = f->bytes, .modified = f->modified, .meta = f->photo_meta && *f->photo_meta ? f->photo_meta : NULL};
    if (!read_sha256(f->sha256, out->sha256))
        return df__fail(err, DF_E_ARGUMENT, "%s: \"%.64s\" is no sha256", f->path, f->sha256);
    return df__gallery_check_meta(f->path, out->meta, err);
}

/* Metadata of the people, each where it is new. */
static df_status import_people(df_gallery *g, const df_gallery_face *faces, size_t n, df_error *err)
{
    df_status st = DF_OK;
    for (size_t i = 0; st == DF_OK && i < n; i++) {
        const df_gallery_face *f = &faces[i];
        if (!f->name || !*f->name || !f->person_meta || !*f->person_meta || (i > 0 && f[-1].name && strcmp(f->name, f[-1].name) == 0))
            continue;
        uint64_t *ids;
        size_t found;
        df_value value = {.kind = DF_VALUE_TEXT, .text = f->name};
        df_condition condition = {.sql = "person.name = ?", .values = &value, .n = 1};
        st = g->ops->select(g->store, &condition, &ids, &found, err);
        if (st == DF_OK && found)
            st = g->ops->update(g->store, ids, 1, NULL, f->person_meta, err);
        free(ids);
    }
    return st;
}

df_status df_gallery_import(df_gallery *g, const df_gallery_face *faces, size_t n, df_error *err)
{
    df_status st = DF_OK;
    df_store_face *list = NULL;
    df_store_photo *photos = NULL;
    size_t n_photos = 0;
    if (!g || (!faces && n))
        return df__fail(err, DF_E_ARGUMENT, "df_gallery_import: a NULL argument");
    list = calloc(n + 1, sizeof *list);
    photos = calloc(n + 1, sizeof *photos);
    if (!list || !photos)
        DF_TRY(df__no_memory(err, "faces", n * sizeof *list));
    for (size_t i = 0; i < n; i++) {
        DF_TRY(import_face(&faces[i], &list[i], err));
        if (i == 0 || strcmp(faces[i].path, faces[i - 1].path) != 0) {
            DF_TRY(import_photo(&faces[i], &photos[n_photos], err));
            photos[n_photos++].faces = &list[i];
        }
        photos[n_photos - 1].n++;
    }
    DF_TRY(g->ops->put(g->store, photos, n_photos, err));
    DF_TRY(import_people(g, faces, n, err));
done:
    free(list), free(photos);
    return st;
}
