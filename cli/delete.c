/* delete.c - `deepface delete` and `deepface update`: faces of a gallery, by their person's name or by a condition. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gallery.h"

/* name = 'TEXT' behind `at`: how many bytes. */
static size_t put_name(char *at, const char *text)
{
    size_t n = (size_t)sprintf(at, "name = '");
    for (; *text; text++) {
        if (*text == '\'')
            at[n++] = '\'';
        at[n++] = *text;
    }
    return n + (size_t)sprintf(at + n, "'");
}

/* name = '...' of the names given, or the condition of --where; malloc. NULL: it is told. */
static char *condition_of(const cli_args *args, const char *command)
{
    size_t size = 16, at = 0;
    if ((args->n == 0) == !args->search.where) {
        cli_fail(CLI_BAD_INPUT, "%s needs names of people or --where, one of them", command);
        return NULL;
    }
    for (size_t i = 0; i < args->n; i++)
        size += 2 * strlen(args->paths[i]) + 32;
    if (args->search.where)
        size += strlen(args->search.where);
    char *text = malloc(size);
    if (!text) {
        cli_fail(CLI_FAILED, "out of memory");
        return NULL;
    }
    text[0] = '\0';
    if (args->search.where)
        strcpy(text, args->search.where);
    for (size_t i = 0; i < args->n; i++) {
        at += (size_t)sprintf(text + at, "%s", i ? " or " : "");
        at += put_name(text + at, args->paths[i]);
    }
    return text;
}

static bool there_is_one(void *user, const df_gallery_face *face)
{
    (void)face;
    *(bool *)user = true;
    return false;
}

/* Each name given is somebody's, so that a slip of the pen is told before anything is done. */
static int check_names(const cli_args *args, df_gallery *g)
{
    df_error err;
    for (size_t i = 0; i < args->n; i++) {
        bool found = false;
        char *where = malloc(2 * strlen(args->paths[i]) + 32);
        if (!where)
            return cli_fail(CLI_FAILED, "out of memory");
        put_name(where, args->paths[i]);
        df_status st = df_gallery_export(g, where, there_is_one, &found, &err);
        free(where);
        if (st != DF_OK && !found) /* it stops at the first */
            return cli_fail(cli_code(st, NULL, 0), "%s", err.message);
        if (!found)
            return cli_fail(CLI_BAD_INPUT, "%s: nobody is named \"%s\"", args->db, args->paths[i]);
    }
    return CLI_OK;
}

static int run_with(const cli_args *args, const char *command, df_status (*act)(df_gallery *g, const char *where, const cli_args *args, uint64_t *n, df_error *err))
{
    df_engine *engine = NULL;
    df_gallery *gallery = NULL;
    df_error err;
    uint64_t n = 0;
    char *where = condition_of(args, command);
    if (!where)
        return CLI_BAD_INPUT;
    int code = cli_gallery_open(args, false, false, &engine, &gallery);
    if (code == CLI_OK)
        code = check_names(args, gallery);
    if (code == CLI_OK) {
        df_status st = act(gallery, where, args, &n, &err);
        if (st != DF_OK)
            code = cli_fail(cli_code(st, NULL, 0), "%s", err.message);
        else if (n == 0)
            code = cli_fail(CLI_BAD_INPUT, "no face of %s meets: %s", args->db, where);
    }
    if (code == CLI_OK && args->json)
        printf("{\"faces\": %llu}\n", (unsigned long long)n);
    else if (code == CLI_OK && !args->quiet)
        printf("  %llu face%s\n", (unsigned long long)n, n == 1 ? "" : "s");
    free(where);
    cli_gallery_close(engine, gallery);
    return code;
}

static df_status act_delete(df_gallery *g, const char *where, const cli_args *args, uint64_t *n, df_error *err)
{
    (void)args;
    return df_gallery_delete(g, where, n, err);
}

static df_status act_update(df_gallery *g, const char *where, const cli_args *args, uint64_t *n, df_error *err)
{
    return df_gallery_update(g, where, args->name, args->meta, n, err);
}

static int run_delete(const cli_args *args) { return run_with(args, "delete", act_delete); }

static int run_update(const cli_args *args)
{
    if (!args->name && !args->meta)
        return cli_fail(CLI_BAD_INPUT, "update needs --name or --meta");
    return run_with(args, "update", act_update);
}

static const cli_flag delete_flags[] = {
    {"db", 0, CLI_TEXT, "G.db", offsetof(cli_args, db), 0, 0, "the gallery"},
    {"where", 0, CLI_TEXT, "COND", offsetof(cli_args, search.where), 0, 0, "the faces of a condition: \"path = '/photos/a.jpg'\""},
    {0},
};

static const cli_flag update_flags[] = {
    {"db", 0, CLI_TEXT, "G.db", offsetof(cli_args, db), 0, 0, "the gallery"},
    {"where", 0, CLI_TEXT, "COND", offsetof(cli_args, search.where), 0, 0, "the faces of a condition: \"id = 17\""},
    {"name", 0, CLI_TEXT, "NAME", offsetof(cli_args, name), 0, 0, "the name that the faces get"},
    {"meta", 0, CLI_TEXT, "JSON", offsetof(cli_args, meta), 0, 0, "the metadata that their people get"},
    {0},
};

const cli_command cli_delete = {"delete", "NAME...|--where COND --db G.db", "remove faces from a gallery", delete_flags, true, 0, SIZE_MAX, "a name", run_delete};
const cli_command cli_update = {"update", "NAME...|--where COND --db G.db [--name NAME] [--meta JSON]", "rename people of a gallery, or give them metadata", update_flags,
                                true, 0, SIZE_MAX, "a name", run_update};
