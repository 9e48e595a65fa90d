/* print.h - what people read: colours, signs, bars and tables. Colour is used on a terminal alone, and not where NO_COLOR is set;
 * box characters where the locale's text is UTF-8. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum cli_colour { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_GREEN, CLI_RED, CLI_YELLOW } cli_colour;

/* Look at the locale, NO_COLOR and the terminal once, before anything is printed. */
void cli_print_start(void);
/* May stdout show box characters? */
bool cli_print_utf8(void);
/* Columns of the terminal that stdout is; SIZE_MAX where it is none. */
size_t cli_print_columns(void);
/* Everything between the two is in a colour, or as it is. */
void cli_print_start_colour(cli_colour colour);
void cli_print_end_colour(cli_colour colour);
/* `text` in a colour, or as it is; to stdout. */
void cli_print_coloured(cli_colour colour, const char *text);
/* printf, its text made safe for a terminal by cli_safe. */
void cli_print_safe(FILE *to, const char *text);

/* A distance on a line of `width` columns with the threshold in the middle: 0 at the left, twice the threshold at the right.
 * UTF-8 text of at most 3 * width bytes and the NUL. */
void cli_distance_bar(double distance, double threshold, size_t width, char *out, size_t size);

typedef struct cli_cell { char *text; cli_colour colour; } cli_cell;
typedef struct cli_table {
    size_t      columns, n, cap; /* n cells so far */
    size_t      most;   /* columns of the terminal that it may take */
    char        align[32]; /* a letter a column: l, r; L, R: left out where the terminal is too narrow */
    cli_cell   *cells;  /* row by row, the first is the head */
    bool        failed; /* out of memory: nothing is printed */
} cli_table;

/* `align` gives the number of columns, 31 at most. */
void cli_table_start(cli_table *t, const char *align);
/* The next cell, row by row; its text is made safe and copied. */
void cli_table_add(cli_table *t, cli_colour colour, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Print to stdout, not wider than the terminal if that can be, with a margin of two columns, and free. False when memory ran out. */
bool cli_table_end(cli_table *t);
/* Free without printing. */
void cli_table_drop(cli_table *t);

#endif
