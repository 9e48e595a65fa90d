/* main.c - `deepface`: finds the command, reads its arguments, runs it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "help.h"
#include "print.h"
#include "text.h"

static const cli_command *const commands[] = {&cli_verify, &cli_extract, &cli_represent, &cli_analyze, &cli_draw, &cli_detect, &cli_stages,
                                              &cli_find, &cli_register, &cli_search, &cli_identify, &cli_update, &cli_delete, &cli_cluster, &cli_gallery,
                                              &cli_models, &cli_bench,   &cli_help};

enum { COMMANDS = sizeof commands / sizeof *commands };

const cli_command *cli_command_at(size_t index) { return index < COMMANDS ? commands[index] : NULL; }

const cli_command *cli_command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* ---- what commands share ---- */

int cli_fail(int code, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fflush(stdout);
    fputs("deepface: ", stderr);
    cli_print_safe(stderr, text);
    fputc('\n', stderr);
    return code;
}

/* Can the photo be read? Pipes and devices are not tried again. */
static bool readable(const char *path)
{
    struct stat info;
    char byte;
    if (strcmp(path, "-") == 0)
        return false; /* it is used up: the failure is taken for its own */
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read(fd, &byte, 1) >= 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

int cli_code(df_status status, const char *const *paths, size_t n)
{
    switch (status) {
    case DF_OK:
        return CLI_OK;
    case DF_E_ARGUMENT:
    case DF_E_DECODE:
    case DF_E_NO_FACE:
    case DF_E_LIMIT:
    case DF_E_UNSUPPORTED:
    case DF_E_SPOOF:
        return CLI_BAD_INPUT;
    case DF_E_IO: /* of a photo, or of the weights when every photo can be read */
        for (size_t i = 0; i < n; i++)
            if (!readable(paths[i]))
                return CLI_BAD_INPUT;
        return CLI_FAILED;
    case DF_E_NO_MEMORY:
    case DF_E_NO_MODEL:
    case DF_E_STORE:
    case DF_E_BAD_MODEL:
    case DF_E_INTERNAL:
    case DF_E_STOPPED:
        break;
    }
    return CLI_FAILED;
}

int cli_fail_reading(const df_error *err, const char *const *paths, size_t n)
{
    return cli_fail(cli_code(err->status, paths, n), "%s", err->message);
}

bool cli_one_stdin(const cli_args *args)
{
    size_t times = 0;
    for (size_t i = 0; i < args->n; i++)
        times += strcmp(args->paths[i], "-") == 0;
    if (times > 1)
        cli_fail(CLI_BAD_INPUT, "standard input (-) can be read once, it is given %zu times", times);
    return times <= 1;
}

void cli_tell(void *user, df_log_level level, const char *message)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char line[1100];
    (void)user;
    char *safe = cli_safe(message);
    snprintf(line, sizeof line, "deepface: %s: %s\n", names[level], safe ? safe : "(out of memory)");
    fputs(line, stderr); /* one call: threads do not mix within a line */
    free(safe);
}

int cli_engine(const cli_args *args, df_engine **out)
{
    df_error err;
    df_engine_opts opts = args->engine;
    if (args->verbose)
        opts.log = cli_tell;
    df_status st = df_engine_new(&opts, out, &err);
    return st == DF_OK ? CLI_OK : cli_fail(cli_code(st, NULL, 0), "%s", err.message);
}

/* ---- main ---- */

/* A file opened later must not land on a closed standard stream; what is written there still fails. */
static void open_closed_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            _exit(CLI_FAILED);
}

static int no_such_command(const char *name)
{
    const char *best = NULL;
    for (size_t i = 0; i < COMMANDS; i++)
        if (cli_near(name, commands[i]->name) && (!best || cli_edits(name, commands[i]->name) < cli_edits(name, best)))
            best = commands[i]->name;
    if (best)
        return cli_fail(CLI_BAD_INPUT, "there is no command \"%s\"; did you mean %s?", name, best);
    return cli_fail(CLI_BAD_INPUT, "there is no command \"%s\"; see: deepface help", name);
}

static int run(int argc, char **argv)
{
    cli_args args;
    if (argc < 2) {
        cli_help_overview(stderr);
        return CLI_BAD_INPUT;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        printf("deepface %s\n", df_version());
        return CLI_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    const cli_command *command = cli_command_find(name);
    if (!command)
        return no_such_command(name);
    int code = CLI_BAD_INPUT;
    if (cli_args_read(command, argc - 2, argv + 2, &args)) {
        if (args.help) {
            cli_help_command(command);
            code = CLI_OK;
        } else {
            code = command->run(&args);
        }
    }
    cli_args_free(&args);
    return code;
}

int main(int argc, char **argv)
{
    open_closed_streams();
    cli_print_start();
    int code = run(argc, argv);
    bool lost = ferror(stdout) != 0; /* an earlier write failed; its reason is gone */
    errno = 0;
    if (fflush(stdout) == 0 && !lost)
        return code;
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (errno == EPIPE || (poll(&out, 1, 0) == 1 && out.revents & POLLERR))
        return CLI_FAILED; /* the reader has gone: nobody to tell */
    return cli_fail(CLI_FAILED, "cannot write to standard output%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
}
