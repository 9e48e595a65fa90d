/* progress.h - a bar on standard error with rate and time left; on a terminal alone. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cli_progress {
    const char *what; /* "photos" */
    size_t      total, done;
    double      begun, drawn; /* seconds */
    bool        shown;
    bool        bytes;        /* done and total are bytes; total 0: not known */
    size_t      kept;         /* of done, what an earlier run brought: no part of the rate */
} cli_progress;

/* Seconds of a clock that only goes forward. */
double cli_now(void);

void cli_progress_start(cli_progress *p, const char *what, size_t total, bool quiet);
/* One more is done. Not for two threads at once. */
void cli_progress_step(cli_progress *p);
/* So many are done, of a total that may have become known. */
void cli_progress_to(cli_progress *p, size_t done, size_t total);
/* Take the bar away for other output; the next step draws it again. */
void cli_progress_clear(cli_progress *p);
/* Take it away for good. */
void cli_progress_end(cli_progress *p);

#endif
