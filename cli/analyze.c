/* analyze.c - `deepface analyze`: what there is to tell of each face, and with --with its vector too. */
#include <stdio.h>

#include "photos.h"
#include "print.h"
#include "progress.h"

typedef struct job {
    const cli_args *args;
    unsigned        want;
    cli_progress    bar;
    cli_table       table;
    size_t          faces; /* in the table */
    int             code;
} job;

/* "happy 93 %". */
static void share(cli_table *t, unsigned which, const float *shares, int dominant)
{
    const char *label = df_attribute_label(which, (size_t)dominant);
    cli_table_add(t, CLI_PLAIN, "%s %.0f %%", label ? label : "?", (double)shares[dominant]);
}

/* "34 blurred, small". */
static void quality(cli_table *t, const df_quality *q)
{
    char text[128];
    const char *word;
    int at = snprintf(text, sizeof text, "%.0f", (double)q->score);
    for (size_t i = 0; (word = df_quality_reason(q, i)) && at < (int)sizeof text; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%s%s", i ? ", " : " ", word);
    cli_table_add(t, q->reasons ? CLI_YELLOW : CLI_PLAIN, "%s", text);
}

static void head(job *j)
{
    static const struct { unsigned flag; const char *name; } columns[] = {
        {DF_WITH_AGE, "age"}, {DF_WITH_GENDER, "gender"}, {DF_WITH_EMOTION, "emotion"}, {DF_WITH_RACE, "race"}, {DF_WITH_LIVENESS, "live"},
        {DF_WITH_QUALITY, "quality"}, {DF_WITH_EMBEDDING, "vector"}};
    char align[16] = "lrrr";
    size_t n = 4;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (j->want & columns[i].flag)
            align[n++] = columns[i].flag == DF_WITH_AGE || columns[i].flag == DF_WITH_EMBEDDING ? 'r' : 'l';
    align[n] = '\0';
    cli_table_start(&j->table, align);
    for (size_t i = 0; i < 4; i++)
        cli_table_add(&j->table, CLI_BOLD, "%s", (const char *const[]){"photo", "face", "x,y", "w x h"}[i]);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (j->want & columns[i].flag)
            cli_table_add(&j->table, CLI_BOLD, "%s", columns[i].name);
}

static void add_faces(job *j, const char *path, const df_results *r)
{
    cli_table *t = &j->table;
    const df_face *f;
    for (size_t i = 0; (f = df_results_face(r, i)); i++) {
        const df_attributes *a = df_results_attributes(r, i);
        cli_table_add(t, CLI_PLAIN, "%s", i == 0 ? path : "");
        cli_table_add(t, CLI_PLAIN, "%zu", i + 1);
        cli_table_add(t, CLI_PLAIN, "%.0f,%.0f", (double)f->x, (double)f->y);
        cli_table_add(t, CLI_PLAIN, "%.0f x %.0f", (double)f->w, (double)f->h);
        if (j->want & DF_WITH_AGE)
            cli_table_add(t, CLI_PLAIN, "%.0f", (double)a->age);
        if (j->want & DF_WITH_GENDER)
            share(t, DF_WITH_GENDER, a->gender, a->dominant_gender);
        if (j->want & DF_WITH_EMOTION)
            share(t, DF_WITH_EMOTION, a->emotion, a->dominant_emotion);
        if (j->want & DF_WITH_RACE)
            share(t, DF_WITH_RACE, a->race, a->dominant_race);
        if (j->want & DF_WITH_LIVENESS)
            cli_table_add(t, a->is_real ? CLI_PLAIN : CLI_RED, "%s %.0f %%", a->is_real ? "real" : "spoof", 100 * (double)a->antispoof_score);
        if (j->want & DF_WITH_QUALITY)
            quality(t, &a->quality);
        if (j->want & DF_WITH_EMBEDDING)
            cli_table_add(t, CLI_PLAIN, "%zu", df_embeddings_dims(df_results_embeddings(r)));
        j->faces++;
    }
}

static bool each(void *user, size_t index, const df_results *r, const df_error *failed)
{
    job *j = user;
    const char *path = j->args->paths[index];
    df_error err;
    char *json = NULL;
    cli_progress_clear(&j->bar);
    if (!failed && j->args->json && df_results_json(r, &json, &err) != DF_OK)
        failed = &err;
    if (failed)
        j->code = cli_photo_failed(j->args, path, failed, j->code);
    else if (j->args->json)
        cli_photo_faces(j->args, path, json);
    else
        add_faces(j, path, r);
    cli_progress_step(&j->bar);
    return !ferror(stdout); /* nobody reads any more: stop */
}

static bool read_want(const cli_args *args, unsigned *want)
{
    df_error err;
    unsigned more = 0;
    *want = DF_WITH_ATTRIBUTES;
    if ((args->actions && df_want_parse(args->actions, want, &err) != DF_OK) || (args->with && df_want_parse(args->with, &more, &err) != DF_OK))
        return cli_fail(CLI_BAD_INPUT, "%s", err.message), false;
    *want |= more;
    return true;
}

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    df_error err;
    job j = {.args = args};
    if (!cli_one_stdin(args) || !read_want(args, &j.want))
        return CLI_BAD_INPUT;
    int code = cli_engine(args, &engine);
    if (code != CLI_OK)
        return code;
    head(&j);
    cli_progress_start(&j.bar, "photos", args->n, args->quiet || args->n == 1);
    df_status st = df_process_many(engine, args->paths, args->n, j.want, &args->opts, each, &j, &err);
    cli_progress_end(&j.bar);
    if (st != DF_OK)
        j.code = cli_fail(cli_code(st, NULL, 0), "%s", err.message);
    if (args->json || args->quiet || j.faces == 0)
        cli_table_drop(&j.table);
    else if (!cli_table_end(&j.table))
        j.code = cli_fail(CLI_FAILED, "out of memory");
    df_engine_free(engine);
    return j.code;
}

static const cli_flag flags[] = {
    {"actions", 0, CLI_TEXT, "LIST", offsetof(cli_args, actions), 0, 0,
     "what to tell, of age,gender,emotion,race,liveness,quality; the first four unless told"},
    {"with", 0, CLI_TEXT, "LIST", offsetof(cli_args, with), 0, 0, "more of the same faces: embedding, or any of the actions"},
    {0},
};

const cli_command cli_analyze = {"analyze", "IMG...", "age, gender, emotion, race, liveness and quality of each face", flags, true, 1, SIZE_MAX,
                                 "a photo", run};
