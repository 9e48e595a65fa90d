/* docs/operators.md is what op_table.c makes. After a change to the table: DF_WRITE=1 test_operators_page writes the page anew. */
#include "nn/op.h"
#include "test.h"

enum { ROOM = 1 << 17 };
typedef struct page { char text[ROOM]; size_t n; } page;

static void add(page *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(p->text + p->n, ROOM - p->n, format, args);
    va_end(args);
    CHECK(n >= 0 && (size_t)n < ROOM - p->n);
    p->n += (size_t)n;
}

static void add_types(page *p, unsigned types)
{
    static const df_dtype floats[] = {DF_F32, DF_F64}, integers[] = {DF_U8, DF_U16, DF_U32, DF_U64, DF_I8, DF_I16, DF_I32, DF_I64};
    static const char *const floating[] = {"f16 bf16 f32", "f64"}, *const whole[] = {"u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"};
    const char *between = "";
    unsigned all = 0;
    for (size_t i = 0; i < 2; i++)
        if (types >> floats[i] & 1) {
            add(p, "%s%s", between, floating[i]);
            between = " ";
        }
    for (size_t i = 0; i < 8; i++)
        all |= 1u << integers[i];
    for (size_t i = 0; i < 8; i++)
        if ((types & all) != all && types >> integers[i] & 1) {
            add(p, "%s%s", between, whole[i]);
            between = " ";
        }
    if ((types & all) == all) {
        add(p, "%sintegers", between);
        between = " ";
    }
    if (types >> DF_BOOL & 1)
        add(p, "%sbool", between);
}

static void add_notes(page *p, const df_op_row *row)
{
    const char *between = "";
    const struct { bool holds; const char *text; } derived[] = {
        {row->op->compile != NULL, "kernels chosen by trial"},
        {(row->op->flags & DF_OP_VIEW) != 0, "a view, no copy"},
        {(row->op->flags & DF_OP_CHANNELS_LAST) != 0, "in channels last"},
    };
    for (size_t i = 0; i < sizeof derived / sizeof *derived; i++)
        if (derived[i].holds) {
            add(p, "%s%s", between, derived[i].text);
            between = "; ";
        }
    if (row->op->needs) {
        const char *comma = "";
        add(p, "%splanned by the values of input ", between);
        for (int i = 0; i < 32; i++)
            if (row->op->needs >> i & 1) {
                add(p, "%s%d", comma, i);
                comma = ", ";
            }
        between = "; ";
    }
    if (row->note[0])
        add(p, "%s%s", between, row->note);
}

static void make_page(page *p)
{
    size_t rows = 0;
    while (df__op_row_at(rows))
        rows++;
    add(p, "# Operators of ONNX\n\n");
    add(p, "The engine runs these %zu operators of the domain `ai.onnx`, and `Constant`, `If`, `Loop` and `Scan` (since 9), in operator sets 7 to 22. This page is made from "
           "`src/nn/op_table.c` by `tests/meta/test_operators_page.c`, which fails when the two differ.\n\n", rows);
    add(p, "- *Since*: the operator set that brought the operator; where it was taken out again, the last one that has it.\n");
    add(p, "- *Types*: of the first input; others are named when a model is loaded. f16 and bf16 are computed as f32 and rounded where they leave "
           "the network. Strings, sequences, optionals, maps, complex numbers, float8 and 4-bit integers are not held.\n");
    add(p, "- Every operator folds: where all its inputs are known when a model is loaded or when the size of its input is, it is computed once. "
           "Where the values that a node is planned by are known in a run alone, the model runs step by step.\n");
    add(p, "- Training (a random `Dropout`, `BatchNormalization` that updates its statistics) is refused.\n\n");
    add(p, "| operator | since | types | notes |\n|---|---|---|---|\n");
    for (size_t i = 0; i < rows; i++) {
        const df_op_row *row = df__op_row_at(i);
        add(p, "| %s | %d", row->op->name, row->since);
        if (row->until)
            add(p, " to %d", row->until);
        add(p, " | ");
        add_types(p, row->types);
        add(p, " | ");
        add_notes(p, row);
        add(p, " |\n");
    }
}

TEST(the_page_of_operators_is_what_the_table_makes)
{
    static page made;
    static char there[ROOM];
    make_page(&made);
    const char *path = DF_SOURCE_DIR "/docs/operators.md";
    if (getenv("DF_WRITE")) {
        FILE *f = fopen(path, "wb");
        CHECK(f != NULL);
        CHECK(fwrite(made.text, 1, made.n, f) == made.n);
        CHECK(fclose(f) == 0);
    }
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s: cannot be read", path);
    size_t n = fread(there, 1, ROOM - 1, f);
    fclose(f);
    there[n] = 0;
    if (strcmp(there, made.text) != 0)
        fail_msg("%s is not what src/nn/op_table.c makes; DF_WRITE=1 test_operators_page writes it anew", path);
}
