/* table.c - tables on standard output, as wide as the terminal lets them be: where a table is wider, the columns that can be done without
 * are left out, and then the text of the widest is broken at its words. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "text.h"

enum { MARGIN = 3, BETWEEN = 3 /* columns of the frame at both ends, and beside each cell */ };

void cli_table_start(cli_table *t, const char *align)
{
    *t = (cli_table){.most = cli_print_columns()};
    strncpy(t->align, align, sizeof t->align - 1);
    t->columns = strlen(t->align);
}

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

void cli_table_drop(cli_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->cells[i].text);
    free(t->cells);
    *t = (cli_table){0};
}

/* ---- how wide ---- */

typedef struct layout { size_t width, least; bool shown; } layout; /* of a column; least: its longest word */

static const char ends[] = " -_/"; /* behind these a cell may be broken */

static size_t letter_width(const char *at, size_t *len)
{
    char letter[8] = "";
    (void)cli_utf8(at, len);
    memcpy(letter, at, *len);
    return cli_width(letter);
}

/* Bytes of the line that `text` begins with, of at most `width` columns without the blank at its end. A longer word is cut anywhere. */
static size_t line_of(const char *text, size_t width)
{
    size_t columns = 0, best = 0;
    for (size_t at = 0, len; text[at]; at += len) {
        columns += letter_width(text + at, &len);
        if (columns > width && text[at] != ' ')
            return best ? best : at ? at : len;
        if (strchr(ends, text[at]))
            best = at + 1;
    }
    return strlen(text);
}

/* Of so many bytes of text, without the blank at the end. */
static size_t width_of(const char *text, size_t n)
{
    size_t width = 0;
    n -= n && text[n - 1] == ' ';
    for (size_t at = 0, len; at < n; at += len)
        width += letter_width(text + at, &len);
    return width;
}

static void measure(const cli_table *t, size_t rows, layout *l)
{
    for (size_t c = 0; c < t->columns; c++)
        l[c] = (layout){.shown = true};
    for (size_t i = 0; i < rows * t->columns; i++) {
        layout *of = &l[i % t->columns];
        const char *at = t->cells[i].text;
        size_t width = cli_width(at);
        of->width = width > of->width ? width : of->width;
        for (size_t n; *at; at += n) { /* word by word */
            n = strcspn(at, ends);
            n += at[n] != '\0';
            width = width_of(at, n);
            of->least = width > of->least ? width : of->least;
        }
    }
}

static size_t total(const cli_table *t, const layout *l)
{
    size_t sum = MARGIN;
    for (size_t c = 0; c < t->columns; c++)
        sum += l[c].shown ? l[c].width + BETWEEN : 0;
    return sum;
}

/* Make it fit; what still does not is wider than the terminal. */
static void fit(const cli_table *t, layout *l)
{
    bool narrow = total(t, l) > t->most;
    for (size_t c = 0; narrow && c < t->columns; c++)
        l[c].shown = t->align[c] != 'L' && t->align[c] != 'R';
    while (total(t, l) > t->most) {
        layout *widest = NULL;
        for (size_t c = 0; c < t->columns; c++)
            if (l[c].shown && l[c].width > l[c].least && (!widest || l[c].width >= widest->width))
                widest = &l[c];
        if (!widest)
            return;
        widest->width--;
    }
}

/* ---- drawing ---- */

typedef struct frame { const char *left, *cross, *right; } frame;

static void print_rule(const cli_table *t, const layout *l, frame f)
{
    const char *between = f.left;
    fputs("  ", stdout);
    for (size_t c = 0; c < t->columns; c++) {
        if (!l[c].shown)
            continue;
        fputs(between, stdout);
        for (size_t i = 0; i < l[c].width + 2; i++)
            fputs(cli_print_utf8() ? "\xE2\x94\x80" : "-", stdout);
        between = f.cross;
    }
    puts(f.right);
}

/* One line of a row; true while there is another. `at`: how far each cell is printed. */
static bool print_line(const cli_table *t, const cli_cell *row, const layout *l, size_t *at)
{
    const char *bar = cli_print_utf8() ? "\xE2\x94\x82" : "|";
    bool more = false;
    printf("  %s", bar);
    for (size_t c = 0; c < t->columns; c++) {
        if (!l[c].shown)
            continue;
        const char *text = row[c].text + at[c];
        size_t n = line_of(text, l[c].width), keep = n - (n && text[n - 1] == ' ');
        int pad = (int)(l[c].width - width_of(text, keep));
        bool right = t->align[c] == 'r' || t->align[c] == 'R';
        printf(" %*s", right ? pad : 0, "");
        cli_colour colour = keep == 0 ? CLI_PLAIN : row == t->cells ? CLI_BOLD : row[c].colour;
        cli_print_start_colour(colour);
        fwrite(text, 1, keep, stdout);
        cli_print_end_colour(colour);
        printf("%*s %s", right ? 0 : pad, "", bar);
        at[c] += n;
        more = more || row[c].text[at[c]];
    }
    putchar('\n');
    return more;
}

bool cli_table_end(cli_table *t)
{
    static const frame lines[] = {{"\xE2\x94\x8C", "\xE2\x94\xAC", "\xE2\x94\x90"},
                                  {"\xE2\x94\x9C", "\xE2\x94\xBC", "\xE2\x94\xA4"},
                                  {"\xE2\x94\x94", "\xE2\x94\xB4", "\xE2\x94\x98"}};
    static const frame plain = {"+", "+", "+"};
    size_t rows = t->n / t->columns, *at = calloc(t->columns, sizeof *at);
    layout *l = calloc(t->columns, sizeof *l);
    bool ok = !t->failed && l && at;
    if (ok) {
        measure(t, rows, l);
        fit(t, l);
    }
    for (size_t r = 0; ok && r < rows; r++) {
        if (r < 2)
            print_rule(t, l, cli_print_utf8() ? lines[r] : plain);
        memset(at, 0, t->columns * sizeof *at);
        while (print_line(t, t->cells + r * t->columns, l, at)) {}
    }
    if (ok && rows)
        print_rule(t, l, cli_print_utf8() ? lines[2] : plain);
    free(at);
    free(l);
    cli_table_drop(t);
    return ok;
}
