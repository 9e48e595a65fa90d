/* What `make deps` installs (tools/setup/debian.txt) is what CMake looks for (cmake/Dependencies.cmake). */
#include "test.h"

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

/* Is `package` the first word of a line of the list? */
static bool listed(const char *list, const char *package)
{
    size_t n = strlen(package);
    for (const char *line = list; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, package, n) == 0 && (line[n] == ' ' || line[n] == '\t')) return true;
    }
    return false;
}

/* How many packages `format` (one %63 conversion) reads after each `mark`; each must be listed. */
static int check(const char *list, const char *cmake, const char *mark, const char *format)
{
    int found = 0;
    for (const char *at = cmake; (at = strstr(at, mark)) != NULL; at += strlen(mark)) {
        char package[64];
        if (sscanf(at, format, package) != 1 || *package == '$') continue;
        if (!listed(list, package)) fail_msg("%s is asked for by cmake/Dependencies.cmake, but is not in tools/setup/debian.txt", package);
        found++;
    }
    return found;
}

TEST(deps_installs_every_library_that_cmake_looks_for)
{
    char *list = read_text("tools/setup/debian.txt"), *cmake = read_text("cmake/Dependencies.cmake");
    CHECK(check(list, cmake, "\ndf_need(", "\ndf_need(%*s %*s %63[a-z0-9.+-]") > 0);
    CHECK(check(list, cmake, "  df_need(", "  df_need(%*s %*s %63[a-z0-9.+-]") > 0);
    CHECK(check(list, cmake, "\ndf_want_header(", "\ndf_want_header(%*s %*s %63[a-z0-9.+-]") > 0);
    CHECK(check(list, cmake, "apt-get install ", "apt-get install %63[a-z0-9.+-]") > 0);
    free(list), free(cmake);
}
