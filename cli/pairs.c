/* pairs.c - `deepface verify --pairs`: every photo once through the network, then every pair. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pairs.h"
#include "progress.h"

typedef struct job {
    cli_pair_list *list;
    cli_progress   bar;
    bool           no_memory;
} job;

static bool keep(job *j, cli_photo *p, const df_embeddings *e)
{
    size_t dims = df_embeddings_dims(e), n = df_embeddings_count(e);
    p->rows = n ? malloc(n * dims * sizeof *p->rows) : NULL;
    if (!p->rows)
        return false;
    for (size_t i = 0; i < n; i++)
        memcpy(p->rows + i * dims, df_embeddings_row(e, i), dims * sizeof *p->rows);
    p->faces = n;
    j->list->dims = dims;
    return true;
}

static bool each(void *user, size_t index, const df_embeddings *e, const df_error *failed)
{
    job *j = user;
    cli_photo *p = &j->list->photos[index];
    if (e) {
        j->no_memory = !keep(j, p, e);
    } else {
        p->status = failed->status;
        p->error = strdup(failed->message);
        j->no_memory = !p->error;
    }
    cli_progress_step(&j->bar);
    return !j->no_memory;
}

static int read_photos(cli_pair_list *l, df_engine *engine, const cli_args *args)
{
    df_error err;
    job j = {.list = l};
    const char **paths = calloc(l->n_photos, sizeof *paths);
    if (!paths)
        return cli_fail(CLI_FAILED, "out of memory");
    for (size_t i = 0; i < l->n_photos; i++)
        paths[i] = l->photos[i].path;
    double begun = cli_now();
    cli_progress_start(&j.bar, "photos", l->n_photos, args->quiet);
    df_status st = df_represent_many(engine, paths, l->n_photos, &args->opts, each, &j, &err);
    cli_progress_end(&j.bar);
    l->seconds = cli_now() - begun;
    free((void *)paths);
    if (st != DF_OK)
        return cli_fail(cli_code(st, NULL, 0), "%s", err.message);
    return j.no_memory ? cli_fail(CLI_FAILED, "out of memory") : CLI_OK;
}

/* The closest pair of faces, as df_verify has it. */
static df_status closest(const cli_pair_list *l, cli_pair *p, const char *metric, df_error *err)
{
    const cli_photo *a = &l->photos[p->photo[0]], *b = &l->photos[p->photo[1]];
    p->distance = (double)NAN;
    if (a->error || b->error)
        return DF_OK;
    for (size_t i = 0; i < a->faces; i++)
        for (size_t k = 0; k < b->faces; k++) {
            double d;
            df_status st = df_distance(metric, a->rows + i * l->dims, b->rows + k * l->dims, l->dims, &d, err);
            if (st != DF_OK)
                return st;
            if (!(p->distance <= d))
                p->distance = d;
        }
    return DF_OK;
}

static int compare(cli_pair_list *l, const cli_args *args)
{
    df_error err;
    const df_opts *o = &args->opts;
    l->threshold = o->threshold;
    if (isnan(o->threshold) && df_threshold(o->model, o->metric, o->align, &l->threshold, &err) != DF_OK)
        return cli_fail(CLI_FAILED, "%s", err.message);
    cli_scored *scored = malloc(l->n * sizeof *scored);
    size_t n = 0;
    bool ok = scored != NULL;
    for (size_t i = 0; ok && i < l->n; i++) {
        cli_pair *p = &l->pairs[i];
        if (closest(l, p, o->metric, &err) != DF_OK) {
            free(scored);
            return cli_fail(CLI_FAILED, "%s and %s: %s", p->name[0], p->name[1], err.message);
        }
        if (isnan(p->distance))
            continue;
        l->compared++;
        l->verified += p->distance <= l->threshold;
        if (p->same >= 0)
            scored[n++] = (cli_scored){p->distance, p->same == 1};
    }
    ok = ok && cli_stats_of(scored, n, l->threshold, &l->stats);
    free(scored);
    return ok ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

/* 0, or the worst code of a photo. */
static int count_failures(cli_pair_list *l)
{
    int worst = CLI_OK;
    for (size_t i = 0; i < l->n_photos; i++) {
        const cli_photo *p = &l->photos[i];
        const char *path = p->path;
        if (!p->error)
            continue;
        if (p->status == DF_E_NO_FACE)
            l->no_face++;
        else
            l->unreadable++;
        int code = cli_code(p->status, &path, 1);
        worst = code > worst ? code : worst;
    }
    return worst;
}

/* Better to hear of it before the photos are read than after. */
static int check_out(const char *path)
{
    struct stat info;
    char *folder = strdup(path);
    if (!folder)
        return cli_fail(CLI_FAILED, "out of memory");
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    const char *dir = slash ? folder : ".";
    int code = CLI_OK;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        code = cli_fail(CLI_FAILED, "cannot write %s: it is a folder", path);
    else if (strcmp(path, "-") != 0 && access(dir, W_OK | X_OK) != 0)
        code = cli_fail(CLI_FAILED, "cannot write %s: the folder %s is absent or not yours to write", path, dir);
    free(folder);
    return code;
}

static int report(const cli_pair_list *l, const cli_args *args)
{
    bool csv_on_stdout = args->out && strcmp(args->out, "-") == 0;
    int code = args->out ? cli_pairs_write(l, args->out) : CLI_OK;
    if (args->json) {
        cli_pairs_json(l);
    } else if (!args->quiet) {
        if (args->table && code == CLI_OK)
            code = cli_pairs_table(l);
        cli_pairs_report(l, args, csv_on_stdout ? stderr : stdout);
    }
    return code;
}

int cli_pairs(const cli_args *args)
{
    cli_pair_list list;
    df_engine *engine = NULL;
    bool csv_on_stdout = args->out && strcmp(args->out, "-") == 0;
    if (args->n > 0)
        return cli_fail(CLI_BAD_INPUT, "verify --pairs takes no further photos: \"%s\"", args->paths[0]);
    if (csv_on_stdout && (args->json || args->table))
        return cli_fail(CLI_BAD_INPUT, "--%s and --out - would both write to standard output", args->json ? "json" : "table");
    int code = args->out ? check_out(args->out) : CLI_OK;
    if (code != CLI_OK)
        return code;
    code = cli_pairs_read(&list, args->pairs, args->root);
    if (code == CLI_OK)
        code = cli_engine(args, &engine);
    if (code == CLI_OK)
        code = read_photos(&list, engine, args);
    if (code == CLI_OK)
        code = compare(&list, args);
    if (code == CLI_OK) {
        int failures = count_failures(&list), printed = report(&list, args);
        code = printed > failures ? printed : failures;
    }
    cli_pairs_free(&list);
    df_engine_free(engine);
    return code;
}
