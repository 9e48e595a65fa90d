/* progress.c - the bar. */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "print.h"

static const double every = 0.1; /* seconds between two drawings */

double cli_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void cli_progress_start(cli_progress *p, const char *what, size_t total, bool quiet)
{
    *p = (cli_progress){.what = what, .total = total, .begun = cli_now(), .shown = !quiet && isatty(STDERR_FILENO)};
}

static int columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* "12/30 photos", "12.0/30.0 MB", "12.0 MB". */
static int amount(const cli_progress *p, char *out, size_t size)
{
    if (!p->bytes)
        return snprintf(out, size, " %zu/%zu %s", p->done, p->total, p->what);
    if (p->total)
        return snprintf(out, size, " %.1f/%.1f MB %s", (double)p->done / 1e6, (double)p->total / 1e6, p->what);
    return snprintf(out, size, " %.1f MB %s", (double)p->done / 1e6, p->what);
}

static void draw(const cli_progress *p, double now)
{
    double rate = now > p->begun ? (double)(p->done - p->kept) / (now - p->begun) : 0;
    double left = rate > 0 && p->total > p->done ? (double)(p->total - p->done) / rate : 0;
    char text[160];
    int len = amount(p, text, sizeof text - 64);
    len += snprintf(text + len, sizeof text - (size_t)len, p->bytes ? "  %.1f MB/s" : "  %.1f/s", p->bytes ? rate / 1e6 : rate);
    if (p->total)
        len += snprintf(text + len, sizeof text - (size_t)len, "  %d:%02d left", (int)(left / 60), (int)left % 60);
    int room = columns() - len - 3, width = p->total == 0 ? 0 : room > 40 ? 40 : room;
    int filled = width > 0 ? (int)((double)width * (double)p->done / (double)p->total) : 0;
    fputs("\r  ", stderr);
    for (int i = 0; i < width; i++)
        fputs(cli_print_utf8() ? (i < filled ? "\xE2\x94\x81" : "\xE2\x94\x80") : (i < filled ? "#" : "."), stderr);
    fprintf(stderr, "%s\033[K", text);
    fflush(stderr);
}

void cli_progress_to(cli_progress *p, size_t done, size_t total)
{
    p->done = done;
    p->total = total;
    if (!p->shown)
        return;
    double now = cli_now();
    if (now - p->drawn < every && (p->done < p->total || p->total == 0))
        return;
    p->drawn = now;
    draw(p, now);
}

void cli_progress_step(cli_progress *p) { cli_progress_to(p, p->done + 1, p->total); }

void cli_progress_clear(cli_progress *p)
{
    if (p->shown && p->drawn > 0)
        fputs("\r\033[K", stderr);
    p->drawn = 0;
}

void cli_progress_end(cli_progress *p)
{
    cli_progress_clear(p);
    p->shown = false;
}
