/* search.c - `deepface search`: who of a gallery is on the photo? */
#include "gallery.h"

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    df_gallery *gallery = NULL;
    df_matches *matches = NULL;
    df_error err;
    int code = cli_gallery_open(args, false, false, &engine, &gallery);
    if (code == CLI_OK && df_gallery_search(gallery, args->paths[0], &args->opts, &args->search, &matches, &err) != DF_OK)
        code = cli_fail_reading(&err, args->paths, 1);
    if (code == CLI_OK)
        code = cli_matches_print(args, matches);
    df_matches_free(matches);
    cli_gallery_close(engine, gallery);
    return code;
}

static const cli_flag flags[] = {
    {"db", 0, CLI_TEXT, "G.db", offsetof(cli_args, db), 0, 0, "the gallery"},
    {"k", 'k', CLI_INT, "N", offsetof(cli_args, search.k), 1, 1e6, "at most so many faces for each face of the photo"},
    {"nearest", 0, CLI_SWITCH, NULL, offsetof(cli_args, search.nearest), 0, 0, "also faces beyond the threshold; 10 unless -k tells"},
    {"where", 0, CLI_TEXT, "COND", offsetof(cli_args, search.where), 0, 0, "search the faces of a condition alone: \"gender = 'Woman' and age < 40\""},
    {"far", 0, CLI_NUMBER, "P", offsetof(cli_args, search.far), 1e-12, 0.999999,
     "threshold at which the search of a stranger finds anybody with this probability, from the gallery's own people"},
    {"index", 0, CLI_TEXT, "NAME", offsetof(cli_args, search.index), 0, 0,
     "flat (unless told): exact; auto, or an index that `gallery index` has built: hnsw, faiss, annoy, nmslib"},
    {"recall", 0, CLI_NUMBER, "R", offsetof(cli_args, search.recall), 0.5, 0.9999, "part of the ten nearest that an index is to find; 0.95 unless told"},
    {0},
};

const cli_command cli_search = {"search", "IMG --db G.db", "who of a gallery is on the photo?", flags, true, 1, 1, "a photo", run};
