/* gallery_auto.c - auto_filter: a condition on the gallery's faces made of what networks say of the photo's own.
 *
 * A face that the condition leaves out is never found, so it leaves out only where both sides are sure: the photo's face and the gallery's. Which
 * attributes, how sure and how wide the band of ages: docs/gallery.md has what each costs, as measured. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/gallery.h"

static const double default_bar = 0.9;
enum { DEFAULT_BY = DF_WITH_GENDER, KNOWN_BY = DF_WITH_GENDER | DF_WITH_RACE | DF_WITH_AGE, AGE_BAND = 15 /* years to either side */ };

df_status df__auto_opts_read(df_search_opts *o, df_error *err)
{
    if (o->auto_by & ~(unsigned)KNOWN_BY)
        return df__fail(err, DF_E_ARGUMENT, "auto_by: a face can be filtered by age, gender and race");
    if (!isnan(o->auto_bar) && !(o->auto_bar >= 0.5 && o->auto_bar <= 1))
        return df__fail(err, DF_E_ARGUMENT, "auto_bar: %g is not between 0.5 and 1", o->auto_bar);
    o->auto_by = o->auto_by ? o->auto_by : DEFAULT_BY;
    o->auto_bar = isnan(o->auto_bar) ? default_bar : o->auto_bar;
    return DF_OK;
}

df_status df__gallery_knows(df_gallery *g, unsigned by, df_error *err)
{
    static const struct { unsigned flag; const char *name; size_t at; } words[] = {
        {DF_WITH_GENDER, "gender", offsetof(df_store_counts, with_gender)}, {DF_WITH_RACE, "race", offsetof(df_store_counts, with_race)},
        {DF_WITH_AGE, "age", offsetof(df_store_counts, with_age)}};
    df_store_counts c;
    if ((g->knows & by) == by) /* asked once: counting reads every face */
        return DF_OK;
    df_status st = g->ops->counts(g->store, &c, err);
    for (size_t i = 0; st == DF_OK && i < sizeof words / sizeof *words; i++) {
        uint64_t n;
        memcpy(&n, (const char *)&c + words[i].at, sizeof n);
        if (n)
            g->knows |= words[i].flag;
        else if (by & words[i].flag)
            st = df__fail(err, DF_E_ARGUMENT, "%s knows the %s of none of its %llu faces: `deepface register --with %s` over its photos completes it", g->path,
                          words[i].name, (unsigned long long)c.faces, words[i].name);
    }
    return st;
}

/* Faces of the same label, and those of which it is not known for sure. */
static void add_label(char *out, size_t size, const char *field, const char *label, double bar)
{
    size_t at = strlen(out);
    snprintf(out + at, size - at, "%s(%s = '%s' or %s_confidence < %g or %s_confidence is null)", at ? " and " : "", field, label, field, bar, field);
}

static void add_age(char *out, size_t size, double age)
{
    size_t at = strlen(out);
    snprintf(out + at, size - at, "%s(age between %.0f and %.0f or age is null)", at ? " and " : "", fmax(0, floor(age - AGE_BAND)), ceil(age + AGE_BAND));
}

void df__auto_condition(const df_attributes *a, unsigned by, double bar, char out[DF_AUTO_CONDITION])
{
    const double gender = (double)a->gender[a->dominant_gender] / 100, race = (double)a->race[a->dominant_race] / 100;
    out[0] = '\0';
    if ((by & a->has & DF_WITH_GENDER) && gender >= bar)
        add_label(out, DF_AUTO_CONDITION, "gender", df_attribute_label(DF_WITH_GENDER, (size_t)a->dominant_gender), bar);
    if ((by & a->has & DF_WITH_RACE) && race >= bar)
        add_label(out, DF_AUTO_CONDITION, "race", df_attribute_label(DF_WITH_RACE, (size_t)a->dominant_race), bar);
    if (by & a->has & DF_WITH_AGE)
        add_age(out, DF_AUTO_CONDITION, (double)a->age);
}

df_status df__gallery_auto(df_gallery *g, const df_attributes *a, const df_search_opts *o, uint64_t change, char **text, df_filter *room,
                           const df_filter **filter, df_error *err)
{
    char mine[DF_AUTO_CONDITION];
    const char *where = o->where;
    char *both = NULL;
    df__auto_condition(a, o->auto_by, o->auto_bar, mine);
    *text = *mine ? strdup(mine) : NULL;
    if (*mine && !*text)
        return df__no_memory(err, "filter", sizeof mine);
    if (*mine && where) {
        size_t size = strlen(where) + sizeof mine + sizeof "() and ";
        both = malloc(size);
        if (!both)
            return df__no_memory(err, "filter", size);
        snprintf(both, size, "(%s) and %s", where, mine);
    }
    df_status st = df__gallery_filter(g, both ? both : *mine ? mine : where, change, room, filter, err);
    free(both);
    return st;
}

df_status df__gallery_probe(const df_pipeline *p, const char *path, const df_image *img, const df_search_opts *o, df_embeddings **e,
                            df_attributes **attributes, df_error *err)
{
    df_status st = DF_OK;
    df_processor w;
    df_results *r = NULL;
    *e = NULL, *attributes = NULL;
    if (!o->auto_filter)
        return df__pipeline_represent(p, path, img, p->engine->threads, e, err);
    DF_TRY(df__process_open(p->engine, DF_WITH_EMBEDDING | o->auto_by, &p->opts, &w, err));
    DF_TRY(df__process_one(&w, path, img, p->engine->threads, &r, err));
    *e = r->e, r->e = NULL;
    *attributes = r->attributes, r->attributes = NULL;
done:
    df_results_free(r);
    return st;
}
