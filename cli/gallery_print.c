/* gallery_print.c - what a search found, for people and as JSON. */
#include <math.h>
#include <stdio.h>

#include "gallery.h"
#include "print.h"

static int print_probe(const df_matches *matches, size_t i)
{
    const df_face *f = df_matches_probe(matches, i);
    size_t n = df_matches_count(matches, i), left = df_matches_left(matches, i);
    printf("  face %zu at %.0f,%.0f %.0fx%.0f: %zu of %zu\n", i + 1, (double)f->x, (double)f->y, (double)f->w, (double)f->h, n, left);
    if (df_matches_filter(matches, i))
        printf("  filter: %s: %zu of %zu faces, %.0f %%\n", df_matches_filter(matches, i), left, df_matches_searched(matches),
               100 * (double)left / (double)(df_matches_searched(matches) ? df_matches_searched(matches) : 1));
    if (n == 0)
        return CLI_OK;
    cli_table t;
    bool named = false; /* of a folder's photos nobody is */
    for (size_t k = 0; k < n; k++)
        named = named || df_matches_at(matches, i, k)->name;
    cli_table_start(&t, named ? "lrrl" : "rrl");
    if (named)
        cli_table_add(&t, CLI_BOLD, "name");
    cli_table_add(&t, CLI_BOLD, "distance");
    cli_table_add(&t, CLI_BOLD, "confidence");
    cli_table_add(&t, CLI_BOLD, "photo");
    for (size_t k = 0; k < n; k++) {
        const df_match *m = df_matches_at(matches, i, k);
        if (named)
            cli_table_add(&t, m->verified ? CLI_GREEN : CLI_PLAIN, "%s", m->name ? m->name : "-");
        cli_table_add(&t, !named && m->verified ? CLI_GREEN : CLI_PLAIN, "%.4f", m->distance);
        if (isnan(m->confidence))
            cli_table_add(&t, CLI_PLAIN, "%s", "");
        else
            cli_table_add(&t, CLI_PLAIN, "%.1f %%", m->confidence);
        cli_table_add(&t, CLI_PLAIN, "%s", m->path);
    }
    return cli_table_end(&t) ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

static void print_threshold(const df_matches *matches)
{
    const df_far_info *far = df_matches_far(matches);
    printf("  threshold %.4f", df_matches_threshold(matches));
    if (far)
        printf(": a stranger's search finds %.3g of %zu faces by mistake; from %llu pairs of people%s", far->expected, df_matches_searched(matches),
               (unsigned long long)far->pairs, far->extrapolated ? ", continued beyond what they can show" : "");
    putchar('\n');
}

static void print_index(const df_matches *matches)
{
    const df_index_used *used = df_matches_index(matches);
    if (!*used->why)
        return;
    printf("  index %s, %s: ", used->index, used->exact ? "exact" : "approximate");
    cli_print_safe(stdout, used->why);
    putchar('\n');
}

int cli_matches_print(const cli_args *args, const df_matches *matches)
{
    int code = CLI_OK;
    char *json = NULL;
    df_error err;
    if (args->json) {
        if (df_matches_json(matches, &json, &err) != DF_OK)
            return cli_fail(CLI_FAILED, "%s", err.message);
        puts(json);
        df_string_free(json);
    }
    for (size_t i = 0; !args->json && !args->quiet && code == CLI_OK && i < df_matches_probes(matches); i++)
        code = print_probe(matches, i);
    if (!args->json && !args->quiet) {
        print_threshold(matches);
        print_index(matches);
    }
    return code;
}
