/* models.c - `deepface models list` and `check`: which weight files are here, and are they right. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli.h"
#include "print.h"
#include "text.h"

typedef struct look {
    const df_model_info *info;
    df_model_state       state;
    char                 path[4096];
    df_error             err; /* what is wrong with a damaged file */
} look;

static const char *state_name(const look *l)
{
    if (l->err.status == DF_E_IO)
        return "unreadable";
    return l->state == DF_MODEL_READY ? "ready" : l->state == DF_MODEL_ABSENT ? "absent" : "damaged";
}

static void text(const char *key, const char *value)
{
    printf(", \"%s\": ", key);
    cli_json_text(stdout, value);
}

static void print_json(const look *l, bool first)
{
    const df_model_info *m = l->info;
    fputs(first ? "{\"name\": " : ", {\"name\": ", stdout);
    cli_json_text(stdout, m->name);
    text("task", m->task);
    text("state", state_name(l));
    text("path", l->path);
    text("licence", m->licence);
    printf(", \"commercial\": %s, \"bytes\": %zu, \"sha256\": \"%s\", \"width\": %d, \"height\": %d, \"dims\": %d",
           m->commercial ? "true" : "false", m->bytes, m->sha256, m->width, m->height, m->dims);
    text("get", m->get);
    fputs(", \"urls\": [", stdout);
    for (size_t i = 0; df_model_url(m->name, i); i++) {
        fputs(i ? ", " : "", stdout);
        cli_json_text(stdout, df_model_url(m->name, i));
    }
    fputs("]}", stdout);
}

/* "22.5", "~136.5" of a size that nobody pinned, "-". */
static void megabytes(const char *name, char *out, size_t size)
{
    bool rough;
    size_t bytes = df_model_bytes(name, &rough);
    snprintf(out, size, bytes ? "%s%.1f" : "-", rough ? "~" : "", (double)bytes / 1e6);
}

/* The site of its first address, "google.com"; else who makes the file. */
static void from_where(const df_model_info *m, char *out, size_t size)
{
    const char *url = df_model_url(m->name, 0), *host = url ? strstr(url, "://") : NULL;
    if (host) {
        const char *end = host + 3 + strcspn(host + 3, "/"), *at = end;
        for (int dots = 0; at > host + 3 && (dots += at[-1] == '.') < 2;)
            at--;
        snprintf(out, size, "%.*s", (int)(end - at), at);
    } else
        snprintf(out, size, "%s", *m->sha256 ? "make" : "yourself");
}

static cli_colour colour_of(df_model_state state)
{
    return state == DF_MODEL_READY ? CLI_GREEN : state == DF_MODEL_ABSENT ? CLI_YELLOW : CLI_RED;
}

static void add_row(cli_table *t, const look *l)
{
    const df_model_info *m = l->info;
    char size[32], from[128];
    megabytes(m->name, size, sizeof size);
    from_where(m, from, sizeof from);
    cli_table_add(t, CLI_PLAIN, "%s", m->name);
    cli_table_add(t, CLI_PLAIN, "%s", m->task);
    cli_table_add(t, CLI_PLAIN, "%s", m->file);
    cli_table_add(t, CLI_PLAIN, "%s", size);
    cli_table_add(t, CLI_PLAIN, "%s", m->licence);
    cli_table_add(t, m->commercial ? CLI_PLAIN : CLI_YELLOW, "%s", m->commercial ? "yes" : "no");
    cli_table_add(t, colour_of(l->state), "%s", state_name(l));
    cli_table_add(t, CLI_PLAIN, "%s", from);
}

/* Everything about one model that was asked for by name. */
static void print_details(const look *l)
{
    const df_model_info *m = l->info;
    char size[32];
    megabytes(m->name, size, sizeof size);
    fputs("  ", stdout);
    cli_print_coloured(CLI_BOLD, m->name);
    printf("  %s", m->task);
    if (m->width)
        printf(", %d x %d pixels", m->width, m->height);
    if (m->dims)
        printf(", %d numbers", m->dims);
    fputs("\n    state    ", stdout);
    cli_print_coloured(colour_of(l->state), state_name(l));
    fputs("\n    file     ", stdout);
    cli_print_safe(stdout, l->path);
    printf("\n    size     %s MB\n    licence  %s\n    may be used commercially: %s\n", size, m->licence, m->commercial ? "yes" : "no");
    if (*m->sha256)
        printf("    sha256   %s\n", m->sha256);
    for (size_t i = 0; df_model_url(m->name, i); i++)
        printf("    %s     %s\n", i ? "or  " : "from", df_model_url(m->name, i));
    printf("    to get   %s\n", m->get);
}

static bool wanted(const cli_args *args, const char *name)
{
    bool any = args->n < 2;
    for (size_t i = 1; i < args->n; i++)
        any = any || strcasecmp(args->paths[i], name) == 0;
    return any;
}

static int names_known(const cli_args *args)
{
    for (size_t i = 1; i < args->n; i++) {
        const df_model_info *m;
        size_t k = 0;
        while ((m = df_model_at(k)) && strcasecmp(m->name, args->paths[i]) != 0)
            k++;
        if (!m)
            return cli_fail(CLI_BAD_INPUT, "no model is named \"%s\"; see: deepface models list", args->paths[i]);
    }
    return CLI_OK;
}

/* 0, or 3 for a damaged file, and for an absent one that was asked for by name. */
static int look_at(const cli_args *args, df_engine *engine, bool hash, cli_table *t)
{
    static const char *const head[] = {"model", "task", "file", "MB", "licence", "commercial", "state", "from"};
    bool details = !hash && args->n > 1;
    int code = CLI_OK;
    bool first = true;
    size_t unreadable = 0;
    look l;
    for (size_t i = 0; i < t->columns && !details; i++)
        cli_table_add(t, CLI_BOLD, "%s", head[i]);
    for (size_t i = 0; (l.info = df_model_at(i)); i++) {
        if (!wanted(args, l.info->name))
            continue;
        l.path[0] = '\0';
        l.err = (df_error){0};
        df_status st = df_model_check(engine, l.info->name, hash, &l.state, l.path, sizeof l.path, &l.err);
        if (st != DF_OK)
            l.state = DF_MODEL_DAMAGED;
        if (args->json)
            print_json(&l, first);
        else if (details && !args->quiet)
            print_details(&l);
        else if (!details)
            add_row(t, &l);
        first = false;
        unreadable += l.err.status == DF_E_IO;
        if (l.err.status == DF_E_IO && unreadable > 1)
            continue; /* a folder without permission is told once */
        if (l.state == DF_MODEL_DAMAGED)
            code = cli_fail(CLI_FAILED, "%s", *l.err.message ? l.err.message : "a file has the wrong size; see: deepface models check");
        else if (l.state == DF_MODEL_ABSENT && hash && args->n > 1)
            code = cli_fail(CLI_FAILED, "%s: weights not found at %s. To fetch them: %s", l.info->name, l.path, l.info->get);
    }
    if (unreadable > 1)
        cli_fail(code, "%zu files more cannot be read", unreadable - 1);
    return code;
}

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    cli_table table;
    const char *act = args->paths[0];
    bool check = strcmp(act, "check") == 0;
    bool pull = strcmp(act, "pull") == 0;
    if (!check && !pull && strcmp(act, "list") != 0)
        return cli_fail(CLI_BAD_INPUT, "models knows list, check and pull, not \"%s\"", act);
    int code = names_known(args);
    if (code == CLI_OK && pull)
        return cli_models_pull(args);
    if (code == CLI_OK)
        code = cli_engine(args, &engine);
    if (code != CLI_OK)
        return code;
    if (args->json)
        putchar('[');
    cli_table_start(&table, "lLLrllll");
    code = look_at(args, engine, check, &table);
    if (args->json)
        puts("]");
    if (args->json || args->quiet)
        cli_table_drop(&table);
    else if (!cli_table_end(&table))
        code = cli_fail(CLI_FAILED, "out of memory");
    df_engine_free(engine);
    return code;
}

static const cli_flag flags[] = {
    {"from", 0, CLI_TEXT, "PLACE", offsetof(cli_args, from), 0, 0,
     "of pull: an address or a file (- is standard input) instead of the official addresses; a folder, or an address that ends in /, for several"},
    {"retries", 0, CLI_INT, "N", offsetof(cli_args, retries), 0, 100, "of pull: further tries of an address after a failure that may pass; 4 unless told"},
    {"stall", 0, CLI_INT, "SECONDS", offsetof(cli_args, stall), 1, 3600, "of pull: as long without 1,000 bytes a second is a failure; 30 unless told"},
    {0},
};

const cli_command cli_models = {"models", "list|check|pull [NAME...]",
                                "which weights are here; check reads them and compares sha256; pull fetches those that are named", flags, false, 1,
                                SIZE_MAX, "list, check or pull", run};
