/* op_table.c - every operator of ONNX that the engine runs, in the order of the alphabet. The list in docs/ is made from it. */
#include <stdlib.h>
#include <string.h>

#include "nn/op.h"

#define EACH_OP(X) \
    X(Abs) X(Acos) X(Acosh) X(Add) X(And) X(ArgMax) X(ArgMin) X(Asin) X(Asinh) X(Atan) X(Atanh) X(AveragePool) \
    X(BatchNormalization) X(BitShift) X(BitwiseAnd) X(BitwiseNot) X(BitwiseOr) X(BitwiseXor) X(Cast) X(CastLike) X(Ceil) X(Celu) \
    X(Clip) X(Concat) X(ConstantOfShape) X(Conv) X(ConvTranspose) X(Cos) X(Cosh) X(DepthToSpace) X(Div) X(Dropout) X(Elu) \
    X(Equal) X(Erf) X(Exp) X(Expand) X(Flatten) X(Floor) X(Gather) X(Gelu) X(Gemm) X(GlobalAveragePool) X(GlobalMaxPool) \
    X(Greater) X(GreaterOrEqual) X(GroupNormalization) X(HardSigmoid) X(HardSwish) X(Hardmax) X(Identity) \
    X(InstanceNormalization) X(IsInf) X(IsNaN) X(LRN) X(LayerNormalization) X(LeakyRelu) X(Less) X(LessOrEqual) X(Log) \
    X(LogSoftmax) X(LpNormalization) X(LpPool) X(MatMul) X(Max) X(MaxPool) X(Mean) X(Min) X(Mish) X(Mod) X(Mul) X(Neg) X(Not) \
    X(Or) X(PRelu) X(Pad) X(Pow) X(Range) X(Reciprocal) X(ReduceL1) X(ReduceL2) X(ReduceLogSum) X(ReduceLogSumExp) X(ReduceMax) \
    X(ReduceMean) X(ReduceMin) X(ReduceProd) X(ReduceSum) X(ReduceSumSquare) X(Relu) X(Reshape) X(Resize) X(Round) X(Selu) \
    X(Shape) X(Sigmoid) X(Sign) X(Sin) X(Sinh) X(Size) X(Slice) X(Softmax) X(Softplus) X(Softsign) X(SpaceToDepth) X(Split) \
    X(Sqrt) X(Squeeze) X(Sub) X(Sum) X(Tan) X(Tanh) X(ThresholdedRelu) X(Tile) X(Transpose) X(Unsqueeze) X(Upsample) X(Where) \
    X(Xor)

#define DECLARE(name) extern const df_op df__op_##name;
EACH_OP(DECLARE)
#define POINT(name) &df__op_##name,
static const df_op *const table[] = {EACH_OP(POINT)};
enum { COUNT = sizeof table / sizeof *table };

static int compare(const void *name, const void *row) { return strcmp(name, (*(const df_op *const *)row)->name); }

const df_op *df__op_find(const char *domain, const char *name)
{
    if (domain[0] && strcmp(domain, "ai.onnx") != 0)
        return NULL;
    const df_op *const *found = bsearch(name, table, COUNT, sizeof *table, compare);
    return found ? *found : NULL;
}

const df_op *df__op_at(size_t index) { return index < COUNT ? table[index] : NULL; }
