/* print.c - colours, bars and tables on standard output. */
#include "print.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static bool utf8, colours;

void cli_print_start(void)
{
    setlocale(LC_CTYPE, ""); /* not LC_NUMERIC: numbers are read and written with a point everywhere */
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    colours = isatty(STDOUT_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

bool cli_print_utf8(void) { return utf8; }

static const char *start_of(cli_colour colour)
{
    static const char *const codes[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[33m"};
    return colours ? codes[colour] : "";
}

static const char *end_of(cli_colour colour) { return colours && colour != CLI_PLAIN ? "\033[0m" : ""; }

void cli_print_coloured(cli_colour colour, const char *text) { printf("%s%s%s", start_of(colour), text, end_of(colour)); }

void cli_print_safe(FILE *to, const char *text)
{
    char *safe = cli_safe(text);
    fputs(safe ? safe : "(out of memory)", to);
    free(safe);
}

void cli_distance_bar(double distance, double threshold, size_t width, char *out, size_t size)
{
    const char *full = utf8 ? "\xE2\x94\x81" : "=", *empty = utf8 ? "\xE2\x94\x80" : "-", *mark = utf8 ? "\xE2\x94\x82" : "|";
    double part = threshold > 0 ? distance / (2 * threshold) : 1;
    size_t filled = part >= 1 ? width : part > 0 ? (size_t)(part * (double)width + 0.5) : 0;
    out[0] = '\0';
    for (size_t i = 0, at = 0; i < width; i++) {
        const char *sign = i == width / 2 ? mark : i < filled ? full : empty;
        size_t len = strlen(sign);
        if (at + len + 1 > size)
            return;
        memcpy(out + at, sign, len + 1);
        at += len;
    }
}

/* ---- tables ---- */

void cli_table_start(cli_table *t, const char *align) { *t = (cli_table){.columns = strlen(align), .align = align}; }

void cli_table_add(cli_table *t, cli_colour colour, const char *format, ...)
{
    char short_text[256], *text = short_text;
    va_list args;
    if (t->failed)
        return;
    va_start(args, format);
    int len = vsnprintf(short_text, sizeof short_text, format, args);
    va_end(args);
    if (len >= (int)sizeof short_text) {
        text = malloc((size_t)len + 1);
        if (text) {
            va_start(args, format);
            vsnprintf(text, (size_t)len + 1, format, args);
            va_end(args);
        }
    }
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        cli_cell *more = realloc(t->cells, cap * sizeof *more);
        t->failed = !more;
        if (more)
            t->cells = more, t->cap = cap;
    }
    char *safe = len >= 0 && text && !t->failed ? cli_safe(text) : NULL;
    if (safe)
        t->cells[t->n++] = (cli_cell){safe, colour};
    else
        t->failed = true;
    if (text != short_text)
        free(text);
}

typedef struct frame { const char *left, *cross, *right; } frame;

static void print_rule(const size_t *widths, size_t n, frame f)
{
    printf("  %s", f.left);
    for (size_t c = 0; c < n; c++) {
        for (size_t i = 0; i < widths[c] + 2; i++)
            fputs(utf8 ? "\xE2\x94\x80" : "-", stdout);
        fputs(c + 1 < n ? f.cross : f.right, stdout);
    }
    putchar('\n');
}

static void print_row(const cli_table *t, const cli_cell *row, const size_t *widths)
{
    const char *bar = utf8 ? "\xE2\x94\x82" : "|";
    printf("  %s", bar);
    for (size_t c = 0; c < t->columns; c++) {
        int pad = (int)(widths[c] - cli_width(row[c].text));
        cli_colour colour = row == t->cells ? CLI_BOLD : row[c].colour;
        bool right = t->align[c] == 'r';
        printf(" %*s%s%s%s%*s %s", right ? pad : 0, "", start_of(colour), row[c].text, end_of(colour), right ? 0 : pad, "", bar);
    }
    putchar('\n');
}

void cli_table_drop(cli_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->cells[i].text);
    free(t->cells);
    *t = (cli_table){0};
}

bool cli_table_end(cli_table *t)
{
    static const frame lines[] = {{"\xE2\x94\x8C", "\xE2\x94\xAC", "\xE2\x94\x90"},
                                  {"\xE2\x94\x9C", "\xE2\x94\xBC", "\xE2\x94\xA4"},
                                  {"\xE2\x94\x94", "\xE2\x94\xB4", "\xE2\x94\x98"}};
    static const frame plain = {"+", "+", "+"};
    size_t rows = t->n / t->columns, *widths = calloc(t->columns, sizeof *widths);
    bool ok = !t->failed && widths;
    for (size_t i = 0; ok && i < rows * t->columns; i++) {
        size_t w = cli_width(t->cells[i].text);
        if (w > widths[i % t->columns])
            widths[i % t->columns] = w;
    }
    for (size_t r = 0; ok && r < rows; r++) {
        if (r < 2)
            print_rule(widths, t->columns, utf8 ? lines[r] : plain);
        print_row(t, t->cells + r * t->columns, widths);
    }
    if (ok && rows)
        print_rule(widths, t->columns, utf8 ? lines[2] : plain);
    free(widths);
    cli_table_drop(t);
    return ok;
}
