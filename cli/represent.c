/* represent.c - `deepface represent`: each face as a vector. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "photos.h"
#include "print.h"
#include "progress.h"

enum { SHOWN = 6 }; /* numbers of a vector that people see */

/* The output of one photo waits here until those before it are printed. */
typedef struct photo {
    bool     done, failed;
    char    *text; /* JSON, or lines for people */
    df_error err;
} photo;

typedef struct job {
    const cli_args *args;
    cli_progress    bar;
    photo          *photos;
    size_t          next; /* the first that is not printed */
    int             code;
} job;

/* Lines for people: where the face is, how long its vector is, how it begins. */
static char *lines(const df_embeddings *e)
{
    size_t n = df_embeddings_count(e), dims = df_embeddings_dims(e), size = n * 256 + 1, at = 0;
    char *text = malloc(size);
    for (size_t i = 0; text && i < n; i++) {
        const float *v = df_embeddings_row(e, i);
        const df_face *f = df_embeddings_face(e, i);
        double length = 0;
        for (size_t k = 0; k < dims; k++)
            length += (double)v[k] * (double)v[k];
        at += (size_t)snprintf(text + at, size - at, "  face %zu at %.0f,%.0f %.0fx%.0f: %zu numbers of length %.4f:", i + 1, (double)f->x,
                               (double)f->y, (double)f->w, (double)f->h, dims, sqrt(length));
        for (size_t k = 0; k < dims && k < SHOWN; k++)
            at += (size_t)snprintf(text + at, size - at, " %.4f", (double)v[k]);
        at += (size_t)snprintf(text + at, size - at, "%s\n", dims > SHOWN ? " ..." : "");
    }
    return text;
}

static void take(job *j, size_t index, const df_embeddings *e, const df_error *failed)
{
    photo *p = &j->photos[index];
    p->done = true;
    if (failed) {
        p->failed = true;
        p->err = *failed;
    } else if (j->args->json) {
        p->failed = df_embeddings_json(e, &p->text, &p->err) != DF_OK;
    } else {
        p->text = lines(e);
        p->failed = !p->text;
        if (p->failed)
            p->err = (df_error){DF_E_NO_MEMORY, "out of memory"};
    }
}

static void print(job *j, size_t index)
{
    photo *p = &j->photos[index];
    const char *path = j->args->paths[index];
    if (p->failed) {
        j->code = cli_photo_failed(j->args, path, &p->err, j->code);
    } else if (j->args->json) {
        cli_photo_faces(j->args, path, p->text);
        p->text = NULL;
    } else if (!j->args->quiet) {
        cli_print_safe(stdout, path);
        printf("\n%s", p->text);
    }
    free(p->text);
    p->text = NULL;
}

static bool each(void *user, size_t index, const df_embeddings *e, const df_error *failed)
{
    job *j = user;
    take(j, index, e, failed);
    if (j->photos[j->next].done)
        cli_progress_clear(&j->bar);
    while (j->next < j->args->n && j->photos[j->next].done)
        print(j, j->next++);
    cli_progress_step(&j->bar);
    return !ferror(stdout); /* nobody reads any more: stop */
}

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    df_error err;
    if (!cli_one_stdin(args))
        return CLI_BAD_INPUT;
    int code = cli_engine(args, &engine);
    if (code != CLI_OK)
        return code;
    job j = {.args = args, .photos = calloc(args->n, sizeof *j.photos)};
    if (!j.photos) {
        j.code = cli_fail(CLI_FAILED, "out of memory");
    } else if (args->n == 1) { /* all threads for the one photo */
        df_embeddings *e = NULL;
        df_status st = df_represent(engine, args->paths[0], &args->opts, &e, &err);
        take(&j, 0, e, st == DF_OK ? NULL : &err);
        print(&j, 0);
        df_embeddings_free(e);
    } else {
        cli_progress_start(&j.bar, "photos", args->n, args->quiet);
        df_status st = df_represent_many(engine, args->paths, args->n, &args->opts, each, &j, &err);
        cli_progress_end(&j.bar);
        if (st != DF_OK)
            j.code = cli_fail(cli_code(st, NULL, 0), "%s", err.message);
    }
    for (size_t i = 0; j.photos && i < args->n; i++)
        free(j.photos[i].text);
    free(j.photos);
    df_engine_free(engine);
    return j.code;
}

const cli_command cli_represent = {"represent", "IMG...", "each face as a vector of numbers", NULL, true, 1, SIZE_MAX, "a photo", run};
