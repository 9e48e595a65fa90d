/* draw.c - `deepface draw`: mark the faces on the photo. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "photos.h"
#include "print.h"

/* "a,b" to n labels in the order of the faces; a face without a label gets none. */
static char *split(const char *labels, const char **out, size_t n)
{
    char *text = strdup(labels), *at = text;
    for (size_t i = 0; at && i < n; i++) {
        char *comma = strchr(at, ',');
        if (comma)
            *comma = '\0';
        out[i] = *at ? at : NULL;
        at = comma ? comma + 1 : NULL;
    }
    return text;
}

static df_status mark(const cli_args *args, df_image *img, const df_faces *faces, df_error *err)
{
    size_t n = df_faces_count(faces);
    const char **labels = calloc(n + 1, sizeof *labels);
    char *text = labels && args->labels ? split(args->labels, labels, n) : NULL;
    df_status st = DF_E_NO_MEMORY;
    if (labels && (text || !args->labels))
        st = df_draw_faces(img, faces, args->labels ? labels : NULL, err);
    else
        *err = (df_error){DF_E_NO_MEMORY, "out of memory"};
    free(text);
    free((void *)labels);
    return st;
}

static df_status tell(const cli_args *args, const df_faces *faces, df_error *err)
{
    char *json = NULL;
    if (args->json) {
        df_status st = df_faces_json(faces, &json, err);
        if (st == DF_OK)
            cli_photo_faces(args, args->paths[0], json);
        return st;
    }
    cli_print_safe(stdout, args->out);
    printf("  %zu face%s\n", df_faces_count(faces), df_faces_count(faces) == 1 ? "" : "s");
    return DF_OK;
}

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    df_image *img = NULL;
    df_faces *faces = NULL;
    df_error err;
    const char *path = args->paths[0];
    bool to_stdout;
    int code = cli_picture_out(args, "draw", &to_stdout);
    if (code == CLI_OK)
        code = cli_engine(args, &engine);
    if (code != CLI_OK)
        return code;
    df_status st = df_image_load(engine, path, &img, &err);
    if (st == DF_OK)
        st = df_detect_image(engine, img, &args->opts, &faces, &err);
    if (st == DF_E_NO_FACE)
        code = cli_fail(CLI_BAD_INPUT, "%s: %s", path, err.message);
    else if (st != DF_OK)
        code = cli_fail_reading(&err, &path, 1);
    else if ((st = mark(args, img, faces, &err)) != DF_OK || (st = df_image_save(img, args->out, &err)) != DF_OK)
        code = cli_fail(st == DF_E_ARGUMENT ? CLI_BAD_INPUT : CLI_FAILED, "%s", err.message);
    else if (!to_stdout && (args->json || !args->quiet) && tell(args, faces, &err) != DF_OK)
        code = cli_fail(CLI_FAILED, "%s", err.message);
    df_faces_free(faces);
    df_image_free(img);
    df_engine_free(engine);
    return code;
}

static const cli_flag flags[] = {
    {"out", 'o', CLI_TEXT, "OUT.png", offsetof(cli_args, out), 0, 0, "the picture: .png, .jpg or .jpeg; - writes PNG to standard output"},
    {"labels", 0, CLI_TEXT, "A,B", offsetof(cli_args, labels), 0, 0, "names to write on the faces, in the order of detect"},
    {0},
};

const cli_command cli_draw = {"draw", "IMG -o OUT.png", "mark faces, points and names on the photo", flags, true, 1, 1, "a photo", run};
