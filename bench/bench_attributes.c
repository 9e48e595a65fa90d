/* bench_attributes.c - how often age, gender, emotion, race and liveness are right, and what they cost, as CSV: set,detector,measure,value,n.
 *
 *     bench_attributes DATA [light|deepface [THREADS [SET]]]     DATA holds utkface_dev, fairface_val_dev and fer2013_test_dev; SET: one alone
 *
 * Faces are found as users find them; where there is none, the whole photo is taken (--no-enforce). `skip` takes every photo whole. Classes are
 * mapped as docs/attributes.md says. The light family's head for race was fitted on these very photos of UTKFace and FairFace: how often it is right
 * about others tools/fit_race.py tells. Milliseconds are processor time of one thread, for the only face of a photo, its crops included and its
 * detection not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "csv.h"
#include "deepface.h"

enum { ADULT = 15, MOST_ROWS = 20000, SPEED_RUNS = 15 };

typedef struct person { char *path, *emotion, *age, *gender, *race; } person;

typedef struct tally { double sum; size_t n; } tally;

typedef struct set {
    const char *name;
    cli_csv     csv;
    person     *people;
    size_t      n;
    /* answers */
    tally       found, age, gender, emotion, race, known_race, real, by_emotion[DF_EMOTIONS], by_race[DF_RACES];
    size_t      photos_failed;
} set;

/* ---- labels ---- */

static char **column_of(person *p, const char *head)
{
    return strcmp(head, "image") == 0     ? &p->path
           : strcmp(head, "emotion") == 0 ? &p->emotion
           : strcmp(head, "age") == 0     ? &p->age
           : strcmp(head, "gender") == 0  ? &p->gender
           : strcmp(head, "race") == 0    ? &p->race
                                          : NULL;
}

static bool read_set(set *s, const char *data)
{
    char path[4096], *head[CLI_CSV_FIELDS], *row[CLI_CSV_FIELDS];
    snprintf(path, sizeof path, "%s/%s/labels.csv", data, s->name);
    if (!cli_csv_open(&s->csv, path))
        return fprintf(stderr, "%s\n", s->csv.why), false;
    int columns = cli_csv_next(&s->csv, head), fields;
    s->people = calloc(MOST_ROWS, sizeof *s->people);
    while (s->people && s->n < MOST_ROWS && (fields = cli_csv_next(&s->csv, row)) > 0) {
        person *p = &s->people[s->n++];
        for (int i = 0; i < fields && i < columns; i++) {
            char **at = column_of(p, head[i]);
            if (at)
                *at = row[i];
        }
        size_t size = strlen(data) + strlen(s->name) + strlen(p->path) + 3;
        char *full = malloc(size);
        if (!full)
            return false;
        snprintf(full, size, "%s/%s/%s", data, s->name, p->path);
        p->path = full;
    }
    return s->n > 0;
}

static void free_set(set *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->people[i].path);
    free(s->people);
    cli_csv_close(&s->csv);
}

/* "23", or FairFace's "20-29" and "more than 70". */
static void years_of(const char *text, double *from, double *to)
{
    char *end;
    bool open = strncmp(text, "more than ", 10) == 0;
    *from = strtod(open ? text + 10 : text, &end);
    *to = open ? 120 : *end == '-' ? strtod(end + 1, NULL) : *from;
}

static int place_of(unsigned which, const char *text)
{
    const char *label;
    for (int i = 0; (label = df_attribute_label(which, (size_t)i)); i++)
        if (strcmp(label, text) == 0)
            return i;
    return -1;
}

/* The sets' words to ours. `family` light: what it was not taught is "other". */
static int race_of(const char *text, bool light)
{
    static const struct { const char *word; int race; } words[] = {
        {"White", DF_RACE_WHITE}, {"Black", DF_RACE_BLACK}, {"Asian", DF_RACE_ASIAN}, {"East Asian", DF_RACE_ASIAN},
        {"Southeast Asian", DF_RACE_ASIAN}, {"Indian", DF_RACE_INDIAN}, {"Middle Eastern", DF_RACE_MIDDLE_EASTERN},
        {"Latino_Hispanic", DF_RACE_LATINO_HISPANIC}, {"Others", DF_RACE_OTHER}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, text) == 0)
            return light && (words[i].race == DF_RACE_MIDDLE_EASTERN || words[i].race == DF_RACE_LATINO_HISPANIC) ? DF_RACE_OTHER : words[i].race;
    return -1;
}

/* ---- one photo ---- */

static void count(tally *t, double v) { t->sum += v, t->n++; }

/* The largest face is the one that the label speaks of. */
static size_t largest(const df_results *r)
{
    size_t best = 0;
    for (size_t i = 1; i < df_results_count(r); i++) {
        const df_face *f = df_results_face(r, i), *g = df_results_face(r, best);
        if ((double)f->w * (double)f->h > (double)g->w * (double)g->h)
            best = i;
    }
    return best;
}

static void judge(set *s, const person *p, const df_attributes *a)
{
    double from = NAN, to = NAN;
    if (p->emotion) {
        int want = place_of(DF_WITH_EMOTION, p->emotion);
        count(&s->emotion, a->dominant_emotion == want);
        if (want >= 0)
            count(&s->by_emotion[want], a->dominant_emotion == want);
    }
    if (p->age) {
        years_of(p->age, &from, &to);
        double age = round((double)a->age);
        count(&s->age, age < from ? from - age : age > to ? age - to : 0);
    }
    if (p->gender && from >= (to > from ? 20 : ADULT)) /* of FairFace's bins those that begin at 20: 10-19 holds children too */
        count(&s->gender, a->dominant_gender == (p->gender[0] == 'M' ? DF_MAN : DF_WOMAN));
    if (p->race) {
        bool light = isnan(a->race[DF_RACE_MIDDLE_EASTERN]);
        int want = race_of(p->race, light);
        count(&s->race, a->dominant_race == want);
        count(&s->by_race[want], a->dominant_race == want);
        if (want != DF_RACE_OTHER)
            count(&s->known_race, a->dominant_race == want);
    }
    count(&s->real, a->is_real);
}

static bool each(void *user, size_t index, const df_results *r, const df_error *failed)
{
    set *s = user;
    if (failed) {
        s->photos_failed++;
        return fprintf(stderr, "%s\n", failed->message), true;
    }
    size_t i = largest(r);
    count(&s->found, df_results_face(r, i)->confidence > 0);
    judge(s, &s->people[index], df_results_attributes(r, i));
    return true;
}

/* ---- reports ---- */

static void row(const set *s, const char *detector, const char *measure, tally t, double scale)
{
    if (t.n)
        printf("%s,%s,%s,%.2f,%zu\n", s->name, detector, measure, scale * t.sum / (double)t.n, t.n);
}

static bool run_set(df_engine *engine, set *s, const char *detector, df_opts opts)
{
    df_error err;
    const char **paths = calloc(s->n, sizeof *paths);
    opts.detector = detector, opts.enforce = false;
    if (!paths)
        return false;
    for (size_t i = 0; i < s->n; i++)
        paths[i] = s->people[i].path;
    set fresh = {.name = s->name, .csv = s->csv, .people = s->people, .n = s->n};
    df_status st = df_process_many(engine, paths, s->n, DF_WITH_ATTRIBUTES | DF_WITH_LIVENESS, &opts, each, &fresh, &err);
    free(paths);
    if (st != DF_OK)
        return fprintf(stderr, "%s\n", err.message), false;
    char name[64];
    row(&fresh, detector, "faces found %", fresh.found, 100);
    row(&fresh, detector, "emotion %", fresh.emotion, 100);
    row(&fresh, detector, "age: years off", fresh.age, 1);
    row(&fresh, detector, "gender % of adults", fresh.gender, 100);
    row(&fresh, detector, "race %", fresh.race, 100);
    row(&fresh, detector, "race % without other", fresh.known_race, 100);
    row(&fresh, detector, "taken for real %", fresh.real, 100);
    for (size_t i = 0; i < DF_EMOTIONS; i++) {
        snprintf(name, sizeof name, "emotion %% of %s", df_attribute_label(DF_WITH_EMOTION, i));
        row(&fresh, detector, name, fresh.by_emotion[i], 100);
    }
    for (size_t i = 0; i < DF_RACES; i++) {
        snprintf(name, sizeof name, "race %% of %s", df_attribute_label(DF_WITH_RACE, i));
        row(&fresh, detector, name, fresh.by_race[i], 100);
    }
    fflush(stdout);
    return true;
}

/* What a network takes of one thread, least of several runs. */
static bool run_speed(const char *photo, df_opts opts)
{
    static const struct { unsigned want; const char *name; } parts[] = {
        {DF_WITH_QUALITY, "quality"}, {DF_WITH_EMOTION, "emotion"}, {DF_WITH_AGE | DF_WITH_GENDER, "age and gender"}, {DF_WITH_RACE, "race"},
        {DF_WITH_LIVENESS, "liveness"}, {DF_WITH_ATTRIBUTES | DF_WITH_LIVENESS | DF_WITH_QUALITY, "all of these"}};
    df_error err;
    df_engine *one = NULL;
    df_image *img = NULL;
    df_engine_opts eo = df_engine_opts_default();
    eo.threads = 1;
    opts.detector = "skip", opts.align = "none";
    bool ok = df_engine_new(&eo, &one, &err) == DF_OK && df_image_load(one, photo, &img, &err) == DF_OK;
    for (size_t i = 0; ok && i < sizeof parts / sizeof *parts; i++) {
        double least = INFINITY;
        for (int k = 0; ok && k < SPEED_RUNS; k++) {
            df_results *r = NULL;
            double begun = spent_ms();
            ok = df_process_image(one, img, parts[i].want, &opts, &r, &err) == DF_OK;
            least = fmin(least, spent_ms() - begun);
            df_results_free(r);
        }
        if (ok)
            printf("speed,%s,ms a face: %s,%.2f,%d\n", opts.detector, parts[i].name, least, SPEED_RUNS);
    }
    if (!ok)
        fprintf(stderr, "%s\n", err.message);
    df_image_free(img), df_engine_free(one);
    return ok;
}

int main(int argc, char **argv)
{
    set sets[] = {{.name = "fer2013_test_dev"}, {.name = "utkface_dev"}, {.name = "fairface_val_dev"}};
    df_engine *engine = NULL;
    df_error err;
    df_opts opts = df_opts_default();
    df_engine_opts eo = df_engine_opts_default();
    eo.threads = argc > 3 ? atoi(argv[3]) : 0;
    if (argc < 2 || (argc > 2 && df_opts_set(&opts, "attributes", argv[2], &err) != DF_OK))
        return fprintf(stderr, "usage: bench_attributes DATA [light|deepface [THREADS [SET]]]\n"), 2;
    if (df_engine_new(&eo, &engine, &err) != DF_OK)
        return fprintf(stderr, "%s\n", err.message), 1;
    bool ok = true;
    puts("set,detector,measure,value,n");
    for (size_t i = 0; i < sizeof sets / sizeof *sets && ok; i++) {
        if (argc > 4 && strcmp(argv[4], sets[i].name) != 0)
            continue;
        ok = read_set(&sets[i], argv[1]) && run_set(engine, &sets[i], "retinaface", opts) && run_set(engine, &sets[i], "skip", opts);
        if (ok && i == 1)
            ok = run_speed(sets[i].people[0].path, opts);
        free_set(&sets[i]);
    }
    df_engine_free(engine);
    return ok ? 0 : 1;
}
