/* filter.c - which of the faces found go on: those of enough quality, and with anti-spoofing those that are alive. */
#include <stdlib.h>

#include "analyze/quality.h"
#include "api/pipeline.h"

df_status df__filter_open(df_pipeline *p, df_error *err)
{
    df_status st = DF_OK;
    size_t n = 0;
    p->liveness = (df_family)df__family_find(p->opts.liveness);
    for (size_t i = 0; p->opts.anti_spoofing && df__attribute_at(i); i++) {
        const df_attribute *a = df__attribute_at(i);
        if (a->gives != DF_WITH_LIVENESS || a->family != p->liveness)
            continue;
        DF_TRY(df__engine_attribute(p->engine, a, &p->spoof_nets[n], err));
        p->spoof[n++] = a;
    }
done:
    return st;
}

static df_status keep_if_good(const df_pipeline *p, const df_photo *photo, df_face_list *list, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    df_quality q = {0}, best = {.score = -1};
    size_t n = 0, found = list->n;
    for (size_t i = 0; i < found; i++) {
        df_face *f = &list->items[i];
        if (df__pipeline_no_face(p, f)) /* the photo was taken where there is no face */
            return DF_OK;
        df_look look = df__pipeline_look(p, photo, f);
        DF_TRY(df__quality(&look, photo->scale, &q, scratch, err));
        f->quality = q.score, f->has |= DF_HAS_QUALITY;
        if (q.score > best.score)
            best = q;
        if (q.score >= (float)p->opts.min_quality)
            list->items[n++] = *f;
    }
    list->n = n;
    if (n == 0) {
        const char *why = df_quality_reason(&best, 0), *also = df_quality_reason(&best, 1);
        return df__fail(err, DF_E_NO_FACE, "%s: %zu face%s, none of quality %d or more: the best has %.0f%s%s%s%s", photo->name, found,
                        found == 1 ? "" : "s", p->opts.min_quality, (double)best.score, why ? ", it is " : "", why ? why : "", also ? " and " : "",
                        also ? also : "");
    }
done:
    return st;
}

static df_status look_alive(const df_pipeline *p, const df_photo *photo, df_face_list *list, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    df_arena_mark mark = df__arena_mark(scratch);
    df_findings *found = df__arena_calloc(scratch, list->n, sizeof *found);
    df_look *looks = df__arena_calloc(scratch, list->n, sizeof *looks);
    if (!found || !looks)
        return df__no_memory(err, "liveness", list->n * (sizeof *found + sizeof *looks));
    for (size_t i = 0; i < list->n; i++)
        looks[i] = df__pipeline_look(p, photo, &list->items[i]);
    for (size_t k = 0; k < DF_SPOOF_NETS; k++)
        DF_TRY(df__attribute_faces(p->spoof[k], p->spoof_nets[k], looks, list->n, found, scratch, err));
    for (size_t i = 0; i < list->n; i++) {
        df_face *f = &list->items[i];
        df__liveness_settle(p->liveness, &found[i]);
        f->is_real = found[i].attributes.is_real, f->antispoof_score = found[i].attributes.antispoof_score;
        f->has |= DF_HAS_LIVENESS;
        if (!f->is_real && !p->tells_spoof)
            DF_TRY(df__fail(err, DF_E_SPOOF, "%s: face %zu of %zu is no live one (%s, score %.2f)", photo->name, i + 1, list->n, p->opts.liveness,
                            (double)f->antispoof_score));
    }
done:
    df__arena_release(scratch, mark);
    return st;
}

df_status df__filter_faces(const df_pipeline *p, const df_photo *photo, df_face_list *list, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    if (p->opts.min_quality > 0)
        DF_TRY(keep_if_good(p, photo, list, scratch, err));
    if (p->opts.anti_spoofing)
        DF_TRY(look_alive(p, photo, list, scratch, err));
done:
    return st;
}
