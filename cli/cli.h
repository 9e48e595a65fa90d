/* cli.h - what the commands of `deepface` share: exit codes, what was asked for, a command's row. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "deepface.h"

/* verify and every other command: 0 done (verify: same person), 2 no face or bad input, 3 anything else. */
enum { CLI_OK = 0, CLI_DIFFERENT = 1, CLI_BAD_INPUT = 2, CLI_FAILED = 3 };

/* The command line, read. Strings point into argv. */
typedef struct cli_args {
    df_opts        opts;
    df_engine_opts engine;
    bool           json, quiet, verbose, help; /* of every command */
    bool           table, markdown;
    bool           layers;
    int            runs, batch;
    const char    *db, *name, *meta; /* of galleries */
    df_search_opts search;
    bool           drop; /* of gallery index */
    const char    *out, *labels, *pairs, *root, *size, *input, *output;
    const char    *from;
    int            retries, stall;
    const char    *auto_by;        /* of search */
    const char    *actions, *with; /* of analyze; `with` of register and find too */
    const char   **paths; /* what is no flag */
    size_t         n;
} cli_args;

typedef enum cli_kind { CLI_SWITCH, CLI_TEXT, CLI_INT, CLI_SIZE, CLI_NUMBER } cli_kind;

/* A flag beside those of the library's option table. */
typedef struct cli_flag {
    const char *name; /* without --; NULL ends a table */
    char        letter;
    cli_kind    kind;
    const char *value; /* how help calls the value */
    size_t      offset; /* in cli_args */
    double      min, max;
    const char *help;
} cli_flag;

typedef struct cli_command {
    const char     *name, *usage, *help; /* usage: what follows the name */
    const cli_flag *flags;               /* NULL: none of its own */
    bool            pipeline;            /* takes the options of the pipeline */
    size_t          least, most;         /* arguments that are no flag */
    const char     *what;                /* what these are: "a photo" */
    int (*run)(const cli_args *args);
} cli_command;

extern const cli_command cli_verify, cli_extract, cli_represent, cli_draw, cli_detect, cli_stages, cli_models, cli_bench, cli_help,
    cli_find, cli_register, cli_search, cli_identify, cli_update, cli_delete, cli_cluster, cli_gallery,
    cli_analyze;
/* NULL past the last. */
const cli_command *cli_command_at(size_t index);
const cli_command *cli_command_find(const char *name);

/* What verify and identify tell people. */
void cli_verdict_print(const df_verify_result *r);
/* `verify --pairs`. */
int cli_pairs(const cli_args *args);
/* `bench model FILE.onnx`. */
int cli_bench_model(const cli_args *args);

/* `models pull`. */
int cli_models_pull(const cli_args *args);

/* One line on standard error, "deepface: ...", made safe; gives `code` back. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Exit code of a status that came of reading `paths`. */
int cli_code(df_status status, const char *const *paths, size_t n);
/* Both: tell why reading the photos failed. */
int cli_fail_reading(const df_error *err, const char *const *paths, size_t n);
/* Standard input can be read once: false, and told, when "-" is given twice. */
bool cli_one_stdin(const cli_args *args);
/* df_engine_opts.log: a line on standard error. */
void cli_tell(void *user, df_log_level level, const char *message);
/* The engine that the flags ask for; on failure 0 is not returned and it is told. */
int cli_engine(const cli_args *args, df_engine **out);

#endif
