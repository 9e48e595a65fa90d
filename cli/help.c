/* help.c - `deepface help`: for people, and as the tables of docs/cli.md (--markdown). */
#include "help.h"

#include <math.h>
#include <string.h>

#include "args.h"
#include "print.h"
#include "text.h"

/* ---- one option of the library's table in words ---- */

static void option_left(const df_option_info *info, char *out, size_t size)
{
    char flag[80];
    cli_option_flag(info, flag, sizeof flag);
    if (info->type == DF_OPTION_SWITCH)
        snprintf(out, size, "--[no-]%s", flag + 2);
    else
        snprintf(out, size, "%s %s", flag, info->type == DF_OPTION_CHOICE ? "NAME" : "N");
}

static void option_values(const df_option_info *info, char *out, size_t size)
{
    out[0] = '\0';
    if (info->type == DF_OPTION_CHOICE)
        for (size_t i = 0; info->choices[i]; i++) {
            size_t at = strlen(out);
            snprintf(out + at, size - at, "%s%s", i ? ", " : "", info->choices[i]);
        }
    if (info->file)
        snprintf(out + strlen(out), size - strlen(out), ", FILE%s", info->file);
    if (info->type == DF_OPTION_NUMBER || info->type == DF_OPTION_INTEGER)
        snprintf(out, size, info->min == floor(info->min) ? "%.0f..%.0f" : "%g..%g", info->min, info->max);
}

static void flag_left(const cli_flag *f, char *out, size_t size)
{
    char letter[] = {'-', f->letter, ',', ' ', '\0'};
    snprintf(out, size, "%s--%s%s%s", f->letter ? letter : "", f->name, f->value ? " " : "", f->value ? f->value : "");
}

/* ---- for people ---- */

enum { INDENT = 26, RIGHT = 98 };

/* Columns that the text may take: 98, or those of a narrower terminal. */
static int right_end(FILE *to)
{
    size_t columns = to == stdout ? cli_print_columns() : SIZE_MAX;
    return columns < RIGHT && columns > INDENT + 20 ? (int)columns - 1 : RIGHT;
}

/* A flag at the left, its text at the right, wrapped. */
static void print_entry(FILE *to, const char *left, const char *text)
{
    int at = fprintf(to, "  %-*s", INDENT - 2, left), end = right_end(to);
    bool first = true;
    while (*text) {
        int word = (int)strcspn(text, " ");
        if (at + word + 1 > end || (first && at > INDENT)) {
            fprintf(to, "\n%*s", INDENT, "");
            at = INDENT;
            first = true;
        }
        at += fprintf(to, "%s%.*s", first ? "" : " ", word, text);
        first = false;
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

static void print_flags(const cli_flag *flags)
{
    char left[96];
    for (const cli_flag *f = flags; f && f->name; f++) {
        flag_left(f, left, sizeof left);
        print_entry(stdout, left, f->help);
    }
}

void cli_help_overview(FILE *to)
{
    fprintf(to, "deepface %s - who is who on photos\n\nusage: deepface COMMAND [ARGUMENTS]\n\n", df_version());
    for (size_t i = 0; cli_command_at(i); i++)
        print_entry(to, cli_command_at(i)->name, cli_command_at(i)->help);
    fputs("\n  deepface help COMMAND     its flags\n  deepface --version\n\n"
          "  deepface verify a.jpg b.jpg && echo same person\n"
          "  deepface draw group.jpg -o marked.png\n",
          to);
}

/* A command's own flag takes the place of an option of the same name, as in args.c. */
static bool replaced(const cli_command *command, const char *flag)
{
    for (const cli_flag *f = command->flags; f && f->name; f++)
        if (strcmp(f->name, flag + 2) == 0)
            return true;
    return false;
}

void cli_help_command(const cli_command *command)
{
    char left[96], text[768], values[256];
    const df_option_info *info;
    printf("usage: deepface %s %s\n\n", command->name, command->usage);
    printf("%s%s\n", command->help, command->flags && command->flags->name ? "\n" : "");
    print_flags(command->flags);
    if (command->pipeline)
        puts("\nthe pipeline");
    for (size_t i = 0; command->pipeline && (info = df_option_at(i)); i++) {
        cli_option_flag(info, left, sizeof left);
        if (replaced(command, left))
            continue;
        option_left(info, left, sizeof left);
        option_values(info, values, sizeof values);
        snprintf(text, sizeof text, "%s (%s%s%s%s)", info->help, values, *values && *info->text ? "; " : "", *info->text ? "default " : "",
                 info->text);
        print_entry(stdout, left, text);
    }
    puts("\nevery command");
    print_flags(cli_common_flags);
}

/* ---- docs/cli.md ---- */

static void markdown_flags(const cli_flag *flags)
{
    char left[96];
    puts("| flag | |\n|---|---|");
    for (const cli_flag *f = flags; f->name; f++) {
        flag_left(f, left, sizeof left);
        printf("| `%s` | %s |\n", left, f->help);
    }
    putchar('\n');
}

/* In a table's cell a bar is spelled \\|. */
static void markdown_cell(const char *text)
{
    for (; *text; text++)
        fputs(*text == '|' ? "\\|" : (const char[]){*text, '\0'}, stdout);
}

static void markdown(void)
{
    char left[96], values[256];
    const df_option_info *info;
    puts("## Commands\n\n| command | |\n|---|---|");
    for (size_t i = 0; cli_command_at(i); i++) {
        printf("| `deepface %s ", cli_command_at(i)->name);
        markdown_cell(cli_command_at(i)->usage);
        printf("` | %s |\n", cli_command_at(i)->help);
    }
    putchar('\n');
    for (size_t i = 0; cli_command_at(i); i++)
        if (cli_command_at(i)->flags) {
            printf("### %s\n\n", cli_command_at(i)->name);
            markdown_flags(cli_command_at(i)->flags);
        }
    puts("## Flags of every command\n");
    markdown_flags(cli_common_flags);
    puts("## Flags of the pipeline\n\nOf every command that looks at photos.\n\n| flag | values | default | |\n|---|---|---|---|");
    for (size_t i = 0; (info = df_option_at(i)); i++) {
        option_left(info, left, sizeof left);
        option_values(info, values, sizeof values);
        printf("| `%s` | %s | %s | %s |\n", left, values, info->text, info->help);
    }
}

static int run(const cli_args *args)
{
    if (args->markdown) {
        markdown();
        return CLI_OK;
    }
    if (args->n == 0) {
        cli_help_overview(stdout);
        return CLI_OK;
    }
    const cli_command *command = cli_command_find(args->paths[0]);
    if (!command)
        return cli_fail(CLI_BAD_INPUT, "there is no command \"%s\"; see: deepface help", args->paths[0]);
    cli_help_command(command);
    return CLI_OK;
}

static const cli_flag flags[] = {
    {"markdown", 0, CLI_SWITCH, NULL, offsetof(cli_args, markdown), 0, 0, "the tables of docs/cli.md"},
    {0},
};

const cli_command cli_help = {"help", "[COMMAND]", "what the commands and their flags do", flags, false, 0, 1, "a command", run};
