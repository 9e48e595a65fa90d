/* The catalogue, the table that set-up fetches by (tools/weights/table.tsv) and docs/weights.md tell the same about every weight file. */
#include <strings.h>

#include "models/catalogue.h"
#include "test.h"

enum { NAME, FILE_NAME, PLACE, BYTES, SHA256, PACKAGE, MEMBER, LICENCE, COMMERCIAL, GROUP, COLUMNS };
enum { VERSION = 1, ROWS = 64 };

typedef struct table { char *text, *cell[ROWS][COLUMNS]; size_t rows; } table;

static char *read_text(const char *path)
{
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", DF_SOURCE_DIR, path);
    FILE *f = fopen(full, "rb");
    if (!f) fail_msg("%s: cannot be read", full);
    char *text = calloc(1, 65536);
    CHECK(text != NULL);
    CHECK(fread(text, 1, 65535, f) < 65535);
    fclose(f);
    return text;
}

/* Rows under the line of column names; comments left out. */
static table read_table(const char *path)
{
    table t = {.text = read_text(path)};
    bool named = false;
    for (char *line = t.text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        if (*line == '#' || !*line) continue;
        if (!named) {
            named = true;
            continue;
        }
        CHECK(t.rows < ROWS);
        for (size_t column = 0; column < COLUMNS && line; column++) {
            t.cell[t.rows][column] = line;
            line = strchr(line, '\t');
            if (line) *line++ = 0;
        }
        t.rows++;
    }
    CHECK(t.rows > 0);
    return t;
}

static char **find(table *t, const char *name)
{
    for (size_t i = 0; i < t->rows; i++)
        if (strcmp(t->cell[i][NAME], name) == 0) return t->cell[i];
    fail_msg("no row \"%s\"", name);
    return NULL;
}

/* In no package registry: only its project's own address has it. */
static bool is_pulled(const df_weights *w)
{
    char get[96];
    snprintf(get, sizeof get, "deepface models pull %s", w->info.name);
    return strcmp(w->info.get, get) == 0;
}

TEST(what_is_to_be_pulled_has_an_address)
{
    size_t pulled = 0;
    for (size_t i = 0; df__weights_at(i); i++) {
        const df_weights *w = df__weights_at(i);
        for (size_t k = 0; w->urls[k]; k++)
            if (strncmp(w->urls[k], "https://", 8) != 0) fail_msg("%s: %s", w->info.name, w->urls[k]);
        if (!is_pulled(w)) continue;
        pulled++;
        if (!w->urls[0]) fail_msg("%s is to be pulled from nowhere", w->info.name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(df__weights_at(k)->info.file, w->info.file) == 0 || strcasecmp(df__weights_at(k)->info.name, w->info.name) == 0)
                fail_msg("%s is twice in the catalogue", w->info.name);
    }
    CHECK(pulled > 10);
}

TEST(every_file_of_the_catalogue_that_has_a_hash_can_be_fetched)
{
    table t = read_table("tools/weights/table.tsv");
    size_t n = 0;
    for (const df_weights *w; (w = df__weights_at(n)) != NULL; n++) {
        char get[64];
        if (!w->info.sha256[0] || is_pulled(w)) continue; /* its users bring it */
        char **row = find(&t, w->info.name);
        assert_string_equal(row[PLACE], "weights");
        assert_string_equal(row[FILE_NAME], w->info.file);
        assert_string_equal(row[SHA256], w->info.sha256);
        assert_string_equal(row[LICENCE], w->info.licence);
        assert_string_equal(row[COMMERCIAL], w->info.commercial ? "yes" : "no");
        assert_int_equal(strtoull(row[BYTES], NULL, 10), w->info.bytes);
        snprintf(get, sizeof get, strcmp(row[GROUP], "all") == 0 ? "make models" : "make weights-%s", row[GROUP]);
        assert_string_equal(w->info.get, get);
    }
    CHECK(n > 0);
    free(t.text);
}

TEST(the_page_of_weights_has_every_file_with_its_hash_and_licence)
{
    table files = read_table("tools/weights/table.tsv"), packages = read_table("tools/weights/packages.tsv");
    char *page = read_text("docs/weights.md"), line[1024];
    for (size_t i = 0; i < files.rows; i++) {
        char **f = files.cell[i];
        if (strcmp(f[PLACE], "weights") != 0) continue;
        snprintf(line, sizeof line, "| %s | `%s` | %s | %s | %s | %s %s | %s | `%s` |", f[NAME], f[FILE_NAME], f[BYTES], f[LICENCE],
                 f[COMMERCIAL], f[PACKAGE], find(&packages, f[PACKAGE])[VERSION], f[GROUP], f[SHA256]);
        if (!strstr(page, line)) fail_msg("docs/weights.md lacks the row\n%s", line);
    }
    free(page), free(files.text), free(packages.text);
}

TEST(the_page_of_weights_has_every_file_that_users_bring)
{
    char *page = read_text("docs/weights.md"), line[1024];
    for (size_t i = 0; df__weights_at(i); i++) {
        const df_model_info *m = &df__weights_at(i)->info;
        if (m->sha256[0] && !is_pulled(df__weights_at(i))) continue;
        snprintf(line, sizeof line, "| %s | `%s` | %s | %s |", m->name, m->file, m->licence, m->commercial ? "yes" : "no");
        if (!strstr(page, line)) fail_msg("docs/weights.md lacks the row\n%s", line);
    }
    free(page);
}
