/* verify.c - `deepface verify`: are two photos of one person? Many pairs: pairs.c. */
#include <math.h>
#include <stdio.h>

#include "photos.h"
#include "print.h"

enum { BAR = 32 }; /* columns */

void cli_verdict_print(const df_verify_result *r)
{
    char bar[3 * BAR + 1];
    bool utf8 = cli_print_utf8();
    cli_colour colour = r->verified ? CLI_GREEN : CLI_RED;
    const char *sign = utf8 ? (r->verified ? "\xE2\x9C\x94 " : "\xE2\x9C\x98 ") : "";
    printf("\n  ");
    cli_print_coloured(colour, sign);
    cli_print_coloured(colour, r->verified ? "same person" : "different people");
    if (!isnan(r->confidence))
        printf("   confidence %.1f %%", r->confidence);
    cli_distance_bar(r->distance, r->threshold, BAR, bar, sizeof bar);
    printf("\n\n  distance   %-8.4f ", r->distance);
    cli_print_coloured(colour, bar);
    printf("  threshold %.4f\n", r->threshold);
    printf("  by         %s, %s, align %s, %s\n", r->model, r->detector, r->align, r->metric);
    printf("  time       %.0f ms\n\n", r->seconds * 1e3);
}

static int run(const cli_args *args)
{
    df_engine *engine = NULL;
    df_verify_result r;
    df_error err;
    if (args->pairs)
        return cli_pairs(args);
    if (args->n != 2)
        return cli_fail(CLI_BAD_INPUT, "verify needs two photos, %zu given: deepface %s %s", args->n, cli_verify.name, cli_verify.usage);
    if (args->root || args->out || args->table)
        return cli_fail(CLI_BAD_INPUT, "--%s belongs to --pairs", args->root ? "root" : args->out ? "out" : "table");
    if (!cli_one_stdin(args))
        return CLI_BAD_INPUT;
    int code = cli_engine(args, &engine);
    if (code != CLI_OK)
        return code;
    char *json = NULL;
    if (df_verify(engine, args->paths[0], args->paths[1], &args->opts, &r, &err) != DF_OK)
        code = cli_fail_reading(&err, args->paths, 2);
    else if (args->json && df_verify_result_json(&r, &json, &err) != DF_OK)
        code = cli_fail(CLI_FAILED, "%s", err.message);
    else
        code = r.verified ? CLI_OK : CLI_DIFFERENT;
    if (json)
        puts(json);
    else if (code <= CLI_DIFFERENT && !args->quiet)
        cli_verdict_print(&r);
    df_string_free(json);
    df_engine_free(engine);
    return code;
}

static const cli_flag flags[] = {
    {"pairs", 0, CLI_TEXT, "P.csv", offsetof(cli_args, pairs), 0, 0,
     "many pairs: columns img1, img2 and, where it is known, same (1 or 0); each photo is read once"},
    {"root", 0, CLI_TEXT, "DIR", offsetof(cli_args, root), 0, 0, "folder that the names in P.csv start from"},
    {"out", 0, CLI_TEXT, "OUT.csv", offsetof(cli_args, out), 0, 0, "write each pair's distance, verdict or error"},
    {"table", 0, CLI_SWITCH, NULL, offsetof(cli_args, table), 0, 0, "print each pair as a row of a table, in place of the accuracy"},
    {0},
};

const cli_command cli_verify = {"verify", "A B | --pairs P.csv [--root DIR] [--out OUT.csv]", "are two photos of one person? exit code 0 yes, 1 no",
                                flags, true, 0, SIZE_MAX, "two photos", run};
