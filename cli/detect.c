/* detect.c - `deepface detect`: boxes and points of the faces. */
#include <stdio.h>

#include "photos.h"
#include "print.h"

static void point(cli_table *t, bool known, df_point p)
{
    if (known)
        cli_table_add(t, CLI_PLAIN, "%.0f,%.0f", (double)p.x, (double)p.y);
    else
        cli_table_add(t, CLI_DIM, "-");
}

static void add_faces(cli_table *t, const char *path, const df_faces *faces)
{
    const df_face *f;
    for (size_t i = 0; (f = df_faces_at(faces, i)); i++) {
        cli_table_add(t, CLI_PLAIN, "%s", i == 0 ? path : "");
        cli_table_add(t, CLI_PLAIN, "%zu", i + 1);
        cli_table_add(t, CLI_PLAIN, "%.0f,%.0f", (double)f->x, (double)f->y);
        cli_table_add(t, CLI_PLAIN, "%.0f x %.0f", (double)f->w, (double)f->h);
        cli_table_add(t, CLI_PLAIN, "%.3f", (double)f->confidence);
        point(t, f->has & DF_HAS_EYES, f->right_eye);
        point(t, f->has & DF_HAS_EYES, f->left_eye);
        point(t, f->has & DF_HAS_NOSE, f->nose);
        point(t, f->has & DF_HAS_MOUTH, f->mouth_right);
        point(t, f->has & DF_HAS_MOUTH, f->mouth_left);
    }
}

static df_status print_json(const cli_args *args, const char *path, const df_faces *faces, df_error *err)
{
    char *json = NULL;
    df_status st = df_faces_json(faces, &json, err);
    if (st == DF_OK)
        cli_photo_faces(args, path, json);
    return st;
}

static int run(const cli_args *args)
{
    static const char *const head[] = {"photo", "face", "x,y", "w x h", "score", "right eye", "left eye", "nose", "mouth right", "mouth left"};
    df_engine *engine = NULL;
    cli_table table;
    if (!cli_one_stdin(args))
        return CLI_BAD_INPUT;
    int code = cli_engine(args, &engine);
    if (code != CLI_OK)
        return code;
    cli_table_start(&table, "lrrrrRRRRR");
    for (size_t i = 0; i < table.columns; i++)
        cli_table_add(&table, CLI_BOLD, "%s", head[i]);
    size_t found = 0;
    for (size_t i = 0; i < args->n; i++) {
        df_faces *faces = NULL;
        df_error err;
        df_status st = df_detect(engine, args->paths[i], &args->opts, &faces, &err);
        if (st == DF_OK && args->json)
            st = print_json(args, args->paths[i], faces, &err);
        else if (st == DF_OK)
            add_faces(&table, args->paths[i], faces);
        if (st != DF_OK)
            code = cli_photo_failed(args, args->paths[i], &err, code);
        else
            found += df_faces_count(faces);
        df_faces_free(faces);
    }
    if (args->json || args->quiet || found == 0)
        cli_table_drop(&table);
    else if (!cli_table_end(&table))
        code = cli_fail(CLI_FAILED, "out of memory");
    df_engine_free(engine);
    return code;
}

const cli_command cli_detect = {"detect", "IMG...", "where the faces are: boxes and points", NULL, true, 1, SIZE_MAX, "a photo", run};
