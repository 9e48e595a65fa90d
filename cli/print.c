/* print.c - colours and bars on standard output. */
#include "print.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

size_t cli_print_columns(void)
{
    struct winsize size;
    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : SIZE_MAX;
}

void cli_print_start_colour(cli_colour colour)
{
    static const char *const codes[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[33m"};
    fputs(colours ? codes[colour] : "", stdout);
}

void cli_print_end_colour(cli_colour colour) { fputs(colours && colour != CLI_PLAIN ? "\033[0m" : "", stdout); }

void cli_print_coloured(cli_colour colour, const char *text)
{
    cli_print_start_colour(colour);
    fputs(text, stdout);
    cli_print_end_colour(colour);
}

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
