/* identify.c - `deepface identify`: is the photo of this person of the gallery? */
#include <stdio.h>

#include "gallery.h"
#include "print.h"

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    df_gallery *gallery = NULL;
    df_verify_result r;
    df_error err;
    char *json = NULL;
    int code = cli_gallery_open(args, false, false, &engine, &gallery);
    if (code == CLI_OK) {
        if (df_gallery_identify(gallery, args->paths[0], args->paths[1], &args->opts, &r, &err) != DF_OK ||
            (args->json && df_verify_result_json(&r, &json, &err) != DF_OK))
            code = cli_fail_reading(&err, args->paths, 1);
        else
            code = r.verified ? CLI_OK : CLI_DIFFERENT;
    }
    if (json)
        puts(json);
    else if (code <= CLI_DIFFERENT && !args->quiet)
        cli_verdict_print(&r);
    df_string_free(json);
    cli_gallery_close(engine, gallery);
    return code;
}

static const cli_flag flags[] = {
    {"db", 0, CLI_TEXT, "G.db", offsetof(cli_args, db), 0, 0, "the gallery"},
    {0},
};

const cli_command cli_identify = {"identify", "IMG NAME --db G.db", "is the photo of this person of the gallery? exit code 0 yes, 1 no", flags, true, 2, 2,
                                  "a photo and a name", run};
