/* test_op_table.c - the table of operators is whole and in order. */
#include "nn/op.h"
#include "test.h"

TEST(rows_are_in_order_and_findable)
{
    size_t n = 0;
    for (; df__op_at(n); n++) {
        const df_op *op = df__op_at(n);
        assert_non_null(op->name);
        assert_non_null(op->infer);
        assert_non_null(op->run);
        if (n > 0)
            assert_true(strcmp(df__op_at(n - 1)->name, op->name) < 0);
        assert_ptr_equal(df__op_find("", op->name), op);
        assert_ptr_equal(df__op_find("ai.onnx", op->name), op);
        assert_null(df__op_find("com.example", op->name));
    }
    assert_true(n > 100);
    assert_null(df__op_find("", "NoSuchOperator"));
}
