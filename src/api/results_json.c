/* results_json.c - results as JSON, with the keys and the rounding of deepface 0.0.103. */
#include <math.h>
#include <stdlib.h>

#include "api/pipeline.h"
#include "api/results_json.h"

static bool set_text(json_t *o, const char *key, const char *text) { return df__json_set(o, key, df__json_text(text)); }
static bool set_number(json_t *o, const char *key, double v) { return df__json_set(o, key, df__json_number(v)); }
static bool set_int(json_t *o, const char *key, double v) { return df__json_set(o, key, json_integer((json_int_t)v)); }

static bool set_point(json_t *o, const char *key, bool known, df_point p)
{
    json_t *value = known ? json_pack("[I,I]", (json_int_t)p.x, (json_int_t)p.y) : json_null();
    return df__json_set(o, key, value);
}

/* Whole pixels, as upstream gives them; null for points that the detector did not find. */
json_t *df__area_json(const df_face *f)
{
    json_t *o = json_object();
    bool eyes = f->has & DF_HAS_EYES, nose = f->has & DF_HAS_NOSE, mouth = f->has & DF_HAS_MOUTH;
    bool ok = o && set_int(o, "x", f->x) && set_int(o, "y", f->y) && set_int(o, "w", f->w) && set_int(o, "h", f->h) &&
              set_point(o, "left_eye", eyes, f->left_eye) && set_point(o, "right_eye", eyes, f->right_eye);
    if (ok && nose)
        ok = set_point(o, "nose", true, f->nose);
    if (ok && mouth)
        ok = set_point(o, "mouth_left", true, f->mouth_left) && set_point(o, "mouth_right", true, f->mouth_right);
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

double df__round2(double v) { return round(v * 100) / 100; }

df_status df_verify_result_json(const df_verify_result *r, char **out, df_error *err)
{
    if (out)
        *out = NULL;
    if (!r || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_verify_result_json: a NULL argument");
    json_t *o = json_object(), *areas = json_object();
    bool ok = o && areas && df__json_set(o, "verified", json_boolean(r->verified)) && set_number(o, "distance", r->distance) &&
              set_number(o, "threshold", r->threshold) && set_number(o, "confidence", df__round2(r->confidence)) &&
              set_text(o, "model", r->model) && set_text(o, "detector_backend", r->detector) &&
              set_text(o, "similarity_metric", r->metric) && set_text(o, "align", r->align) &&
              df__json_set(areas, "img1", df__area_json(&r->face1)) && df__json_set(areas, "img2", df__area_json(&r->face2)) &&
              df__json_set(o, "facial_areas", json_incref(areas)) && set_number(o, "time", round(r->seconds * 1e4) / 1e4);
    json_decref(areas);
    if (!ok) {
        json_decref(o);
        o = NULL;
    }
    return df__json_print(o, out, err);
}

/* [[x, y], ...] to a hundredth of a pixel. */
static json_t *marks_of(const df_point *marks, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++) {
        json_t *at = json_array();
        bool ok = at && json_array_append_new(at, df__json_number(df__round2((double)marks[i].x))) == 0 &&
                  json_array_append_new(at, df__json_number(df__round2((double)marks[i].y))) == 0;
        if (!ok || json_array_append(list, at) != 0) {
            json_decref(list);
            list = NULL;
        }
        json_decref(at);
    }
    return list;
}

json_t *df__row_json(const float *row, size_t dims)
{
    json_t *values = json_array();
    bool ok = values != NULL;
    for (size_t i = 0; ok && i < dims; i++)
        ok = json_array_append_new(values, df__json_number((double)row[i])) == 0;
    if (ok)
        return values;
    json_decref(values);
    return NULL;
}

/* One object of a list of faces; `row` NULL: without an embedding. */
static json_t *face_of(const df_face *f, const float *row, size_t dims)
{
    json_t *o = json_object();
    bool ok = o != NULL;
    if (ok && row)
        ok = df__json_set(o, "embedding", df__row_json(row, dims));
    if (ok && !row && (f->has & DF_HAS_LIVENESS)) /* modules/detection.py */
        ok = df__json_set(o, "is_real", json_boolean(f->is_real)) && set_number(o, "antispoof_score", (double)f->antispoof_score);
    if (ok && (f->has & DF_HAS_QUALITY))
        ok = set_number(o, "quality", df__round2((double)f->quality));
    ok = ok && df__json_set(o, "facial_area", df__area_json(f)) && set_number(o, row ? "face_confidence" : "confidence", df__round2((double)f->confidence));
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

df_status df__list_json(json_t *list, bool ok, char **out, df_error *err)
{
    if (!ok) {
        json_decref(list);
        list = NULL;
    }
    return df__json_print(list, out, err);
}

df_status df_faces_json(const df_faces *faces, char **out, df_error *err)
{
    if (out)
        *out = NULL;
    if (!faces || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_faces_json: a NULL argument");
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < faces->list.n; i++) {
        json_t *o = face_of(&faces->list.items[i], NULL, 0);
        ok = o && (!faces->n_marks || df__json_set(o, "landmarks", marks_of(faces->marks + i * faces->n_marks, faces->n_marks)));
        ok = ok && json_array_append(list, o) == 0;
        json_decref(o);
    }
    return df__list_json(list, ok, out, err);
}

df_status df_embeddings_json(const df_embeddings *e, char **out, df_error *err)
{
    if (out)
        *out = NULL;
    if (!e || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_embeddings_json: a NULL argument");
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < e->n; i++)
        ok = json_array_append_new(list, face_of(&e->faces[i], e->rows + i * e->dims, e->dims)) == 0;
    return df__list_json(list, ok, out, err);
}

void df_string_free(char *s) { free(s); }
