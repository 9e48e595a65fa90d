/* search.c - `deepface search`: who of a gallery is on the photo? */
#include <math.h>

#include "gallery.h"

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    df_gallery *gallery = NULL;
    df_matches *matches = NULL;
    df_error err;
    df_search_opts search = args->search;
    if (!search.auto_filter && (args->auto_by || !isnan(search.auto_bar)))
        return cli_fail(CLI_BAD_INPUT, "--auto-by and --auto-bar are of --auto-filter, which is not given");
    if (args->auto_by && df_want_parse(args->auto_by, &search.auto_by, &err) != DF_OK)
        return cli_fail(CLI_BAD_INPUT, "%s", err.message);
    int code = cli_gallery_open(args, false, false, &engine, &gallery);
    if (code == CLI_OK && df_gallery_search(gallery, args->paths[0], &args->opts, &search, &matches, &err) != DF_OK)
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
     "threshold at which the search of a stranger finds anybody with this probability, from the gallery's own people and its size; takes the place of the pipeline's --far, which is of one comparison"},
    {"auto-filter", 0, CLI_SWITCH, NULL, offsetof(cli_args, search.auto_filter), 0, 0,
     "search the faces alone that may be of the same gender as the photo's, by what register --with kept"},
    {"auto-by", 0, CLI_TEXT, "LIST", offsetof(cli_args, auto_by), 0, 0, "of --auto-filter: by which of age,gender,race; gender unless told"},
    {"auto-bar", 0, CLI_NUMBER, "C", offsetof(cli_args, search.auto_bar), 0.5, 1,
     "of --auto-filter: confidence from which a gender or race counts, of both faces; 0.9 unless told"},
    {"index", 0, CLI_TEXT, "NAME", offsetof(cli_args, search.index), 0, 0,
     "flat (unless told): exact; auto, or an index that `gallery index` has built: hnsw, faiss, annoy, nmslib"},
    {"recall", 0, CLI_NUMBER, "R", offsetof(cli_args, search.recall), 0.5, 0.9999, "part of the ten nearest that an index is to find; 0.95 unless told"},
    {0},
};

const cli_command cli_search = {"search", "IMG --db G.db", "who of a gallery is on the photo?", flags, true, 1, 1, "a photo", run};
