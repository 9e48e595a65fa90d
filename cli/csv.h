/* csv.h - rows of a CSV file after RFC 4180: quotes, "" inside them, line ends \n and \r\n; a byte order mark is passed over. */
#ifndef CLI_CSV_H
#define CLI_CSV_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cli_csv {
    char  *text; /* malloc; fields point into it */
    size_t len, at, line;
    size_t row_line; /* where the last row began, from 1 */
    char   why[256]; /* what is wrong, when something is */
} cli_csv;

enum { CLI_CSV_FIELDS = 64 };

/* Read a file, "-" is standard input. False: csv->why tells. */
bool cli_csv_open(cli_csv *csv, const char *path);
/* The same of bytes; `text` is of malloc, has a NUL at [len] and is freed by cli_csv_close. */
bool cli_csv_take(cli_csv *csv, char *text, size_t len);
/* The next row's fields (they live until cli_csv_close); empty lines are passed over. Number of fields, 0 at the end, -1 for an
 * error in why. */
int  cli_csv_next(cli_csv *csv, char *fields[CLI_CSV_FIELDS]);
void cli_csv_close(cli_csv *csv);

#endif
