/* said.h - all that a net says to its log. */
#ifndef DF_TEST_SAID_H
#define DF_TEST_SAID_H

#include <stdio.h>
#include <string.h>

#include "core/log.h"

static char said[16384];
static inline void hear(void *user, df_log_level level, const char *message)
{
    size_t at = strlen(said);
    (void)level, (void)user;
    snprintf(said + at, sizeof said - at, "%s\n", message);
}

static inline size_t said_times(const char *what)
{
    size_t n = 0;
    for (const char *p = said; (p = strstr(p, what)); p++)
        n++;
    return n;
}

#endif
