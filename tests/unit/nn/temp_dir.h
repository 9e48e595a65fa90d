/* temp_dir.h - a folder of the test's own, emptied and removed at its end. */
#ifndef DF_TEST_TEMP_DIR_H
#define DF_TEST_TEMP_DIR_H

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

typedef struct temp_dir { char path[64]; } temp_dir;

static inline temp_dir temp_dir_new(void)
{
    temp_dir d = {"/tmp/df_cache_XXXXXX"};
    if (!mkdtemp(d.path))
        fail_msg("no folder in /tmp");
    return d;
}

/* Of the last four calls. */
static inline const char *temp_path(const temp_dir *d, const char *name)
{
    static char paths[4][512];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", d->path, name);
    return p;
}

/* Names that hold `part`. */
static inline size_t temp_count(const char *path, const char *part)
{
    size_t n = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.' && strstr(e->d_name, part) != NULL;
    if (d)
        closedir(d);
    return n;
}

static inline void temp_remove(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char inner[4096];
        if (strlen(path) + strlen(e->d_name) + 2 > sizeof inner || strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        strcpy(inner, path);
        strcat(strcat(inner, "/"), e->d_name);
        if (unlink(inner) != 0)
            temp_remove(inner);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static inline void temp_dir_free(temp_dir *d) { temp_remove(d->path); }

#endif
