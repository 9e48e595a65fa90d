/* register.c - `deepface register`: photos into a gallery. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gallery.h"
#include "print.h"
#include "progress.h"
#include "text.h"

typedef struct refusal { size_t index; df_error why; } refusal;

typedef struct job {
    const cli_args *args;
    const cli_list *list;
    cli_progress    bar;
    size_t          states[5], faces; /* by df_register_state */
    refusal        *refusals;
    size_t          cap;
    bool            out_of_memory;
} job;

static bool each(void *user, size_t index, df_register_state state, size_t faces, const df_error *failed)
{
    job *j = user;
    if (state == DF_REFUSED) {
        size_t n = j->states[state];
        if (n == j->cap) {
            size_t cap = j->cap ? 2 * j->cap : 16;
            refusal *more = realloc(j->refusals, cap * sizeof *more);
            if (!more) {
                j->out_of_memory = true;
                return false;
            }
            j->refusals = more, j->cap = cap;
        }
        j->refusals[n] = (refusal){index, *failed};
    }
    j->states[state]++;
    j->faces += faces;
    cli_progress_step(&j->bar);
    return true;
}

static int by_index(const void *a, const void *b)
{
    const refusal *p = a, *q = b;
    return (p->index > q->index) - (p->index < q->index);
}

/* The photos that were refused, in the order given; the worst exit code. */
static int tell_refusals(job *j)
{
    int worst = CLI_OK;
    size_t n = j->states[DF_REFUSED];
    if (n)
        qsort(j->refusals, n, sizeof *j->refusals, by_index);
    for (size_t i = 0; i < n; i++) {
        const char *path = j->list->items[j->refusals[i].index].path;
        int code = cli_code(j->refusals[i].why.status, &path, 1);
        worst = code > worst ? code : worst;
        if (!j->args->json)
            cli_fail(code, "%s", j->refusals[i].why.message);
    }
    return worst;
}

static void print(const job *j, double seconds)
{
    const size_t *s = j->states;
    size_t all = s[DF_REGISTERED] + s[DF_KNOWN] + s[DF_DUPLICATE] + s[DF_REFUSED] + s[DF_COMPLETED];
    if (!j->args->json) {
        if (!j->args->quiet)
            printf("  registered %zu   faces %zu   known %zu   duplicates %zu   refused %zu%s%.0zu   in %.1f s, %.1f photos/s\n", s[DF_REGISTERED],
                   j->faces, s[DF_KNOWN], s[DF_DUPLICATE], s[DF_REFUSED], s[DF_COMPLETED] ? "   completed " : "", s[DF_COMPLETED], seconds,
                   seconds > 0 ? (double)all / seconds : 0);
        return;
    }
    printf("{\"photos\": %zu, \"registered\": %zu, \"faces\": %zu, \"known\": %zu, \"completed\": %zu, \"duplicates\": %zu, \"seconds\": %.3f,"
           " \"refused\": [", all, s[DF_REGISTERED], j->faces, s[DF_KNOWN], s[DF_COMPLETED], s[DF_DUPLICATE], seconds);
    for (size_t i = 0; i < s[DF_REFUSED]; i++) {
        fputs(i ? ", {\"path\": " : "{\"path\": ", stdout);
        cli_json_text(stdout, j->list->items[j->refusals[i].index].path);
        printf(", \"code\": %d, \"message\": ", (int)j->refusals[i].why.status);
        cli_json_text(stdout, j->refusals[i].why.message);
        putchar('}');
    }
    puts("]}");
}

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    df_gallery *gallery = NULL;
    df_error err;
    cli_list list;
    df_register_opts how = df_register_opts_default();
    if (args->with && df_want_parse(args->with, &how.with, &err) != DF_OK)
        return cli_fail(CLI_BAD_INPUT, "%s", err.message);
    int code = cli_list_read(&list, args);
    job j = {.args = args, .list = &list};
    if (code == CLI_OK)
        code = cli_gallery_open(args, false, true, &engine, &gallery);
    if (code == CLI_OK) {
        double begun = cli_now();
        cli_progress_start(&j.bar, "photos", list.n, args->quiet);
        df_status st = df_gallery_register(gallery, list.items, list.n, &args->opts, &how, each, &j, &err);
        cli_progress_end(&j.bar);
        if (st != DF_OK)
            code = cli_fail(cli_code(st, NULL, 0), "%s", err.message);
        else if (j.out_of_memory)
            code = cli_fail(CLI_FAILED, "out of memory");
        int refused = tell_refusals(&j);
        code = refused > code ? refused : code;
        if (code != CLI_FAILED && (st == DF_OK || j.states[DF_REGISTERED] > 0))
            print(&j, cli_now() - begun);
    }
    free(j.refusals);
    cli_list_free(&list);
    cli_gallery_close(engine, gallery);
    return code;
}

static const cli_flag flags[] = {
    {"db", 0, CLI_TEXT, "G.db", offsetof(cli_args, db), 0, 0, "the gallery; made where there is none"},
    {"name", 0, CLI_TEXT, "NAME", offsetof(cli_args, name), 0, 0, "the person on the photos; of several faces on one photo, the largest"},
    {"meta", 0, CLI_TEXT, "JSON", offsetof(cli_args, meta), 0, 0, "an object to keep with each photo, {\"team\": \"x\"}"},
    {"with", 0, CLI_TEXT, "LIST", offsetof(cli_args, with), 0, 0,
     "attributes to keep for --where, of age,gender,emotion,race,liveness,quality; photos that are known are completed"},
    {0},
};

const cli_command cli_register = {"register", "IMG|DIR|LIST.csv... --db G.db", "photos into a gallery; a photo in a folder of DIR is of the person the folder is named after",
                                  flags, true, 1, SIZE_MAX, "a photo, a folder or a CSV", run};
