/* out.c - see out.h. */
#include "out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool cli_out_begin(cli_out *o, const char *path)
{
    struct stat info;
    size_t size = strlen(path) + 32;
    *o = (cli_out){.path = path, .at = malloc(size), .device = stat(path, &info) == 0 && !S_ISREG(info.st_mode)};
    if (!o->at)
        return false;
    if (o->device)
        snprintf(o->at, size, "%s", path);
    else
        snprintf(o->at, size, "%s.%ld.part", path, (long)getpid());
    return true;
}

int cli_out_end(cli_out *o, int why)
{
    if (!why && !o->device && rename(o->at, o->path) != 0)
        why = errno;
    if (why && !o->device)
        unlink(o->at);
    free(o->at);
    return why;
}
