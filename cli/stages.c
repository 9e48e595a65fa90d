/* stages.c - `deepface stages`: what the pipeline makes of a photo, stage by stage, in one picture. */
#include <stdio.h>

#include "cli.h"
#include "photos.h"
#include "print.h"
#include "text.h"

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    df_image *img = NULL;
    df_error err;
    const char *path = args->paths[0];
    bool to_stdout;
    int code = cli_picture_out(args, "stages", &to_stdout);
    if (code == CLI_OK)
        code = cli_engine(args, &engine);
    if (code != CLI_OK)
        return code;
    df_status st = df_stages(engine, path, &args->opts, &img, &err);
    if (st != DF_OK)
        code = cli_fail_reading(&err, &path, 1);
    else if ((st = df_image_save(img, args->out, &err)) != DF_OK)
        code = cli_fail(st == DF_E_ARGUMENT ? CLI_BAD_INPUT : CLI_FAILED, "%s", err.message);
    else if (args->json) {
        fputs("{\"path\": ", stdout);
        cli_json_text(stdout, args->out);
        printf(", \"width\": %d, \"height\": %d}\n", df_image_width(img), df_image_height(img));
    } else if (!args->quiet && !to_stdout) {
        cli_print_safe(stdout, args->out);
        printf("  %d x %d\n", df_image_width(img), df_image_height(img));
    }
    df_image_free(img);
    df_engine_free(engine);
    return code;
}

static const cli_flag flags[] = {
    {"out", 'o', CLI_TEXT, "OUT.png", offsetof(cli_args, out), 0, 0, "the picture: .png, .jpg or .jpeg; - writes PNG to standard output"},
    {0},
};

const cli_command cli_stages = {"stages", "IMG -o OUT.png", "photo, face found, aligned, masked and as the network sees it, side by side", flags,
                                true, 1, 1, "a photo", run};
