/* gallery_index.c - `deepface gallery index`: building, dropping and listing the approximate indexes of a gallery. */
#include <math.h>
#include <stdio.h>

#include "gallery.h"
#include "print.h"
#include "progress.h"
#include "text.h"

/* ---- listing ---- */

static bool print_one(void *user, const df_index_info *i)
{
    (void)user;
    fputs("  index      ", stdout);
    cli_print_safe(stdout, *i->index ? i->index : i->path);
    printf("%s: %llu faces, %llu since, %.1f MB", i->euclidean ? " (euclidean)" : "", (unsigned long long)i->rows, (unsigned long long)i->later,
           (double)i->bytes / 1e6);
    if (*i->stale) {
        fputs("; not used: ", stdout);
        cli_print_safe(stdout, i->stale);
    } else if (isnan(i->share))
        fputs("; never reaches a recall of 0.95", stdout);
    else
        printf("; recall 0.95 takes %.2f of an exact search's time", i->share);
    putchar('\n');
    return true;
}

static bool print_json(void *user, const df_index_info *i)
{
    int *n = user;
    fputs((*n)++ ? ", {\"index\": " : "{\"index\": ", stdout);
    cli_json_text(stdout, i->index);
    fputs(", \"path\": ", stdout);
    cli_json_text(stdout, i->path);
    printf(", \"euclidean\": %s, \"rows\": %llu, \"later\": %llu, \"bytes\": %llu, \"generation\": %llu, \"share_of_exact\": ", i->euclidean ? "true" : "false",
           (unsigned long long)i->rows, (unsigned long long)i->later, (unsigned long long)i->bytes, (unsigned long long)i->generation);
    if (isnan(i->share))
        fputs("null", stdout);
    else
        printf("%.4f", i->share);
    fputs(", \"stale\": ", stdout);
    cli_json_text(stdout, i->stale);
    putchar('}');
    return true;
}

int cli_indexes_print(const cli_args *args, df_gallery *g)
{
    int n = 0;
    df_error err;
    if (args->json)
        putchar('[');
    df_status st = df_gallery_indexes(g, args->json ? print_json : print_one, &n, &err);
    if (args->json)
        putchar(']');
    return st == DF_OK ? CLI_OK : cli_fail(cli_code(st, NULL, 0), "%s", err.message);
}

/* ---- building and dropping ---- */

static bool step(void *user, size_t done, size_t total)
{
    cli_progress_to(user, done, total);
    return true;
}

int cli_gallery_index(const cli_args *args, df_gallery *g)
{
    df_error err;
    df_status st = DF_OK;
    const char *index = args->n > 1 ? args->paths[1] : NULL;
    if (args->drop && !index)
        return cli_fail(CLI_BAD_INPUT, "which index is to be dropped? gallery index NAME --drop");
    if (args->drop)
        st = df_gallery_index_drop(g, index, &args->opts, &err);
    else if (index) {
        cli_progress bar;
        cli_progress_start(&bar, "vectors", 0, args->quiet);
        st = df_gallery_index_build(g, index, &args->opts, step, &bar, &err);
        cli_progress_end(&bar);
    }
    if (st != DF_OK)
        return cli_fail(cli_code(st, NULL, 0), "%s", err.message);
    int code = CLI_OK;
    if (args->json)
        fputs("{\"indexes\": ", stdout);
    if (args->json || !args->quiet)
        code = cli_indexes_print(args, g);
    if (args->json)
        puts("}");
    return code;
}
