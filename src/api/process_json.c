/* process_json.c - results as the list that deepface 0.0.103 gives for analyze (modules/demography.py). */
#include <math.h>

#include "api/process.h"
#include "api/results_json.h"

/* {"happy": 93.1, ...}, and which is the greatest. A class that the network does not know is null if deepface has it, and absent if not. */
static bool set_shares(json_t *o, unsigned which, const char *key, const char *dominant_key, const float *shares, int dominant)
{
    json_t *inner = json_object();
    const char *label;
    bool ok = inner != NULL;
    for (size_t i = 0; ok && (label = df_attribute_label(which, i)); i++)
        if (!isnan(shares[i]) || which != DF_WITH_RACE || i != DF_RACE_OTHER)
            ok = df__json_set(inner, label, df__json_number((double)shares[i]));
    label = df_attribute_label(which, (size_t)dominant);
    ok = ok && df__json_set(o, key, json_incref(inner)) && df__json_set(o, dominant_key, df__json_text(label ? label : ""));
    json_decref(inner);
    return ok;
}

static json_t *quality_of(const df_quality *q)
{
    const struct { const char *key; float value; } numbers[] = {
        {"score", q->score}, {"sharpness", q->sharpness}, {"brightness", q->brightness}, {"contrast", q->contrast}, {"size", q->size},
        {"yaw", q->yaw}, {"pitch", q->pitch}, {"roll", q->roll}};
    json_t *o = json_object(), *reasons = json_array();
    bool ok = o && reasons;
    const char *word;
    for (size_t i = 0; ok && i < sizeof numbers / sizeof *numbers; i++)
        ok = df__json_set(o, numbers[i].key, df__json_number(df__round2((double)numbers[i].value)));
    for (size_t i = 0; ok && (word = df_quality_reason(q, i)); i++)
        ok = json_array_append_new(reasons, df__json_text(word)) == 0;
    ok = ok && df__json_set(o, "reasons", json_incref(reasons));
    json_decref(reasons);
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *face_of(const df_results *r, size_t i)
{
    const df_attributes *a = &r->attributes[i];
    const df_face *f = &r->faces[i];
    json_t *o = json_object();
    bool ok = o != NULL;
    if (ok && (r->want & DF_WITH_EMOTION))
        ok = set_shares(o, DF_WITH_EMOTION, "emotion", "dominant_emotion", a->emotion, a->dominant_emotion);
    if (ok && (r->want & DF_WITH_AGE))
        ok = df__json_set(o, "age", json_integer((json_int_t)(r->family == DF_FAMILY_DEEPFACE ? (double)a->age : round((double)a->age))));
    if (ok && (r->want & DF_WITH_GENDER))
        ok = set_shares(o, DF_WITH_GENDER, "gender", "dominant_gender", a->gender, a->dominant_gender);
    if (ok && (r->want & DF_WITH_RACE))
        ok = set_shares(o, DF_WITH_RACE, "race", "dominant_race", a->race, a->dominant_race);
    if (ok && (r->want & DF_WITH_LIVENESS))
        ok = df__json_set(o, "is_real", json_boolean(a->is_real)) && df__json_set(o, "antispoof_score", df__json_number((double)a->antispoof_score));
    if (ok && (r->want & DF_WITH_QUALITY))
        ok = df__json_set(o, "quality", quality_of(&a->quality));
    if (ok && r->e)
        ok = df__json_set(o, "embedding", df__row_json(r->e->rows + i * r->e->dims, r->e->dims));
    ok = ok && df__json_set(o, "region", df__area_json(f)) && df__json_set(o, "face_confidence", df__json_number(df__round2((double)f->confidence)));
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

df_status df_results_json(const df_results *r, char **out, df_error *err)
{
    if (out)
        *out = NULL;
    if (!r || !out)
        return df__fail(err, DF_E_ARGUMENT, "df_results_json: a NULL argument");
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < r->n; i++)
        ok = json_array_append_new(list, face_of(r, i)) == 0;
    return df__list_json(list, ok, out, err);
}
