/* gallery_traits.c - attributes of faces on their way into a gallery: what networks said, as a store keeps it; which faces of a photo that is known
 * lack what, and which of the faces found on it anew they are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/gallery.h"
#include "detect/list.h"

static void no_traits(df_store_face *out)
{
    const double none = (double)NAN;
    out->quality = none;
    out->traits = (df_traits){.age = none, .gender_confidence = none, .emotion_confidence = none, .race_confidence = none, .liveness = none};
}

void df__gallery_traits(const df_attributes *a, df_store_face *out)
{
    df_traits *t = &out->traits;
    no_traits(out);
    if (!a)
        return;
    if (a->has & DF_WITH_AGE)
        t->age = (double)a->age;
    if (a->has & DF_WITH_GENDER)
        t->gender = df_attribute_label(DF_WITH_GENDER, (size_t)a->dominant_gender), t->gender_confidence = (double)a->gender[a->dominant_gender] / 100;
    if (a->has & DF_WITH_EMOTION)
        t->emotion = df_attribute_label(DF_WITH_EMOTION, (size_t)a->dominant_emotion), t->emotion_confidence = (double)a->emotion[a->dominant_emotion] / 100;
    if (a->has & DF_WITH_RACE)
        t->race = df_attribute_label(DF_WITH_RACE, (size_t)a->dominant_race), t->race_confidence = (double)a->race[a->dominant_race] / 100;
    if (a->has & DF_WITH_LIVENESS) { /* the score is of whatever was answered; FasNet has two kinds of spoof, of which the greater may have less than half */
        const double score = (double)a->antispoof_score;
        t->liveness = a->is_real ? score : fmin(score, 1 - score);
    }
    if (a->has & DF_WITH_QUALITY)
        out->quality = (double)a->quality.score / 100;
}

unsigned df__gallery_lacks(const df_store_face *f)
{
    const df_traits *t = &f->traits;
    return (isnan(t->age) ? DF_WITH_AGE : 0u) | (t->gender ? 0u : DF_WITH_GENDER) | (t->emotion ? 0u : DF_WITH_EMOTION) | (t->race ? 0u : DF_WITH_RACE) |
           (isnan(t->liveness) ? DF_WITH_LIVENESS : 0u) | (isnan(f->quality) ? DF_WITH_QUALITY : 0u);
}

/* The library's own copy of a label. */
static const char *label_of(unsigned which, const char *text)
{
    const char *label = NULL;
    for (size_t i = 0; text && (label = df_attribute_label(which, i)) && strcmp(label, text) != 0; i++) {
    }
    return label;
}

bool df__gallery_retell(void *user, const df_store_record *r)
{
    df_retold *to = user;
    if (to->at == to->n)
        return false;
    df_store_face *f = &to->faces[to->at++];
    f->quality = r->face.quality, f->traits = r->face.traits;
    f->traits.gender = label_of(DF_WITH_GENDER, f->traits.gender);
    f->traits.emotion = label_of(DF_WITH_EMOTION, f->traits.emotion);
    f->traits.race = label_of(DF_WITH_RACE, f->traits.race);
    return true;
}

/* ---- completing ---- */

bool df__gallery_note_lacking(void *user, const df_store_record *r)
{
    df_lacking *l = user;
    unsigned lacks = df__gallery_lacks(&r->face) & l->with;
    if (!lacks)
        return true;
    df_store_face *more = realloc(l->faces, (l->n + 1) * sizeof *more);
    l->out_of_memory = !more;
    if (!more)
        return false;
    l->faces = more, l->lacks |= lacks;
    more[l->n] = (df_store_face){.id = r->face.id, .at = r->face.at};
    no_traits(&more[l->n++]);
    return true;
}

/* The same photo gives the same boxes, but for the options that a photo was registered with; more than half in common is one face. */
void df__gallery_describe(df_lacking *l, const df_results *r)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        double best = 0.5;
        const df_attributes *of = NULL;
        for (size_t k = 0; k < df_results_count(r); k++) {
            double same = df__face_overlap(&l->faces[i].at, df_results_face(r, k));
            if (same > best)
                best = same, of = df_results_attributes(r, k);
        }
        if (!of)
            continue;
        df_store_face f = l->faces[i];
        df__gallery_traits(of, &f);
        l->faces[n++] = f;
    }
    l->n = n;
}
