/* pairs.h - the pairs of `verify --pairs`: read, measured, printed. */
#ifndef CLI_PAIRS_H
#define CLI_PAIRS_H

#include "cli.h"
#include "csv.h"
#include "stats.h"

typedef struct cli_photo {
    char       *path;
    const char *name; /* as in the CSV */
    float      *rows; /* [faces][dims] */
    size_t      faces;
    df_status   status;
    char       *error; /* NULL: read */
} cli_photo;

typedef struct cli_pair {
    const char *name[2];
    size_t      photo[2];
    int         same; /* 1, 0, -1: not known */
    double      distance; /* NaN: a photo failed */
} cli_pair;

typedef struct cli_pair_list {
    cli_csv    csv; /* holds the names */
    cli_pair  *pairs;
    size_t     n, cap;
    cli_photo *photos; /* each once, sorted by name */
    size_t     n_photos, dims;
    double     threshold, seconds; /* seconds: of reading all photos */
    cli_stats  stats;
    size_t     compared, verified, no_face, unreadable;
} cli_pair_list;

/* Read the CSV and name every photo once. On failure it is told and the exit code given. */
int  cli_pairs_read(cli_pair_list *list, const char *csv, const char *root);
void cli_pairs_free(cli_pair_list *list);

/* After all is measured. */
int cli_pairs_write(const cli_pair_list *list, const char *path);
int cli_pairs_table(const cli_pair_list *list);
void cli_pairs_report(const cli_pair_list *list, const cli_args *args, FILE *to);
void cli_pairs_json(const cli_pair_list *list);

#endif
