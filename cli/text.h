/* text.h - text as a terminal, a JSON reader or a person should see it. Paths and messages may hold any bytes. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The code point that text begins with, its bytes in *len (at least 1); -1 for a byte that is no UTF-8. */
int32_t cli_utf8(const char *text, size_t *len);

/* `text` with control characters, direction marks and bytes that are no UTF-8 spelled as \n, \x1b, \u202e; malloc, NULL when out of
 * memory. What it gives is one line and moves no cursor. */
char *cli_safe(const char *text);
/* Columns that safe text takes on a terminal. */
size_t cli_width(const char *safe);
/* Write `text` as a JSON string, quotes included; bytes that are no UTF-8 become U+FFFD. */
void cli_json_text(FILE *to, const char *text);

/* The last part of a path. */
const char *cli_file_name(const char *path);

/* How far two names are apart: edits by one letter, neighbours swapped counting as one. At most 63 letters of each are looked at. */
int cli_edits(const char *a, const char *b);
/* Is `name` close enough to `typed` to be what was meant? */
bool cli_near(const char *typed, const char *name);

#endif
