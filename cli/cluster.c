/* cluster.c - `deepface cluster`: faces of a gallery into groups of one person each. */
#include <stdio.h>
#include <stdlib.h>

#include "gallery.h"

typedef struct member { uint64_t face; size_t group; } member;
typedef struct job { member *at; size_t n, cap; bool out_of_memory; } job;

static bool each(void *user, uint64_t face, size_t group)
{
    job *j = user;
    if (j->n == j->cap) {
        size_t cap = j->cap ? 2 * j->cap : 1024;
        member *more = realloc(j->at, cap * sizeof *more);
        if (!more) {
            j->out_of_memory = true;
            return false;
        }
        j->at = more, j->cap = cap;
    }
    j->at[j->n++] = (member){face, group};
    return true;
}

static int by_group(const void *a, const void *b)
{
    const member *p = a, *q = b;
    if (p->group != q->group)
        return p->group < q->group ? -1 : 1;
    return (p->face > q->face) - (p->face < q->face);
}

static void print_json(const job *j)
{
    fputs("[", stdout);
    for (size_t i = 0; i < j->n; i++) {
        bool first = i == 0 || j->at[i].group != j->at[i - 1].group, last = i + 1 == j->n || j->at[i].group != j->at[i + 1].group;
        printf("%s%llu%s", first ? (i ? ", [" : "[") : ", ", (unsigned long long)j->at[i].face, last ? "]" : "");
    }
    puts("]");
}

static void print(const job *j, size_t groups, const char *name)
{
    size_t several = 0, in_them = 0;
    for (size_t i = 0, size; i < j->n; i += size) {
        for (size = 1; i + size < j->n && j->at[i + size].group == j->at[i].group;)
            size++;
        several += size > 1;
        in_them += size > 1 ? size : 0;
    }
    printf("  %zu faces: %zu groups of two or more with %zu faces, %zu faces alone%s%s\n", j->n, several, in_them, groups - several, name ? "; named after " : "",
           name ? name : "");
}

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    df_gallery *gallery = NULL;
    df_error err;
    job j = {0};
    size_t groups;
    int code = cli_gallery_open(args, false, false, &engine, &gallery);
    if (code == CLI_OK) {
        df_status st = df_gallery_cluster(gallery, args->search.where, args->name, &args->opts, each, &j, &groups, &err);
        if (j.out_of_memory)
            code = cli_fail(CLI_FAILED, "out of memory");
        else if (st != DF_OK)
            code = cli_fail(cli_code(st, NULL, 0), "%s", err.message);
    }
    if (code == CLI_OK) {
        if (j.n)
            qsort(j.at, j.n, sizeof *j.at, by_group);
        if (args->json)
            print_json(&j);
        else if (!args->quiet)
            print(&j, groups, args->name);
    }
    free(j.at);
    cli_gallery_close(engine, gallery);
    return code;
}

static const cli_flag flags[] = {
    {"db", 0, CLI_TEXT, "G.db", offsetof(cli_args, db), 0, 0, "the gallery"},
    {"where", 0, CLI_TEXT, "COND", offsetof(cli_args, search.where), 0, 0, "which faces; unless told those without a name"},
    {"name", 0, CLI_TEXT, "NAME", offsetof(cli_args, name), 0, 0, "name the groups of two or more NAME-1, NAME-2, ..."},
    {0},
};

const cli_command cli_cluster = {"cluster", "--db G.db [--name NAME]", "faces of a gallery into groups of one person each; --json lists their ids", flags, true, 0, 0, "", run};
