/* pairs_report.c - what `verify --pairs` found: OUT.csv, the table, the summary, JSON. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "out.h"
#include "pairs.h"
#include "print.h"
#include "text.h"

enum { NAMED = 10, BAR = 20 }; /* photos named in the summary; columns of a bar */

static const char *error_of(const cli_pair_list *l, const cli_pair *p)
{
    const char *first = l->photos[p->photo[0]].error;
    return first ? first : l->photos[p->photo[1]].error;
}

/* ---- OUT.csv ---- */

static void csv_text(FILE *to, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text++)
        fputs(*text == '"' ? "\"\"" : (const char[]){*text, '\0'}, to);
    fputc('"', to);
}

static void csv_rows(const cli_pair_list *l, FILE *to)
{
    fputs("img1,img2,distance,verified,same,error\n", to);
    for (size_t i = 0; i < l->n; i++) {
        const cli_pair *p = &l->pairs[i];
        csv_text(to, p->name[0]);
        fputc(',', to);
        csv_text(to, p->name[1]);
        if (isnan(p->distance))
            fputs(",,", to);
        else
            fprintf(to, ",%.9g,%d", p->distance, p->distance <= l->threshold);
        fputs(p->same < 0 ? ",," : p->same ? ",1," : ",0,", to);
        if (isnan(p->distance))
            csv_text(to, error_of(l, p));
        fputc('\n', to);
    }
}

static int cannot_write(const char *path, int why) { return cli_fail(CLI_FAILED, "cannot write %s: %s", path, strerror(why)); }

int cli_pairs_write(const cli_pair_list *l, const char *path)
{
    cli_out out;
    if (strcmp(path, "-") == 0) {
        csv_rows(l, stdout);
        return CLI_OK;
    }
    if (!cli_out_begin(&out, path))
        return cli_fail(CLI_FAILED, "out of memory");
    FILE *to = fopen(out.at, "w");
    int why = to ? 0 : errno;
    if (to) {
        csv_rows(l, to);
        bool failed = fflush(to) != 0 || ferror(to);
        why = failed ? errno : 0;
        if (fclose(to) != 0 && !why)
            why = errno;
    }
    why = cli_out_end(&out, why);
    return why ? cannot_write(path, why) : CLI_OK;
}

/* ---- for people ---- */

int cli_pairs_table(const cli_pair_list *l)
{
    char bar[3 * BAR + 1];
    cli_table t;
    cli_table_start(&t, "llrll");
    cli_table_add(&t, CLI_BOLD, "photo");
    cli_table_add(&t, CLI_BOLD, "photo");
    cli_table_add(&t, CLI_BOLD, "distance");
    cli_table_add(&t, CLI_BOLD, "0%*s%.3g", BAR / 2 - 4, "", l->threshold);
    cli_table_add(&t, CLI_BOLD, "verdict");
    for (size_t i = 0; i < l->n; i++) {
        const cli_pair *p = &l->pairs[i];
        bool same = p->distance <= l->threshold, known = p->same >= 0, right = known && same == (p->same == 1);
        cli_colour colour = same ? CLI_GREEN : CLI_RED;
        cli_table_add(&t, CLI_PLAIN, "%s", p->name[0]);
        cli_table_add(&t, CLI_PLAIN, "%s", p->name[1]);
        if (isnan(p->distance)) {
            cli_table_add(&t, CLI_PLAIN, "-");
            cli_table_add(&t, CLI_PLAIN, "%s", "");
            cli_table_add(&t, CLI_YELLOW, "%s", error_of(l, p));
            continue;
        }
        cli_distance_bar(p->distance, l->threshold, BAR, bar, sizeof bar);
        cli_table_add(&t, CLI_PLAIN, "%.4f", p->distance);
        cli_table_add(&t, colour, "%s", bar);
        cli_table_add(&t, colour, "%s%s%s", cli_print_utf8() ? (same ? "\xE2\x9C\x94 " : "\xE2\x9C\x98 ") : "", same ? "same person" : "different people",
                      known && !right ? " (wrong)" : "");
    }
    return cli_table_end(&t) ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

static void name_photos(const cli_pair_list *l, bool no_face, size_t n, FILE *to)
{
    size_t named = 0;
    if (n == 0)
        return;
    fprintf(to, "\n  %s: %zu photo%s\n", no_face ? "without a face" : "not read", n, n == 1 ? "" : "s");
    for (size_t i = 0; i < l->n_photos && named < NAMED; i++) {
        const cli_photo *p = &l->photos[i];
        if (!p->error || (p->status == DF_E_NO_FACE) != no_face)
            continue;
        fputs("    ", to);
        cli_print_safe(to, p->name);
        if (!no_face) {
            fputs("  ", to);
            cli_print_safe(to, p->error);
        }
        fputc('\n', to);
        named++;
    }
    if (n > named)
        fprintf(to, "    and %zu more\n", n - named);
}

/* False, and nothing printed, for what is not known. */
static bool percent(FILE *to, const char *name, double share)
{
    if (!isnan(share))
        fprintf(to, "  %-14s %6.2f %%", name, 100 * share);
    return !isnan(share);
}

/* How well the distances tell same from different, as far as there are pairs to say. */
static void quality(const cli_stats *s, double threshold, FILE *to)
{
    if (s->pairs)
        fputc('\n', to);
    if (percent(to, "accuracy", s->accuracy))
        fprintf(to, "   at the threshold %.4f\n", threshold);
    if (percent(to, "at the best", s->best_accuracy))
        fprintf(to, "   at %.4f\n", s->best_threshold);
    if (percent(to, "ten folds", s->folds_accuracy))
        fprintf(to, "   +- %.2f\n", 100 * s->folds_spread);
    if (percent(to, "TAR", s->tar_1e2))
        fputs("   at FAR 1e-2\n", to);
    if (percent(to, "TAR", s->tar_1e3))
        fputs("   at FAR 1e-3\n", to);
    if (percent(to, "EER", s->eer))
        fprintf(to, "   AUC %.5f\n", s->auc);
}

void cli_pairs_report(const cli_pair_list *l, const cli_args *args, FILE *to)
{
    const df_opts *o = &args->opts;
    fprintf(to, "\n  %zu pairs of %zu photos, %.1f photos/s; %zu compared, %zu verified\n", l->n, l->n_photos,
            (double)l->n_photos / fmax(l->seconds, 1e-9), l->compared, l->verified);
    fprintf(to, "  %s, %s, align %s, %s, threshold %.4f\n", o->model, o->detector, o->align, o->metric, l->threshold);
    if (!args->table)
        quality(&l->stats, l->threshold, to);
    name_photos(l, true, l->no_face, to);
    name_photos(l, false, l->unreadable, to);
    fputc('\n', to);
}

/* ---- JSON ---- */

static void number(const char *name, double v)
{
    if (isnan(v))
        printf("\"%s\": null, ", name);
    else
        printf("\"%s\": %.9g, ", name, v);
}

static void json_names(const cli_pair_list *l, const char *name, bool no_face)
{
    bool first = true;
    printf("\"%s\": [", name);
    for (size_t i = 0; i < l->n_photos; i++) {
        const cli_photo *p = &l->photos[i];
        if (!p->error || (p->status == DF_E_NO_FACE) != no_face)
            continue;
        fputs(first ? "" : ", ", stdout);
        cli_json_text(stdout, p->name);
        first = false;
    }
    putchar(']');
}

void cli_pairs_json(const cli_pair_list *l)
{
    const cli_stats *s = &l->stats;
    printf("{\"pairs\": %zu, \"photos\": %zu, \"compared\": %zu, \"labelled\": %zu, \"verified\": %zu, ", l->n, l->n_photos, l->compared,
           s->pairs, l->verified);
    number("accuracy", s->accuracy);
    number("threshold", l->threshold);
    number("best_accuracy", s->best_accuracy);
    number("best_threshold", s->best_threshold);
    number("folds_accuracy", s->folds_accuracy);
    number("folds_standard_error", s->folds_spread);
    number("tar_at_far_1e-2", s->tar_1e2);
    number("tar_at_far_1e-3", s->tar_1e3);
    number("eer", s->eer);
    number("auc", s->auc);
    number("photos_per_s", (double)l->n_photos / fmax(l->seconds, 1e-9));
    printf("\"no_face\": %zu, \"unreadable\": %zu, ", l->no_face, l->unreadable);
    json_names(l, "no_face_photos", true);
    fputs(", ", stdout);
    json_names(l, "unreadable_photos", false);
    puts("}");
}
