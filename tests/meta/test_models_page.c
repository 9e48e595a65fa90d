/* docs/models.md tells of every recogniser what the catalogue has. */
#include "models/catalogue.h"
#include "test.h"

static char *page(void)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/docs/models.md", DF_SOURCE_DIR);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be read", path);
    char *text = calloc(1, 65536);
    CHECK(text != NULL);
    CHECK(fread(text, 1, 65535, f) < 65535);
    fclose(f);
    return text;
}

static void size_text(const df_weights *w, char *text, size_t room)
{
    if (w->info.bytes)
        snprintf(text, room, "%.1f", (double)w->info.bytes / 1e6);
    else
        snprintf(text, room, "about %.0f", (double)w->about / 1e6);
}

TEST(every_recogniser_has_its_row)
{
    char *text = page(), row[600], size[32];
    size_t n = 0, rows = 0;
    for (const df_recogniser *r; (r = df__recogniser_at(n)); n++) {
        const df_weights *w = df__weights_find(r->weights);
        CHECK(w != NULL);
        size_text(w, size, sizeof size);
        snprintf(row, sizeof row, "\n| %s | `%s` | %s | %d x %d | %d | %s | %s | %s | %s", r->name, w->info.file, size, r->width, r->height, r->dims,
                 w->info.licence, w->info.commercial ? "yes" : "no", r->chip, r->far[DF_ALIGN_POINTS].n ? "measured: " : "published: ");
        const char *at = strstr(text, row);
        size_t end = at ? strcspn(at + 1, "\n") - 1 : 0; /* of the bar that closes the row: before it stands a time */
        if (!at)
            fail_msg("docs/models.md lacks the row%s", row);
        while (end > 0 && at[end] != '|')
            end--;
        if (at && !(strtod(at + end + 1, NULL) > 0))
            fail_msg("docs/models.md has no time for %s", r->name);
    }
    for (char *at = strstr(text, "\n| model |"); at && (at = strchr(at + 1, '\n')) && at[1] == '|';)
        rows++;
    assert_int_equal(rows, n + 1); /* and the line under the head */
    free(text);
}

/* The thresholds at false accept rates that the page tells of are the catalogue's. */
TEST(the_false_accepts_are_those_of_the_catalogue)
{
    char *text = page(), want[80];
    for (int a = DF_ALIGN_POINTS; a <= DF_ALIGN_EYES; a++) {
        const df_far_curve *c = &df__recogniser_find("Dlib")->far[a];
        double at[3] = {0};
        for (size_t i = 0; i < c->n; i++)
            for (int k = 0; k < 3; k++)
                if (c->at[i].far == (const double[]){1e-2, 1e-3, 1e-4}[k])
                    at[k] = c->at[i].distance[DF_COSINE];
        snprintf(want, sizeof want, "| %.4f, %.4f, %.4f |", at[0], at[1], at[2]);
        if (!strstr(text, want))
            fail_msg("docs/models.md does not say %s for %s", want, df__align_name((df_align)a));
    }
    free(text);
}
