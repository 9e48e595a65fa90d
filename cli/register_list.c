/* register_list.c - from arguments to photos: files, folders, CSV. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "csv.h"
#include "gallery.h"
#include "text.h"

enum { DEPTH = 32 }; /* folders inside folders */

static int no_memory(void) { return cli_fail(CLI_FAILED, "out of memory"); }

/* A copy that lives as long as the list; NULL when out of memory. */
static const char *keep(cli_list *l, char *text)
{
    if (text && l->n_texts == l->cap_texts) {
        size_t cap = l->cap_texts ? 2 * l->cap_texts : 64;
        char **more = realloc(l->texts, cap * sizeof *more);
        if (!more) {
            free(text);
            return NULL;
        }
        l->texts = more, l->cap_texts = cap;
    }
    if (text)
        l->texts[l->n_texts++] = text;
    return text;
}

static int add(cli_list *l, df_photo_item item)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        df_photo_item *more = realloc(l->items, cap * sizeof *more);
        if (!more)
            return no_memory();
        l->items = more, l->cap = cap;
    }
    l->items[l->n++] = item;
    return CLI_OK;
}

/* ---- folders ---- */

static bool is_photo(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
        if (strcasecmp(dot, ends[i]) == 0)
            return true;
    return false;
}

static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }

/* Photos of a folder, in the order of their names; `name` is what the folder is called, NULL for the one that was asked for. */
static int add_folder(cli_list *l, const cli_args *args, const char *folder, const char *name, int depth)
{
    struct dirent **entries = NULL;
    int code = CLI_OK, n = scandir(folder, &entries, visible, alphasort);
    if (n < 0)
        return cli_fail(CLI_BAD_INPUT, "cannot read the folder %s: %s", folder, strerror(errno));
    for (int i = 0; code == CLI_OK && i < n; i++) {
        struct stat info;
        size_t size = strlen(folder) + strlen(entries[i]->d_name) + 2;
        char *text = malloc(size);
        if (text)
            snprintf(text, size, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", entries[i]->d_name);
        const char *path = keep(l, text);
        if (!path)
            code = no_memory();
        else if (stat(path, &info) != 0)
            continue;
        else if (S_ISDIR(info.st_mode) && depth < DEPTH)
            code = add_folder(l, args, path, strrchr(path, '/') + 1, depth + 1);
        else if (S_ISREG(info.st_mode) && is_photo(path))
            code = add(l, (df_photo_item){.path = path, .name = args->name ? args->name : name, .meta = args->meta});
    }
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return code;
}

/* ---- CSV ---- */

/* {"column": "value", ...} of the columns that are not the library's own; NULL where there are none. */
static int meta_of(cli_list *l, char *head[], char *fields[], int n, int path, int name, const char **out)
{
    *out = NULL;
    FILE *to;
    char *text = NULL;
    size_t len = 0;
    bool any = false;
    if (!(to = open_memstream(&text, &len)))
        return no_memory();
    for (int i = 0; i < n; i++) {
        char *end;
        if (i == path || i == name || !*fields[i] || !*head[i])
            continue;
        fputs(any ? ", " : "{", to);
        any = true;
        cli_json_text(to, head[i]);
        fputs(": ", to);
        strtod(fields[i], &end);
        bool number = end != fields[i] && !*end && strspn(fields[i], "0123456789.-+eE") == strlen(fields[i]) &&
                      ((fields[i][0] >= '1' && fields[i][0] <= '9') || strcmp(fields[i], "0") == 0);
        if (number)
            fputs(fields[i], to);
        else
            cli_json_text(to, fields[i]);
    }
    if (any)
        fputs("}", to);
    if (fclose(to) != 0 || (any && !(*out = keep(l, text))))
        return no_memory();
    if (!any)
        free(text);
    return CLI_OK;
}

static int column(char *head[], int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcasecmp(head[i], name) == 0)
            return i;
    return -1;
}

/* Columns path and, where they are wanted, name; every other column becomes metadata. Paths begin at the CSV's own folder. */
static int add_csv(cli_list *l, const cli_args *args, const char *file)
{
    cli_csv csv;
    char *head[CLI_CSV_FIELDS], *fields[CLI_CSV_FIELDS];
    int code = CLI_OK, n = 0, rows;
    if (!cli_csv_open(&csv, file))
        return cli_fail(CLI_BAD_INPUT, "cannot read %s: %s", file, csv.why);
    rows = cli_csv_next(&csv, head);
    int path = column(head, rows, "path"), name = column(head, rows, "name");
    if (rows < 1 || path < 0) {
        code = cli_fail(CLI_BAD_INPUT, "%s: %s", file, *csv.why ? csv.why : "the first line must name a column path, and name where people are named");
    }
    const char *slash = strrchr(file, '/');
    int folder = slash ? (int)(slash - file) + 1 : 0;
    while (code == CLI_OK && (n = cli_csv_next(&csv, fields)) > 0) {
        if (n <= path || !*fields[path]) {
            code = cli_fail(CLI_BAD_INPUT, "%s: line %zu names no photo", file, csv.row_line);
            break;
        }
        size_t size = (size_t)folder + strlen(fields[path]) + 1;
        char *text = malloc(size);
        if (text)
            snprintf(text, size, "%.*s%s", fields[path][0] == '/' ? 0 : folder, file, fields[path]);
        df_photo_item item = {.path = keep(l, text), .name = args->name, .meta = args->meta};
        if (!item.path)
            code = no_memory();
        else if (!item.name && name >= 0 && n > name && *fields[name] && !(item.name = keep(l, strdup(fields[name]))))
            code = no_memory();
        else if (!item.meta)
            code = meta_of(l, head, fields, n < rows ? n : rows, path, name, &item.meta);
        if (code == CLI_OK)
            code = add(l, item);
    }
    if (n < 0)
        code = cli_fail(CLI_BAD_INPUT, "%s: %s", file, csv.why);
    cli_csv_close(&csv);
    return code;
}

int cli_list_read(cli_list *l, const cli_args *args)
{
    int code = CLI_OK;
    *l = (cli_list){0};
    for (size_t i = 0; code == CLI_OK && i < args->n; i++) {
        struct stat info;
        const char *path = args->paths[i], *dot = strrchr(path, '.');
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
            code = add_folder(l, args, path, NULL, 0);
        else if (dot && strcasecmp(dot, ".csv") == 0)
            code = add_csv(l, args, path);
        else
            code = add(l, (df_photo_item){.path = path, .name = args->name, .meta = args->meta});
    }
    if (code == CLI_OK && l->n == 0)
        code = cli_fail(CLI_BAD_INPUT, "%s holds no photos (.jpg, .jpeg, .png, .webp, .gif, .bmp, .tif, .tiff)", args->paths[0]);
    return code;
}

void cli_list_free(cli_list *l)
{
    for (size_t i = 0; i < l->n_texts; i++)
        free(l->texts[i]);
    free(l->texts);
    free(l->items);
    *l = (cli_list){0};
}
