/* gallery_print.c - what a search found, for people and as JSON. */
#include <math.h>
#include <stdio.h>

#include "gallery.h"
#include "photos.h"
#include "print.h"
#include "text.h"

static void number(const char *key, double value)
{
    if (isfinite(value))
        printf(", \"%s\": %.9g", key, value);
    else
        printf(", \"%s\": null", key);
}

static void match_json(const df_match *m)
{
    printf("{\"face\": %llu, \"name\": ", (unsigned long long)m->face);
    if (m->name)
        cli_json_text(stdout, m->name);
    else
        fputs("null", stdout);
    fputs(", \"identity\": ", stdout);
    cli_json_text(stdout, m->path);
    printf(", \"hash\": \"%s\", ", m->sha256);
    cli_face_json(&m->target);
    number("distance", m->distance);
    number("similarity_confidence", round(m->confidence * 100) / 100);
    printf(", \"verified\": %s}", m->verified ? "true" : "false");
}

static void print_json(const df_matches *matches)
{
    printf("{\"threshold\": %.9g, \"searched\": %zu, \"probes\": [", df_matches_threshold(matches), df_matches_searched(matches));
    for (size_t i = 0; i < df_matches_probes(matches); i++) {
        fputs(i ? ", {" : "{", stdout);
        cli_face_json(df_matches_probe(matches, i));
        fputs(", \"matches\": [", stdout);
        for (size_t k = 0; k < df_matches_count(matches, i); k++) {
            fputs(k ? ", " : "", stdout);
            match_json(df_matches_at(matches, i, k));
        }
        fputs("]}", stdout);
    }
    puts("]}");
}

static int print_probe(const df_matches *matches, size_t i)
{
    const df_face *f = df_matches_probe(matches, i);
    size_t n = df_matches_count(matches, i);
    printf("  face %zu at %.0f,%.0f %.0fx%.0f: %zu of %zu\n", i + 1, (double)f->x, (double)f->y, (double)f->w, (double)f->h, n, df_matches_searched(matches));
    if (n == 0)
        return CLI_OK;
    cli_table t;
    cli_table_start(&t, "lrrl");
    cli_table_add(&t, CLI_BOLD, "name");
    cli_table_add(&t, CLI_BOLD, "distance");
    cli_table_add(&t, CLI_BOLD, "confidence");
    cli_table_add(&t, CLI_BOLD, "photo");
    for (size_t k = 0; k < n; k++) {
        const df_match *m = df_matches_at(matches, i, k);
        cli_table_add(&t, m->verified ? CLI_GREEN : CLI_PLAIN, "%s", m->name ? m->name : "-");
        cli_table_add(&t, CLI_PLAIN, "%.4f", m->distance);
        cli_table_add(&t, CLI_PLAIN, isnan(m->confidence) ? "" : "%.1f %%", m->confidence);
        cli_table_add(&t, CLI_PLAIN, "%s", m->path);
    }
    return cli_table_end(&t) ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

int cli_matches_print(const cli_args *args, const df_matches *matches)
{
    int code = CLI_OK;
    if (args->json)
        print_json(matches);
    for (size_t i = 0; !args->json && !args->quiet && code == CLI_OK && i < df_matches_probes(matches); i++)
        code = print_probe(matches, i);
    if (!args->json && !args->quiet)
        printf("  threshold %.4f\n", df_matches_threshold(matches));
    return code;
}
