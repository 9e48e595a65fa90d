/* models_pull.c - `deepface models pull`: a bar for people, a line or an object for each model. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "print.h"
#include "progress.h"
#include "text.h"

typedef struct pulling {
    const cli_args *args;
    cli_progress    bar;
    char            source[2048]; /* the last one told */
    const char     *name;         /* as the catalogue spells it */
    df_pull_step    last;
} pulling;

static void note(pulling *p, const char *format, const char *name, const char *text)
{
    cli_progress_clear(&p->bar);
    if (p->args->quiet)
        return;
    fprintf(stderr, "deepface: ");
    char line[2304];
    snprintf(line, sizeof line, format, name, text);
    cli_print_safe(stderr, line);
    fputc('\n', stderr);
}

static bool each(void *user, const df_pull_progress *at)
{
    pulling *p = user;
    p->last = at->step;
    p->name = at->name;
    if (at->source && strcmp(at->source, p->source) != 0) {
        snprintf(p->source, sizeof p->source, "%s", at->source);
        note(p, "%s: from %s", at->name, at->source);
    }
    if (at->note)
        note(p, "%s: %s", at->name, at->note);
    if (at->step == DF_PULL_FETCHING) {
        if (p->bar.done > at->done || p->bar.what != at->name) { /* begun, or begun anew */
            bool quiet = p->args->quiet;
            cli_progress_start(&p->bar, at->name, (size_t)at->total, quiet);
            p->bar.bytes = true;
            p->bar.kept = (size_t)at->done;
        }
        cli_progress_to(&p->bar, (size_t)at->done, (size_t)at->total);
    } else if (at->step != DF_PULL_WAITING) {
        cli_progress_clear(&p->bar);
    }
    return true;
}

static void tell(const cli_args *args, const pulling *p, const char *name, const char *path, const df_error *failed, bool first)
{
    const char *state = failed ? "failed" : p->last == DF_PULL_KEPT ? "kept" : "fetched";
    if (args->json) {
        printf("%s{\"name\": ", first ? "" : ", ");
        cli_json_text(stdout, name);
        printf(", \"state\": \"%s\", \"path\": ", state);
        cli_json_text(stdout, path);
        fputs(", \"source\": ", stdout);
        if (*p->source)
            cli_json_text(stdout, p->source);
        else
            fputs("null", stdout);
        if (failed) {
            fputs(", \"error\": ", stdout);
            cli_json_text(stdout, failed->message);
        }
        putchar('}');
    } else if (!failed && !args->quiet) {
        fputs("  ", stdout);
        cli_print_coloured(CLI_GREEN, name);
        fputs(p->last == DF_PULL_KEPT ? ": there already, and right: " : ": fetched, and right: ", stdout);
        cli_print_safe(stdout, path);
        putchar('\n');
    }
}

static int pull_one(const cli_args *args, df_engine *engine, const char *name, bool first)
{
    df_error err = {0}, ignored;
    df_model_state state;
    char path[4096] = "";
    pulling p = {.args = args};
    df_pull_opts opts = df_pull_opts_default();
    opts.from = args->from;
    opts.retries = args->retries >= 0 ? args->retries : opts.retries;
    opts.stall = args->stall ? args->stall : opts.stall;
    opts.each = each;
    opts.user = &p;
    (void)df_model_check(engine, name, false, &state, path, sizeof path, &ignored);
    df_status st = df_model_pull(engine, name, &opts, &err);
    cli_progress_end(&p.bar);
    tell(args, &p, p.name ? p.name : name, path, st == DF_OK ? NULL : &err, first);
    return st == DF_OK ? CLI_OK : cli_fail(st == DF_E_ARGUMENT ? CLI_BAD_INPUT : CLI_FAILED, "%s", err.message);
}

static bool is_folder(const char *from)
{
    struct stat info;
    size_t n = strlen(from);
    return (n && from[n - 1] == '/') || (stat(from, &info) == 0 && S_ISDIR(info.st_mode));
}

int cli_models_pull(const cli_args *args)
{
    df_engine *engine = NULL;
    if (args->n < 2)
        return cli_fail(CLI_BAD_INPUT, "models pull needs the name of a model; see: deepface models list");
    if (args->n > 2 && args->from && !is_folder(args->from))
        return cli_fail(CLI_BAD_INPUT, "--from %s is one file, %zu models are named", args->from, args->n - 1);
    int code = cli_engine(args, &engine);
    if (code != CLI_OK)
        return code;
    if (args->json)
        putchar('[');
    for (size_t i = 1; i < args->n; i++) {
        int one = pull_one(args, engine, args->paths[i], i == 1);
        code = one > code ? one : code;
    }
    if (args->json)
        puts("]");
    df_engine_free(engine);
    return code;
}
