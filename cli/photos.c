/* photos.c - one photo's result, as one line of JSON or an error. */
#include "photos.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

void cli_photo_json(const char *path, const char *faces, const df_error *err)
{
    fputs("{\"path\": ", stdout);
    cli_json_text(stdout, path);
    if (err) {
        printf(", \"error\": {\"status\": \"%s\", \"code\": %d, \"message\": ", df_status_text(err->status), (int)err->status);
        cli_json_text(stdout, err->message);
        fputs("}}\n", stdout);
    } else {
        printf(", \"faces\": %s}\n", faces);
    }
}

int cli_photo_failed(const cli_args *args, const char *path, const df_error *err, int code)
{
    int mine = cli_code(err->status, &path, 1);
    if (args->json && args->n > 1)
        cli_photo_json(path, NULL, err);
    else
        cli_fail(mine, "%s", err->message);
    return mine > code ? mine : code;
}

void cli_photo_faces(const cli_args *args, const char *path, char *json)
{
    if (args->n > 1)
        cli_photo_json(path, json, NULL);
    else
        puts(json);
    df_string_free(json);
}

static void point(const char *name, df_point p) { printf(", \"%s\": [%d, %d]", name, (int)p.x, (int)p.y); }

void cli_face_json(const df_face *f)
{
    printf("\"facial_area\": {\"x\": %d, \"y\": %d, \"w\": %d, \"h\": %d", (int)f->x, (int)f->y, (int)f->w, (int)f->h);
    if (f->has & DF_HAS_EYES) {
        point("left_eye", f->left_eye);
        point("right_eye", f->right_eye);
    } else {
        fputs(", \"left_eye\": null, \"right_eye\": null", stdout);
    }
    if (f->has & DF_HAS_NOSE)
        point("nose", f->nose);
    if (f->has & DF_HAS_MOUTH) {
        point("mouth_left", f->mouth_left);
        point("mouth_right", f->mouth_right);
    }
    printf("}, \"confidence\": %.2f", (double)f->confidence);
    if (f->has & DF_HAS_LIVENESS)
        printf(", \"is_real\": %s, \"antispoof_score\": %.9g", f->is_real ? "true" : "false", (double)f->antispoof_score);
    if (f->has & DF_HAS_QUALITY)
        printf(", \"quality\": %.2f", (double)f->quality);
}

int cli_picture_out(const cli_args *args, const char *verb, bool *to_stdout)
{
    if (!args->out)
        return cli_fail(CLI_BAD_INPUT, "%s needs a name for the picture: -o OUT.png", verb);
    *to_stdout = strcmp(args->out, "-") == 0;
    if (*to_stdout && args->json)
        return cli_fail(CLI_BAD_INPUT, "--json and -o - would both write to standard output");
    return CLI_OK;
}
