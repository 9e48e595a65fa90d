/* golden.h - reading the recorded CSV files beside it: lines that begin with '#' tell source and tolerance and are passed over. */
#ifndef DF_TEST_GOLDEN_H
#define DF_TEST_GOLDEN_H

#include "test.h"

typedef struct golden {
    FILE  *file;
    char  *line;
    size_t room;
    char  *fields[32];
    size_t n;
} golden;

/* Fails the test when the file is not there: goldens are part of the repository. */
static inline golden golden_open(const char *name)
{
    char path[4096];
    const char *dir = test_golden_dir();
    if (!dir)
        fail_msg("no folder tests/golden");
    snprintf(path, sizeof path, "%s/%s", dir, name);
    golden g = {.file = fopen(path, "r")};
    if (!g.file)
        fail_msg("cannot open %s", path);
    return g;
}

/* Next row, split at commas into fields[0 .. n); false at the end, where all is freed. */
static inline bool golden_row(golden *g)
{
    ssize_t len;
    while ((len = getline(&g->line, &g->room, g->file)) >= 0) {
        if (len && g->line[len - 1] == '\n')
            g->line[len - 1] = 0;
        if (g->line[0] == '#' || g->line[0] == 0)
            continue;
        g->n = 0;
        char *at = g->line;
        do {
            g->fields[g->n++] = at;
            at = strchr(at, ',');
            if (at)
                *at++ = 0;
        } while (at && g->n < sizeof g->fields / sizeof *g->fields);
        return true;
    }
    free(g->line);
    fclose(g->file);
    *g = (golden){0};
    return false;
}

static inline double golden_number(const golden *g, size_t i)
{
    if (i >= g->n)
        fail_msg("golden row \"%s\" has no field %zu", g->line, i);
    return strtod(g->fields[i], NULL);
}

static inline int golden_int(const golden *g, size_t i) { return (int)golden_number(g, i); }

/* Numbers divided by spaces; returns how many there were, of which the first `room` are in `out`. */
static inline size_t golden_numbers(const golden *g, size_t i, float *out, size_t room)
{
    size_t n = 0;
    char *at = i < g->n ? g->fields[i] : NULL, *end;
    for (; at && *at; at = end, n++) {
        float v = strtof(at, &end);
        if (end == at)
            break;
        if (n < room)
            out[n] = v;
    }
    return n;
}

#endif
