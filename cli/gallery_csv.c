/* gallery_csv.c - `gallery export` and `gallery import`: a row a face in OUT.csv, its vector the same row of OUT.npy. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "gallery.h"
#include "npy.h"
#include "out.h"

/* Columns in order; a letter says what is in them: t text, i whole number, n number. */
static const struct { const char *name; char kind; } columns[] = {
    {"path", 't'}, {"name", 't'}, {"sha256", 't'}, {"bytes", 'i'}, {"modified", 'i'}, {"added", 'i'},
    {"x", 'n'}, {"y", 'n'}, {"w", 'n'}, {"h", 'n'}, {"score", 'n'},
    {"left_eye_x", 'n'}, {"left_eye_y", 'n'}, {"right_eye_x", 'n'}, {"right_eye_y", 'n'}, {"nose_x", 'n'}, {"nose_y", 'n'},
    {"mouth_left_x", 'n'}, {"mouth_left_y", 'n'}, {"mouth_right_x", 'n'}, {"mouth_right_y", 'n'},
    {"quality", 'n'}, {"age", 'n'}, {"gender", 't'}, {"gender_confidence", 'n'}, {"emotion", 't'}, {"emotion_confidence", 'n'},
    {"race", 't'}, {"race_confidence", 'n'}, {"liveness", 'n'}, {"meta", 't'}, {"person_meta", 't'},
};

enum { COLUMNS = sizeof columns / sizeof *columns };

/* X.npy of X.csv; malloc. */
static char *npy_name(const char *csv)
{
    size_t n = strlen(csv);
    if (n > 4 && strcmp(csv + n - 4, ".csv") == 0)
        n -= 4;
    char *name = malloc(n + 5);
    if (name)
        sprintf(name, "%.*s.npy", (int)n, csv);
    return name;
}

/* ---- export ---- */

typedef struct leaving { FILE *csv; float *rows; size_t n, cap, dims; bool out_of_memory; } leaving;

static void put_text(FILE *to, const char *text)
{
    if (!text)
        return;
    bool quote = !*text || strpbrk(text, ",\"\r\n") || *text == ' ';
    if (quote)
        fputc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', to);
        fputc(*text, to);
    }
    if (quote)
        fputc('"', to);
}

static void put_number(FILE *to, double v)
{
    if (isfinite(v))
        fprintf(to, "%.9g", v);
}

static bool leave(void *user, const df_gallery_face *f)
{
    leaving *l = user;
    const df_face *a = &f->at;
    const double none = (double)NAN;
    const bool eyes = a->has & DF_HAS_EYES, nose = a->has & DF_HAS_NOSE, mouth = a->has & DF_HAS_MOUTH;
    const float *v[] = {&a->x, &a->y, &a->w, &a->h, &a->confidence, &a->left_eye.x, &a->left_eye.y, &a->right_eye.x, &a->right_eye.y, &a->nose.x, &a->nose.y,
                        &a->mouth_left.x, &a->mouth_left.y, &a->mouth_right.x, &a->mouth_right.y};
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 1024;
        float *more = realloc(l->rows, cap * l->dims * sizeof *more);
        if (!more) {
            l->out_of_memory = true;
            return false;
        }
        l->rows = more, l->cap = cap;
    }
    memcpy(l->rows + l->n++ * l->dims, f->vector, l->dims * sizeof *l->rows);
    put_text(l->csv, f->path), fputc(',', l->csv);
    put_text(l->csv, f->name), fputc(',', l->csv);
    fprintf(l->csv, "%s,%llu,%lld,%lld,", f->sha256, (unsigned long long)f->bytes, (long long)f->modified, (long long)f->added);
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        bool known = i < 5 || (i < 9 ? eyes : i < 11 ? nose : mouth);
        put_number(l->csv, known ? (double)*v[i] : none);
        fputc(',', l->csv);
    }
    put_number(l->csv, f->quality), fputc(',', l->csv);
    put_number(l->csv, f->age), fputc(',', l->csv);
    put_text(l->csv, f->gender), fputc(',', l->csv), put_number(l->csv, f->gender_confidence), fputc(',', l->csv);
    put_text(l->csv, f->emotion), fputc(',', l->csv), put_number(l->csv, f->emotion_confidence), fputc(',', l->csv);
    put_text(l->csv, f->race), fputc(',', l->csv), put_number(l->csv, f->race_confidence), fputc(',', l->csv);
    put_number(l->csv, f->liveness), fputc(',', l->csv);
    put_text(l->csv, f->photo_meta), fputc(',', l->csv), put_text(l->csv, f->person_meta), fputc('\n', l->csv);
    return !ferror(l->csv);
}

/* The CSV file and the rows of its vectors. */
static int write_csv(const cli_args *args, df_gallery *g, const cli_out *out, leaving *l)
{
    df_error err;
    l->csv = fopen(out->at, "wb");
    if (!l->csv)
        return cli_fail(CLI_FAILED, "cannot write %s: %s", out->path, strerror(errno));
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(l->csv, "%s%s", i ? "," : "", columns[i].name);
    fputc('\n', l->csv);
    df_status st = df_gallery_export(g, args->search.where, leave, l, &err);
    bool failed = ferror(l->csv) != 0;
    if (fclose(l->csv) != 0 || failed)
        return cli_fail(CLI_FAILED, "cannot write %s: %s", out->path, strerror(errno));
    if (l->out_of_memory)
        return cli_fail(CLI_FAILED, "out of memory");
    return st == DF_OK ? CLI_OK : cli_fail(cli_code(st, NULL, 0), "%s", err.message);
}

/* Both files, or neither: what had their names before stays until both are whole. */
int cli_gallery_export(const cli_args *args, df_gallery *g)
{
    df_error err;
    df_gallery_stats s;
    leaving l = {0};
    cli_out csv = {0}, npy = {0};
    const char *path = args->paths[1], *ending = strrchr(path, '.');
    if (!ending || strcmp(ending, ".csv") != 0)
        return cli_fail(CLI_BAD_INPUT, "%s: export writes OUT.csv and OUT.npy beside it: a name that ends in .csv", path);
    df_status st = df_gallery_get_stats(g, &s, &err);
    if (st != DF_OK)
        return cli_fail(cli_code(st, NULL, 0), "%s", err.message);
    l.dims = s.dims;
    char *name = npy_name(path);
    int code = name && cli_out_begin(&csv, path) && cli_out_begin(&npy, name) ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
    if (code == CLI_OK)
        code = write_csv(args, g, &csv, &l);
    df_tensor rows = {.type = DF_F32, .rank = 2, .dims = {(int64_t)l.n, (int64_t)l.dims}, .data = l.rows};
    if (code == CLI_OK && cli_npy_write(npy.at, &rows, &err) != DF_OK)
        code = cli_fail(CLI_FAILED, "%s", err.message);
    int why = npy.at ? cli_out_end(&npy, code) : 0;
    if (csv.at)
        why = cli_out_end(&csv, code == CLI_OK ? why : code);
    if (code == CLI_OK && why)
        code = cli_fail(CLI_FAILED, "cannot write %s: %s", path, strerror(why));
    if (code == CLI_OK && args->json)
        printf("{\"faces\": %zu}\n", l.n);
    else if (code == CLI_OK && !args->quiet)
        printf("  %zu face%s\n", l.n, l.n == 1 ? "" : "s");
    free(l.rows), free(name);
    return code;
}

/* ---- import ---- */

typedef struct coming { df_gallery_face *faces; size_t n, cap; } coming;

static bool read_cell(const char *text, char kind, double *number, int64_t *whole)
{
    char *end = NULL;
    *number = (double)NAN, *whole = 0;
    if (!*text)
        return true;
    errno = 0;
    if (kind == 'i')
        *whole = strtoll(text, &end, 10);
    else
        *number = strtod(text, &end);
    return end != text && !*end && errno == 0;
}

/* `at`: where each column is in the file, -1 where it lacks. */
static int read_face(const char *file, const cli_csv *csv, char *fields[], int n, const int at[COLUMNS], df_gallery_face *f)
{
    const char *texts[COLUMNS] = {0};
    double numbers[COLUMNS];
    int64_t whole[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *text = at[i] >= 0 && at[i] < n ? fields[at[i]] : "";
        texts[i] = *text ? text : NULL;
        numbers[i] = (double)NAN, whole[i] = 0;
        if (columns[i].kind != 't' && !read_cell(text, columns[i].kind, &numbers[i], &whole[i]))
            return cli_fail(CLI_BAD_INPUT, "%s: line %zu: %s is \"%s\", no number", file, csv->row_line, columns[i].name, text);
    }
    if (!texts[0] || !texts[2] || strlen(texts[2]) != 64)
        return cli_fail(CLI_BAD_INPUT, "%s: line %zu: no path or no sha256", file, csv->row_line);
    *f = (df_gallery_face){.path = texts[0], .name = texts[1], .bytes = (uint64_t)whole[3], .modified = whole[4], .added = whole[5], .quality = numbers[21],
                           .age = numbers[22], .gender = texts[23], .gender_confidence = numbers[24], .emotion = texts[25], .emotion_confidence = numbers[26],
                           .race = texts[27], .race_confidence = numbers[28], .liveness = numbers[29], .photo_meta = texts[30], .person_meta = texts[31]};
    memcpy(f->sha256, texts[2], 65);
    df_face *a = &f->at;
    float *v[] = {&a->x, &a->y, &a->w, &a->h, &a->confidence, &a->left_eye.x, &a->left_eye.y, &a->right_eye.x, &a->right_eye.y, &a->nose.x, &a->nose.y,
                  &a->mouth_left.x, &a->mouth_left.y, &a->mouth_right.x, &a->mouth_right.y};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        *v[i] = isnan(numbers[6 + i]) ? 0 : (float)numbers[6 + i];
    a->has = (isnan(numbers[11]) ? 0u : DF_HAS_EYES) | (isnan(numbers[15]) ? 0u : DF_HAS_NOSE) | (isnan(numbers[17]) ? 0u : DF_HAS_MOUTH);
    return CLI_OK;
}

static int read_faces(const char *file, cli_csv *csv, coming *c)
{
    char *fields[CLI_CSV_FIELDS];
    int at[COLUMNS], n = cli_csv_next(csv, fields), code = CLI_OK;
    for (size_t i = 0; i < COLUMNS; i++) {
        at[i] = -1;
        for (int k = 0; k < n; k++)
            if (strcmp(fields[k], columns[i].name) == 0)
                at[i] = k;
    }
    if (n < 1 || at[0] < 0 || at[2] < 0)
        return cli_fail(CLI_BAD_INPUT, "%s: %s", file, *csv->why ? csv->why : "the first line must name the columns path and sha256");
    while (code == CLI_OK && (n = cli_csv_next(csv, fields)) > 0) {
        if (c->n == c->cap) {
            size_t cap = c->cap ? 2 * c->cap : 1024;
            df_gallery_face *more = realloc(c->faces, cap * sizeof *more);
            if (!more)
                return cli_fail(CLI_FAILED, "out of memory");
            c->faces = more, c->cap = cap;
        }
        code = read_face(file, csv, fields, n, at, &c->faces[c->n++]);
    }
    return n < 0 ? cli_fail(CLI_BAD_INPUT, "%s: %s", file, csv->why) : code;
}

int cli_gallery_import(const cli_args *args, df_gallery *g)
{
    df_error err;
    df_gallery_stats s;
    cli_csv csv = {0};
    coming c = {0};
    df_tensor rows = {0};
    const char *path = args->paths[1];
    char *npy = npy_name(path);
    if (!npy)
        return cli_fail(CLI_FAILED, "out of memory");
    int code = cli_csv_open(&csv, path) ? CLI_OK : cli_fail(CLI_BAD_INPUT, "cannot read %s: %s", path, csv.why);
    if (code == CLI_OK)
        code = read_faces(path, &csv, &c);
    if (code == CLI_OK && cli_npy_read(npy, &rows, &err) != DF_OK)
        code = cli_fail(CLI_BAD_INPUT, "%s", err.message);
    if (code == CLI_OK && df_gallery_get_stats(g, &s, &err) != DF_OK)
        code = cli_fail(CLI_FAILED, "%s", err.message);
    if (code == CLI_OK && (rows.type != DF_F32 || rows.rank != 2 || rows.dims[0] != (int64_t)c.n || rows.dims[1] != (int64_t)s.dims))
        code = cli_fail(CLI_BAD_INPUT, "%s: not %zu rows of %zu float32, one for each row of %s", npy, c.n, s.dims, path);
    for (size_t i = 0; code == CLI_OK && i < c.n; i++)
        c.faces[i].vector = (const float *)rows.data + i * s.dims;
    if (code == CLI_OK) {
        df_status st = df_gallery_import(g, c.faces, c.n, &err);
        if (st != DF_OK)
            code = cli_fail(cli_code(st, NULL, 0), "%s", err.message);
    }
    if (code == CLI_OK && args->json)
        printf("{\"faces\": %zu}\n", c.n);
    else if (code == CLI_OK && !args->quiet)
        printf("  %zu face%s\n", c.n, c.n == 1 ? "" : "s");
    free(rows.data), free(c.faces), free(npy);
    cli_csv_close(&csv);
    return code;
}
