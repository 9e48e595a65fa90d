/* extract.c - `deepface extract`: each face cut out into a picture of its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "photos.h"
#include "print.h"
#include "text.h"

/* DIR/NAME-1.png of the photo some/NAME.jpg; malloc. `face` 0: without number and ending. */
static char *target(const char *dir, const char *path, size_t face)
{
    const char *name = strcmp(path, "-") == 0 ? "stdin" : cli_file_name(path), *dot = strrchr(name, '.');
    int stem = (int)(dot && dot != name ? (size_t)(dot - name) : strlen(name));
    size_t size = strlen(dir) + strlen(name) + 40;
    char *out = malloc(size);
    if (out && face)
        snprintf(out, size, "%s/%.*s-%zu.png", dir, stem, name, face);
    else if (out)
        snprintf(out, size, "%s/%.*s", dir, stem, name);
    return out;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Two photos of one name would write over each other's faces. */
static int names_differ(const cli_args *args)
{
    int code = CLI_OK;
    char **names = calloc(args->n, sizeof *names);
    bool ok = names != NULL;
    for (size_t i = 0; ok && i < args->n; i++)
        ok = (names[i] = target(args->out, args->paths[i], 0)) != NULL;
    if (ok)
        qsort(names, args->n, sizeof *names, by_text);
    else
        code = cli_fail(CLI_FAILED, "out of memory");
    for (size_t i = 1; ok && code == CLI_OK && i < args->n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            code = cli_fail(CLI_BAD_INPUT, "the faces of two photos would both be %s-1.png; extract them into folders of their own", names[i]);
    for (size_t i = 0; names && i < args->n; i++)
        free(names[i]);
    free(names);
    return code;
}

static int make_folder(const char *dir)
{
    struct stat info;
    if (mkdir(dir, 0777) == 0)
        return CLI_OK;
    int why = errno;
    if (why == EEXIST && stat(dir, &info) == 0 && S_ISDIR(info.st_mode))
        return CLI_OK;
    return cli_fail(CLI_FAILED, "cannot make the folder %s: %s", dir, why == EEXIST ? "a file has that name" : strerror(why));
}

static void tell(const cli_args *args, const char *file, const df_chips *chips, size_t i)
{
    const df_face *f = df_chips_face(chips, i);
    if (args->json) {
        fputs(i ? ", {\"path\": " : "{\"path\": ", stdout);
        cli_json_text(stdout, file);
        fputs(", ", stdout);
        cli_face_json(f);
        putchar('}');
    } else if (!args->quiet) {
        const df_image *img = df_chips_image(chips, i);
        cli_print_safe(stdout, file);
        printf("  %d x %d, score %.3f\n", df_image_width(img), df_image_height(img), (double)f->confidence);
    }
}

/* Save all chips of a photo first, then tell: what is told is there. */
static int save(const cli_args *args, const char *path, const df_chips *chips)
{
    size_t n = df_chips_count(chips);
    for (size_t i = 0; i < n; i++) {
        df_error err;
        char *file = target(args->out, path, i + 1);
        df_status st = file ? df_image_save(df_chips_image(chips, i), file, &err) : DF_E_NO_MEMORY;
        if (!file)
            return cli_fail(CLI_FAILED, "out of memory");
        free(file);
        if (st != DF_OK)
            return cli_fail(CLI_FAILED, "%s", err.message);
    }
    if (args->json && args->n > 1) {
        fputs("{\"path\": ", stdout);
        cli_json_text(stdout, path);
        fputs(", \"faces\": ", stdout);
    }
    if (args->json)
        putchar('[');
    for (size_t i = 0; i < n; i++) {
        char *file = target(args->out, path, i + 1);
        if (!file)
            return cli_fail(CLI_FAILED, "out of memory");
        tell(args, file, chips, i);
        free(file);
    }
    if (args->json)
        puts(args->n > 1 ? "]}" : "]");
    return CLI_OK;
}

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    if (!args->out)
        return cli_fail(CLI_BAD_INPUT, "extract needs a folder for the faces: -o DIR");
    if (!cli_one_stdin(args))
        return CLI_BAD_INPUT;
    int code = names_differ(args);
    if (code == CLI_OK)
        code = make_folder(args->out);
    if (code == CLI_OK)
        code = cli_engine(args, &engine);
    for (size_t i = 0; engine && i < args->n; i++) {
        df_chips *chips = NULL;
        df_error err;
        int mine = CLI_OK;
        if (df_extract(engine, args->paths[i], &args->opts, &chips, &err) != DF_OK)
            mine = cli_photo_failed(args, args->paths[i], &err, CLI_OK);
        else
            mine = save(args, args->paths[i], chips);
        code = mine > code ? mine : code;
        df_chips_free(chips);
    }
    df_engine_free(engine);
    return code;
}

static const cli_flag flags[] = {
    {"out", 'o', CLI_TEXT, "DIR", offsetof(cli_args, out), 0, 0, "folder of the faces, made where there is none: NAME-1.png, NAME-2.png, ..."},
    {0},
};

const cli_command cli_extract = {"extract", "IMG... -o DIR", "cut out each face as the recogniser would see it", flags, true, 1, SIZE_MAX,
                                 "a photo", run};
