/* find.c - `deepface find`: who of a folder of photos is on this one? */
#include <stdio.h>

#include "gallery.h"
#include "progress.h"

static bool step(void *user, size_t done, size_t total)
{
    cli_progress *bar = user;
    bar->total = total;
    while (bar->done < done)
        cli_progress_step(bar);
    return true;
}

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    df_matches *matches = NULL;
    df_error err;
    cli_progress bar;
    df_search_opts search = args->search;
    if (args->with && df_want_parse(args->with, &search.with, &err) != DF_OK)
        return cli_fail(CLI_BAD_INPUT, "%s", err.message);
    int code = cli_engine(args, &engine);
    if (code != CLI_OK)
        return code;
    cli_progress_start(&bar, "photos", 0, args->quiet);
    df_status st = df_find(engine, args->paths[0], args->paths[1], &args->opts, &search, step, &bar, &matches, &err);
    cli_progress_end(&bar);
    code = st == DF_OK ? cli_matches_print(args, matches) : cli_fail_reading(&err, args->paths, 2);
    df_matches_free(matches);
    df_engine_free(engine);
    return code;
}

static const cli_flag flags[] = {
    {"k", 'k', CLI_INT, "N", offsetof(cli_args, search.k), 1, 1e6, "at most so many faces for each face of the photo"},
    {"nearest", 0, CLI_SWITCH, NULL, offsetof(cli_args, search.nearest), 0, 0, "also faces beyond the threshold; 10 unless -k tells"},
    {"with", 0, CLI_TEXT, "LIST", offsetof(cli_args, with), 0, 0, "attributes to keep of the folder's faces, of age,gender,emotion,race,liveness,quality"},
    {"where", 0, CLI_TEXT, "COND", offsetof(cli_args, search.where), 0, 0, "search the faces of a condition alone, on what --with keeps and their path"},
    {0},
};

const cli_command cli_find = {"find", "IMG DIR", "who of a folder of photos is on this one? the folder is read once and kept up to date", flags, true, 2, 2,
                              "a photo and a folder", run};
