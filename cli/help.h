/* help.h - the help texts, made from the tables of commands, flags and the library's options. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli.h"

void cli_help_overview(FILE *to);
void cli_help_command(const cli_command *command);

#endif
