/* args.h - from argv to cli_args: flags of the command, flags of every command, options of the library's table. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "cli.h"

/* Flags of every command; ends with a NULL name. */
extern const cli_flag cli_common_flags[];

/* Read the arguments after the command's name. False when something is wrong: then it is told on standard error. */
bool cli_args_read(const cli_command *command, int argc, char **argv, cli_args *out);
void cli_args_free(cli_args *args);

/* Write "--name" of an option of the library's table, '-' for '_'. */
void cli_option_flag(const df_option_info *info, char *out, size_t size);

#endif
