/* gallery.c - `deepface gallery`: looking after a gallery. */
#include "gallery.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "print.h"
#include "text.h"

int cli_gallery_open(const cli_args *args, bool read_only, bool create, df_engine **engine, df_gallery **gallery)
{
    df_error err;
    df_gallery_opts how = df_gallery_opts_default();
    how.read_only = read_only, how.create = create, how.background = false;
    *gallery = NULL, *engine = NULL;
    if (!args->db)
        return cli_fail(CLI_BAD_INPUT, "which gallery? --db G.db");
    int code = cli_engine(args, engine);
    if (code != CLI_OK)
        return code;
    df_status st = df_gallery_open(*engine, args->db, &args->opts, &how, gallery, &err);
    return st == DF_OK ? CLI_OK : cli_fail(cli_code(st, &args->db, 1), "%s", err.message);
}

void cli_gallery_close(df_engine *engine, df_gallery *gallery)
{
    df_gallery_close(gallery);
    df_engine_free(engine);
}

static int print_stats(const cli_args *args, df_gallery *g, const df_gallery_stats *s)
{
    char made[32] = "";
    time_t at = (time_t)s->made;
    struct tm utc;
    if (gmtime_r(&at, &utc))
        strftime(made, sizeof made, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (args->json) {
        fputs("{\"pipeline\": ", stdout);
        cli_json_text(stdout, s->pipeline);
        printf(", \"dims\": %zu, \"people\": %llu, \"photos\": %llu, \"faces\": %llu, \"unnamed\": %llu, \"bytes\": %llu, \"unused_bytes\": %llu,"
               " \"matrix_bytes\": %llu, \"change\": %llu, \"made\": \"%s\", \"with_age\": %llu, \"with_gender\": %llu, \"with_emotion\": %llu,"
               " \"with_race\": %llu, \"with_liveness\": %llu, \"with_quality\": %llu, \"indexes\": ",
               s->dims, (unsigned long long)s->people, (unsigned long long)s->photos, (unsigned long long)s->faces, (unsigned long long)s->unnamed,
               (unsigned long long)s->bytes, (unsigned long long)s->unused_bytes, (unsigned long long)s->matrix_bytes, (unsigned long long)s->change, made,
               (unsigned long long)s->with_age, (unsigned long long)s->with_gender, (unsigned long long)s->with_emotion, (unsigned long long)s->with_race,
               (unsigned long long)s->with_liveness, (unsigned long long)s->with_quality);
        int code = cli_indexes_print(args, g);
        puts("}");
        return code;
    }
    printf("  people     %llu\n  photos     %llu\n  faces      %llu, %llu without a name\n", (unsigned long long)s->people,
           (unsigned long long)s->photos, (unsigned long long)s->faces, (unsigned long long)s->unnamed);
    const struct { const char *name; unsigned long long n; } known[] = {
        {"age", s->with_age}, {"gender", s->with_gender}, {"emotion", s->with_emotion}, {"race", s->with_race}, {"liveness", s->with_liveness},
        {"quality", s->with_quality}};
    fputs("  known of   ", stdout);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        printf("%s%llu %s", i ? ", " : "", known[i].n, known[i].name);
    printf("\n  database   %.1f MB, %.1f MB of it unused\n  matrix     %.1f MB\n", (double)s->bytes / 1e6, (double)s->unused_bytes / 1e6,
           (double)s->matrix_bytes / 1e6);
    printf("  vectors    %zu numbers: ", s->dims);
    cli_print_safe(stdout, s->pipeline);
    printf("\n  made       %s\n", made);
    return cli_indexes_print(args, g);
}

static int stats(const cli_args *args, df_gallery *g)
{
    df_gallery_stats s;
    df_error err;
    df_status st = df_gallery_get_stats(g, &s, &err);
    if (st != DF_OK)
        return cli_fail(cli_code(st, NULL, 0), "%s", err.message);
    return args->json || !args->quiet ? print_stats(args, g, &s) : CLI_OK;
}

static void tell_fault(void *user, const char *fault)
{
    (void)user;
    cli_fail(CLI_FAILED, "%s", fault);
}

static int check(const cli_args *args, df_gallery *g)
{
    size_t faults;
    df_error err;
    df_status st = df_gallery_check(g, args->quiet ? NULL : tell_fault, NULL, &faults, &err);
    if (st != DF_OK)
        return cli_fail(cli_code(st, NULL, 0), "%s", err.message);
    if (args->json)
        printf("{\"faults\": %zu}\n", faults);
    else if (!args->quiet)
        printf("  %zu fault%s\n", faults, faults == 1 ? "" : "s");
    return faults ? CLI_FAILED : CLI_OK;
}

static int vacuum(const cli_args *args, df_gallery *g)
{
    df_error err;
    df_status st = df_gallery_vacuum(g, &err);
    return st == DF_OK ? stats(args, g) : cli_fail(cli_code(st, NULL, 0), "%s", err.message);
}

/* What is done with a gallery, each by its name. */
typedef struct action { const char *name; bool read_only, create; size_t least, most; int (*run)(const cli_args *args, df_gallery *g); } action;
static const action actions[] = {{"stats", true, false, 1, 1, stats},
                                 {"check", false, false, 1, 1, check},
                                 {"vacuum", false, false, 1, 1, vacuum},
                                 {"index", false, false, 1, 2, cli_gallery_index},
                                 {"export", true, false, 2, 2, cli_gallery_export},
                                 {"import", false, true, 2, 2, cli_gallery_import}};

static int run(const cli_args *args)
{
    df_engine *engine;
    df_gallery *gallery;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(args->paths[0], actions[i].name) == 0) {
            if (args->n < actions[i].least || args->n > actions[i].most)
                return cli_fail(CLI_BAD_INPUT, "gallery %s %s", actions[i].name, actions[i].least == 1 ? "takes no further argument" : "needs the name of a CSV file");
            int code = cli_gallery_open(args, actions[i].read_only, actions[i].create, &engine, &gallery);
            if (code == CLI_OK)
                code = actions[i].run(args, gallery);
            cli_gallery_close(engine, gallery);
            return code;
        }
    return cli_fail(CLI_BAD_INPUT, "gallery knows stats, check, vacuum, index, export and import, not \"%s\"", args->paths[0]);
}

static const cli_flag flags[] = {
    {"db", 0, CLI_TEXT, "G.db", offsetof(cli_args, db), 0, 0, "the gallery"},
    {"where", 0, CLI_TEXT, "COND", offsetof(cli_args, search.where), 0, 0, "of export: the faces of a condition alone"},
    {"drop", 0, CLI_SWITCH, NULL, offsetof(cli_args, drop), 0, 0, "of index: remove it"},
    {0},
};

const cli_command cli_gallery = {"gallery", "stats|check|vacuum|index [NAME]|export OUT.csv|import IN.csv --db G.db",
                                 "look after a gallery; index NAME builds an approximate index; export and import: CSV, vectors in a .npy beside it",
                                 flags, true, 1, 2, "what to do", run};
