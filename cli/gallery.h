/* gallery.h - what the commands of galleries share. */
#ifndef CLI_GALLERY_H
#define CLI_GALLERY_H

#include "cli.h"

/* Engine and gallery of --db. On failure it is told and the exit code given. */
int  cli_gallery_open(const cli_args *args, bool read_only, bool create, df_engine **engine, df_gallery **gallery);
void cli_gallery_close(df_engine *engine, df_gallery *gallery);

/* What is to be registered: photos, the photos of folders (a photo's own folder is its person), the rows of CSV files. */
typedef struct cli_list {
    df_photo_item *items;
    size_t         n, cap;
    char         **texts; /* that the items point to */
    size_t         n_texts, cap_texts;
} cli_list;

/* Read --name, --meta and the arguments. On failure it is told and the exit code given. */
int  cli_list_read(cli_list *list, const cli_args *args);
void cli_list_free(cli_list *list);

/* `gallery export OUT.csv` and `gallery import IN.csv`. */
int cli_gallery_export(const cli_args *args, df_gallery *gallery);
int cli_gallery_import(const cli_args *args, df_gallery *gallery);

/* `gallery index [NAME] [--drop]`. */
int cli_gallery_index(const cli_args *args, df_gallery *gallery);
/* The indexes there are: a line each, or a JSON list without a line's end. */
int cli_indexes_print(const cli_args *args, df_gallery *gallery);

/* What was found for each face of a photo, for people or as JSON. */
int cli_matches_print(const cli_args *args, const df_matches *matches);

#endif
