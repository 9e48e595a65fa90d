/* temp_dir.h - a folder of a test's own, inside that of its program (test_folder): both go at the end. */
#ifndef DF_TEST_TEMP_DIR_H
#define DF_TEST_TEMP_DIR_H

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

typedef struct temp_dir { char path[200]; } temp_dir;

static inline temp_dir temp_dir_new(void)
{
    temp_dir d;
    snprintf(d.path, sizeof d.path, "%s/XXXXXX", test_folder());
    if (!mkdtemp(d.path))
        fail_msg("no folder in %s", test_folder());
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

#endif
