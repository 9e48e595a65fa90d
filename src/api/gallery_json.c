/* gallery_json.c - matches as JSON: those of df_find with the keys and in the order of deepface 0.0.103's data frames. */
#include <math.h>

#include "api/gallery.h"
#include "core/json.h"

static bool set_box(json_t *o, const char *const keys[4], const df_face *f)
{
    const float box[] = {f->x, f->y, f->w, f->h};
    bool ok = true;
    for (int i = 0; i < 4; i++)
        ok = ok && df__json_set(o, keys[i], json_integer((json_int_t)box[i]));
    return ok;
}

static json_t *row_of(const df_matches *m, const df_face *source, const df_match *match)
{
    static const char *const target[] = {"target_x", "target_y", "target_w", "target_h"};
    static const char *const from[] = {"source_x", "source_y", "source_w", "source_h"};
    json_t *o = json_object();
    bool ok = o && df__json_set(o, "identity", df__json_text(match->path)) && df__json_set(o, "hash", df__json_text(match->sha256)) &&
              set_box(o, target, &match->target) && df__json_set(o, "threshold", df__json_number(m->threshold)) && set_box(o, from, source) &&
              df__json_set(o, "distance", df__json_number(match->distance)) &&
              df__json_set(o, "confidence", df__json_number(round(match->confidence * 100) / 100));
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

static bool set_area(json_t *o, const df_face *f)
{
    static const char *const keys[] = {"x", "y", "w", "h"};
    json_t *area = json_object();
    bool ok = area && set_box(area, keys, f) && df__json_set(o, "facial_area", json_incref(area));
    json_decref(area);
    return ok;
}

static json_t *match_of(const df_matches *m, const df_face *source, const df_match *match)
{
    json_t *o = json_object();
    (void)m, (void)source;
    bool ok = o && df__json_set(o, "face", json_integer((json_int_t)match->face)) &&
              df__json_set(o, "name", match->name ? df__json_text(match->name) : json_null()) && df__json_set(o, "identity", df__json_text(match->path)) &&
              df__json_set(o, "hash", df__json_text(match->sha256)) && set_area(o, &match->target) &&
              df__json_set(o, "distance", df__json_number(match->distance)) &&
              df__json_set(o, "confidence", df__json_number(round(match->confidence * 100) / 100)) &&
              df__json_set(o, "verified", json_boolean(match->verified));
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *list_of(const df_matches *m, const df_probe_matches *probe, json_t *(*one)(const df_matches *, const df_face *, const df_match *))
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < probe->n; i++)
        if (json_array_append_new(list, one(m, &probe->at, &probe->items[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

static json_t *probe_of(const df_matches *m, const df_probe_matches *probe)
{
    json_t *o = json_object();
    bool ok = o && (!m->filtered || (df__json_set(o, "filter", probe->filter ? df__json_text(probe->filter) : json_null()) &&
                                     df__json_set(o, "searched", json_integer((json_int_t)probe->searched))));
    if (ok && set_area(o, &probe->at) && df__json_set(o, "matches", list_of(m, probe, match_of)))
        return o;
    json_decref(o);
    return NULL;
}

static bool set_far(json_t *o, const df_matches *m)
{
    const df_far_info *f = df_matches_far(m);
    return !f || (df__json_set(o, "far", df__json_number(f->far)) && df__json_set(o, "far_of_comparison", df__json_number(f->of_comparison)) &&
                  df__json_set(o, "expected_false_accepts", df__json_number(f->expected)) &&
                  df__json_set(o, "impostor_pairs", json_integer((json_int_t)f->pairs)) && df__json_set(o, "extrapolated", json_boolean(f->extrapolated)));
}

static bool set_index(json_t *o, const df_index_used *used)
{
    json_t *index = json_object();
    bool ok = index && df__json_set(index, "name", df__json_text(used->index)) && df__json_set(index, "exact", json_boolean(used->exact)) &&
              df__json_set(index, "recall", df__json_number(used->recall)) && df__json_set(index, "why", df__json_text(used->why)) &&
              df__json_set(o, "index", json_incref(index));
    json_decref(index);
    return ok;
}

df_status df_matches_json(const df_matches *m, char **out, df_error *err)
{
    if (out)
        *out = NULL;
    if (!m || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_matches_json: a NULL argument");
    json_t *probes = json_array(), *all = NULL;
    bool ok = probes != NULL;
    for (size_t i = 0; ok && i < m->n; i++)
        ok = json_array_append_new(probes, m->of_folder ? list_of(m, &m->probes[i], row_of) : probe_of(m, &m->probes[i])) == 0;
    if (ok && m->of_folder) {
        all = json_incref(probes);
    } else if (ok) {
        all = json_object();
        if (!all || !df__json_set(all, "threshold", df__json_number(m->threshold)) ||
            !df__json_set(all, "searched", json_integer((json_int_t)m->searched)) || !set_far(all, m) || !set_index(all, &m->index) ||
            !df__json_set(all, "probes", json_incref(probes))) {
            json_decref(all);
            all = NULL;
        }
    }
    json_decref(probes);
    return df__json_print(all, out, err);
}
