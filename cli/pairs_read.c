/* pairs_read.c - from P.csv to pairs and the photos that occur in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pairs.h"

static int no_memory(void) { return cli_fail(CLI_FAILED, "out of memory"); }

/* Columns of the head: img1, img2, same; -1 where absent. */
static bool read_head(cli_csv *csv, int at[3])
{
    static const char *const names[] = {"img1", "img2", "same"};
    char *fields[CLI_CSV_FIELDS];
    int n = cli_csv_next(csv, fields);
    for (int k = 0; k < 3; k++) {
        at[k] = -1;
        for (int i = 0; i < n; i++)
            if (strcasecmp(fields[i], names[k]) == 0)
                at[k] = i;
    }
    return n > 0 && at[0] >= 0 && at[1] >= 0;
}

/* 1, 0, -1 for an empty field, -2 for anything else. */
static int read_same(const char *text)
{
    static const char *const words[2][4] = {{"0", "false", "no", "different"}, {"1", "true", "yes", "same"}};
    if (!*text)
        return -1;
    for (int v = 0; v < 2; v++)
        for (int i = 0; i < 4; i++)
            if (strcasecmp(text, words[v][i]) == 0)
                return v;
    return -2;
}

static int add_pair(cli_pair_list *l, const cli_pair *p)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        cli_pair *more = realloc(l->pairs, cap * sizeof *more);
        if (!more)
            return no_memory();
        l->pairs = more;
        l->cap = cap;
    }
    l->pairs[l->n++] = *p;
    return CLI_OK;
}

static int read_rows(cli_pair_list *l, const char *csv, const int at[3])
{
    char *fields[CLI_CSV_FIELDS];
    int n;
    while ((n = cli_csv_next(&l->csv, fields)) > 0) {
        size_t line = l->csv.row_line;
        if (n <= at[0] || n <= at[1] || !*fields[at[0]] || !*fields[at[1]])
            return cli_fail(CLI_BAD_INPUT, "%s: line %zu names no two photos", csv, line);
        cli_pair p = {.name = {fields[at[0]], fields[at[1]]}, .same = at[2] >= 0 && n > at[2] ? read_same(fields[at[2]]) : -1};
        if (p.same == -2)
            return cli_fail(CLI_BAD_INPUT, "%s: line %zu: same is \"%s\", not 1 or 0", csv, line, fields[at[2]]);
        int code = add_pair(l, &p);
        if (code != CLI_OK)
            return code;
    }
    if (n < 0)
        return cli_fail(CLI_BAD_INPUT, "%s: %s", csv, l->csv.why);
    if (l->n == 0)
        return cli_fail(CLI_BAD_INPUT, "%s holds no pairs", csv);
    return CLI_OK;
}

static int by_name(const void *a, const void *b) { return strcmp(((const cli_photo *)a)->name, ((const cli_photo *)b)->name); }

static char *full_path(const char *root, const char *name)
{
    bool alone = name[0] == '/' || (!root && strcmp(name, "-") != 0);
    const char *before = alone ? "" : root ? root : "."; /* "-" in a list is a file of that name */
    size_t size = strlen(before) + strlen(name) + 2;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s%s%s", before, alone ? "" : "/", name);
    return path;
}

static int name_photos(cli_pair_list *l, const char *root)
{
    l->photos = calloc(2 * l->n, sizeof *l->photos);
    if (!l->photos)
        return no_memory();
    for (size_t i = 0; i < 2 * l->n; i++)
        l->photos[i].name = l->pairs[i / 2].name[i % 2];
    qsort(l->photos, 2 * l->n, sizeof *l->photos, by_name);
    for (size_t i = 0; i < 2 * l->n; i++)
        if (i == 0 || strcmp(l->photos[i].name, l->photos[l->n_photos - 1].name) != 0)
            l->photos[l->n_photos++].name = l->photos[i].name;
    for (size_t i = 0; i < l->n_photos; i++)
        if (!(l->photos[i].path = full_path(root, l->photos[i].name)))
            return no_memory();
    for (size_t i = 0; i < 2 * l->n; i++) {
        cli_photo key = {.name = l->pairs[i / 2].name[i % 2]};
        const cli_photo *found = bsearch(&key, l->photos, l->n_photos, sizeof key, by_name);
        l->pairs[i / 2].photo[i % 2] = (size_t)(found - l->photos);
    }
    return CLI_OK;
}

int cli_pairs_read(cli_pair_list *l, const char *csv, const char *root)
{
    int at[3];
    *l = (cli_pair_list){0};
    if (!cli_csv_open(&l->csv, csv))
        return cli_fail(CLI_BAD_INPUT, "cannot read %s: %s", csv, l->csv.why);
    if (!read_head(&l->csv, at))
        return cli_fail(CLI_BAD_INPUT, "%s: %s", csv,
                        *l->csv.why ? l->csv.why : "the first line must name the columns img1 and img2, and same where it is known");
    int code = read_rows(l, csv, at);
    return code == CLI_OK ? name_photos(l, root) : code;
}

void cli_pairs_free(cli_pair_list *l)
{
    for (size_t i = 0; i < l->n_photos; i++) {
        free(l->photos[i].path);
        free(l->photos[i].rows);
        free(l->photos[i].error);
    }
    free(l->photos);
    free(l->pairs);
    cli_csv_close(&l->csv);
    *l = (cli_pair_list){0};
}
