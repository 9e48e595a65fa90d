/* out.h - a file that is written beside and gets its name when it is whole. Pipes and devices are written to as they are. */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stdbool.h>

typedef struct cli_out { const char *path; char *at; bool device; } cli_out;

/* o->at is what to write to. False: out of memory. */
bool cli_out_begin(cli_out *o, const char *path);
/* `why` is 0: it is whole and gets its name. Anything else: it goes, and what had the name stays. Returns why, or the errno of what failed here; once for
 * each begin. */
int cli_out_end(cli_out *o, int why);

#endif
