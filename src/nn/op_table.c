/* op_table.c - every operator of ONNX that the engine runs, in the order of the alphabet; docs/operators.md is made from it by
 * tests/meta/test_operators_page.c. A row: name; the first operator set that has it, the last (0: none); types that input 0 may have; what the
 * passes do with it. */
#include <stdlib.h>
#include <string.h>

#include "nn/op.h"

#define DF_TYPE(t) (1u << DF_##t)
#define FLOAT32 DF_TYPE(F32) /* also what float16 and bfloat16 are held as */
#define FLOATS (FLOAT32 | DF_TYPE(F64))
#define BYTES (DF_TYPE(U8) | DF_TYPE(I8))
#define WORDS (DF_TYPE(U16) | DF_TYPE(I16))
#define INDICES (DF_TYPE(I32) | DF_TYPE(I64))
#define INTEGERS (BYTES | WORDS | INDICES | DF_TYPE(U32) | DF_TYPE(U64))
#define NUMBERS (FLOATS | INTEGERS)
#define BOOLEAN DF_TYPE(BOOL)
#define ANY (NUMBERS | BOOLEAN)

/* clang-format off */
#define EACH_OP(X) \
    X(Abs, 1, 0, NUMBERS, "") \
    X(Acos, 7, 0, FLOATS, "") \
    X(Acosh, 9, 0, FLOATS, "") \
    X(Add, 1, 0, NUMBERS, "of a constant, or of a tensor: into the convolution or product before it") \
    X(AffineGrid, 20, 0, FLOATS, "") \
    X(And, 1, 0, BOOLEAN, "") \
    X(ArgMax, 1, 0, NUMBERS, "") \
    X(ArgMin, 1, 0, NUMBERS, "") \
    X(Asin, 7, 0, FLOATS, "") \
    X(Asinh, 9, 0, FLOATS, "") \
    X(Atan, 7, 0, FLOATS, "") \
    X(Atanh, 9, 0, FLOATS, "") \
    X(AveragePool, 1, 0, FLOATS, "") \
    X(BatchNormalization, 1, 0, FLOAT32, "into the convolution or product before it") \
    X(BitShift, 11, 0, INTEGERS, "") \
    X(BitwiseAnd, 18, 0, INTEGERS, "") \
    X(BitwiseNot, 18, 0, INTEGERS, "") \
    X(BitwiseOr, 18, 0, INTEGERS, "") \
    X(BitwiseXor, 18, 0, INTEGERS, "") \
    X(Cast, 1, 0, ANY, "") \
    X(CastLike, 15, 0, ANY, "") \
    X(Ceil, 1, 0, FLOATS, "") \
    X(Celu, 12, 0, FLOATS, "") \
    X(CenterCropPad, 18, 0, ANY, "") \
    X(Clip, 1, 0, NUMBERS, "into the convolution or product before it") \
    X(Col2Im, 18, 0, NUMBERS, "") \
    X(Compress, 9, 0, ANY, "") \
    X(Concat, 1, 0, ANY, "") \
    X(ConstantOfShape, 9, 0, INDICES, "") \
    X(Conv, 1, 0, FLOAT32, "takes in what may follow: BatchNormalization, factors, sums, activations") \
    X(ConvInteger, 10, 0, BYTES, "") \
    X(ConvTranspose, 1, 0, FLOAT32, "takes in what may follow: BatchNormalization, factors, activations") \
    X(Cos, 7, 0, FLOATS, "") \
    X(Cosh, 9, 0, FLOATS, "") \
    X(CumSum, 11, 0, NUMBERS, "") \
    X(DeformConv, 19, 0, FLOATS, "") \
    X(DepthToSpace, 1, 0, ANY, "") \
    X(DequantizeLinear, 10, 0, BYTES | WORDS | DF_TYPE(I32), "") \
    X(Det, 11, 0, FLOATS, "") \
    X(Div, 1, 0, NUMBERS, "by a constant: into the convolution or product before it") \
    X(Dropout, 1, 0, ANY, "dropped") \
    X(DynamicQuantizeLinear, 11, 0, FLOAT32, "") \
    X(Einsum, 12, 0, NUMBERS, "") \
    X(Elu, 1, 0, FLOATS, "into the convolution or product before it") \
    X(Equal, 1, 0, ANY, "") \
    X(Erf, 9, 0, FLOATS, "") \
    X(Exp, 1, 0, FLOATS, "") \
    X(Expand, 8, 0, ANY, "") \
    X(EyeLike, 9, 0, ANY, "") \
    X(Flatten, 1, 0, ANY, "") \
    X(Floor, 1, 0, FLOATS, "") \
    X(Gather, 1, 0, ANY, "") \
    X(GatherElements, 11, 0, ANY, "") \
    X(GatherND, 11, 0, ANY, "") \
    X(Gelu, 20, 0, FLOATS, "into the convolution or product before it") \
    X(Gemm, 1, 0, FLOAT32, "takes in what may follow: BatchNormalization, factors, activations") \
    X(GlobalAveragePool, 1, 0, FLOATS, "") \
    X(GlobalLpPool, 1, 0, FLOATS, "") \
    X(GlobalMaxPool, 1, 0, FLOATS, "") \
    X(Greater, 1, 0, ANY, "") \
    X(GreaterOrEqual, 12, 0, ANY, "") \
    X(GridSample, 16, 0, FLOATS, "") \
    X(GroupNormalization, 18, 0, FLOAT32, "") \
    X(HardSigmoid, 1, 0, FLOATS, "into the convolution or product before it") \
    X(HardSwish, 14, 0, FLOATS, "into the convolution or product before it") \
    X(Hardmax, 1, 0, FLOATS, "") \
    X(Identity, 1, 0, ANY, "dropped") \
    X(InstanceNormalization, 1, 0, FLOAT32, "") \
    X(IsInf, 10, 0, FLOATS, "") \
    X(IsNaN, 9, 0, FLOATS, "") \
    X(LRN, 1, 0, FLOAT32, "") \
    X(LayerNormalization, 17, 0, FLOAT32, "") \
    X(LeakyRelu, 1, 0, FLOATS, "into the convolution or product before it") \
    X(Less, 1, 0, ANY, "") \
    X(LessOrEqual, 12, 0, ANY, "") \
    X(Log, 1, 0, FLOATS, "") \
    X(LogSoftmax, 1, 0, FLOATS, "") \
    X(LpNormalization, 1, 0, FLOAT32, "") \
    X(LpPool, 1, 0, FLOATS, "") \
    X(MatMul, 1, 0, NUMBERS, "takes in what may follow: BatchNormalization, factors, activations") \
    X(MatMulInteger, 10, 0, BYTES, "") \
    X(Max, 1, 0, NUMBERS, "") \
    X(MaxPool, 1, 0, FLOATS | BYTES, "") \
    X(MaxUnpool, 9, 0, FLOATS, "") \
    X(Mean, 1, 0, FLOATS, "") \
    X(MeanVarianceNormalization, 9, 0, FLOATS, "") \
    X(Min, 1, 0, NUMBERS, "") \
    X(Mish, 18, 0, FLOATS, "into the convolution or product before it") \
    X(Mod, 10, 0, NUMBERS, "") \
    X(Mul, 1, 0, NUMBERS, "by a constant, or by its own Sigmoid: into the convolution or product before it") \
    X(Neg, 1, 0, NUMBERS, "") \
    X(NonMaxSuppression, 10, 0, FLOAT32, "") \
    X(NonZero, 9, 0, ANY, "") \
    X(Not, 1, 0, BOOLEAN, "") \
    X(OneHot, 9, 0, NUMBERS, "") \
    X(Or, 1, 0, BOOLEAN, "") \
    X(PRelu, 1, 0, FLOATS, "into the convolution before it") \
    X(Pad, 1, 0, ANY, "") \
    X(Pow, 1, 0, NUMBERS, "") \
    X(QLinearConv, 10, 0, BYTES, "") \
    X(QLinearMatMul, 10, 0, BYTES, "") \
    X(QuantizeLinear, 10, 0, FLOAT32 | DF_TYPE(I32), "") \
    X(Range, 11, 0, NUMBERS, "") \
    X(Reciprocal, 1, 0, FLOATS, "") \
    X(ReduceL1, 1, 0, NUMBERS, "") \
    X(ReduceL2, 1, 0, NUMBERS, "") \
    X(ReduceLogSum, 1, 0, NUMBERS, "") \
    X(ReduceLogSumExp, 1, 0, NUMBERS, "") \
    X(ReduceMax, 1, 0, NUMBERS | BOOLEAN, "") \
    X(ReduceMean, 1, 0, NUMBERS, "") \
    X(ReduceMin, 1, 0, NUMBERS | BOOLEAN, "") \
    X(ReduceProd, 1, 0, NUMBERS, "") \
    X(ReduceSum, 1, 0, NUMBERS, "") \
    X(ReduceSumSquare, 1, 0, NUMBERS, "") \
    X(Relu, 1, 0, NUMBERS, "into the convolution or product before it") \
    X(Reshape, 1, 0, ANY, "") \
    X(Resize, 10, 0, FLOATS | BYTES | DF_TYPE(I32) | DF_TYPE(I64), "") \
    X(ReverseSequence, 10, 0, ANY, "") \
    X(RoiAlign, 10, 0, FLOATS, "") \
    X(Round, 11, 0, FLOATS, "") \
    X(Scatter, 9, 10, ANY, "") \
    X(ScatterElements, 11, 0, ANY, "") \
    X(ScatterND, 11, 0, ANY, "") \
    X(Selu, 1, 0, FLOATS, "") \
    X(Shape, 1, 0, ANY, "known as soon as the shapes are") \
    X(Shrink, 9, 0, NUMBERS, "") \
    X(Sigmoid, 1, 0, FLOATS, "into the convolution or product before it") \
    X(Sign, 9, 0, NUMBERS, "") \
    X(Sin, 7, 0, FLOATS, "") \
    X(Sinh, 9, 0, FLOATS, "") \
    X(Size, 1, 0, ANY, "known as soon as the shapes are") \
    X(Slice, 1, 0, ANY, "") \
    X(Softmax, 1, 0, FLOATS, "") \
    X(Softplus, 1, 0, FLOATS, "") \
    X(Softsign, 1, 0, FLOATS, "") \
    X(SpaceToDepth, 1, 0, ANY, "") \
    X(Split, 1, 0, ANY, "") \
    X(Sqrt, 1, 0, FLOATS, "") \
    X(Squeeze, 1, 0, ANY, "") \
    X(Sub, 1, 0, NUMBERS, "by a constant: into the convolution or product before it") \
    X(Sum, 1, 0, FLOATS, "") \
    X(Tan, 7, 0, FLOATS, "") \
    X(Tanh, 1, 0, FLOATS, "into the convolution or product before it") \
    X(ThresholdedRelu, 10, 0, FLOATS, "") \
    X(Tile, 1, 0, ANY, "") \
    X(TopK, 1, 0, NUMBERS, "") \
    X(Transpose, 1, 0, ANY, "between channels first and last: a view") \
    X(Trilu, 14, 0, ANY, "") \
    X(Unique, 11, 0, ANY, "") \
    X(Unsqueeze, 1, 0, ANY, "") \
    X(Upsample, 1, 9, FLOATS | BYTES | DF_TYPE(I32) | DF_TYPE(I64), "") \
    X(Where, 9, 0, BOOLEAN, "") \
    X(Xor, 1, 0, BOOLEAN, "")
/* clang-format on */

#define DECLARE(name, since, until, types, note) extern const df_op df__op_##name;
EACH_OP(DECLARE)
#define ROW(name, since, until, types, note) {&df__op_##name, since, until, types, note},
static const df_op_row table[] = {EACH_OP(ROW)};
enum { COUNT = sizeof table / sizeof *table };

static int compare(const void *name, const void *row) { return strcmp(name, ((const df_op_row *)row)->op->name); }

static const df_op_row *find(const char *name) { return bsearch(name, table, COUNT, sizeof *table, compare); }

const df_op *df__op_find(const char *domain, const char *name)
{
    if (domain[0] && strcmp(domain, "ai.onnx") != 0)
        return NULL;
    const df_op_row *found = find(name);
    return found ? found->op : NULL;
}

const df_op *df__op_at(size_t index) { return index < COUNT ? table[index].op : NULL; }

const df_op_row *df__op_row_at(size_t index) { return index < COUNT ? &table[index] : NULL; }

df_status df__op_infer(const df_op *op, df_call *call)
{
    const df_op_row *row = find(op->name);
    if (row && df__given(call, 0) && !(row->types >> call->in[0].type & 1))
        return df__call_fail(call, DF_E_UNSUPPORTED, "input 0 of type %s", df__dtype_name(call->in[0].type));
    return op->infer(call);
}
