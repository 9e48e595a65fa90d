/* test_passes.c - what the passes, layouts and kernels make of a graph equals the graph run plainly, operator by operator. */
#include "pass_check.h"

TEST(batch_norm_and_activation_join_the_convolution)
{
    check("x 2,3,9,11", "const w 20,3,3,3\nconst b 20\nconst g 20\nconst h 20\nconst m 20\nconst v 20 positive\n"
                        "Conv x,w,b > a | pads:1,1,1,1 strides:2,2\nBatchNormalization a,g,h,m,v > c\nRelu c > y", "y", 1);
    check("x 1,5,8,8", "const w 7,5,1,1\nconst g 7\nconst h 7\nconst m 7\nconst v 7 positive\n"
                       "Conv x,w > a\nBatchNormalization a,g,h,m,v > c | epsilon:=0.01\nLeakyRelu c > y | alpha:=0.3", "y", 1);
}

TEST(factors_and_biases_of_a_channel_join_the_convolution)
{
    check("x 1,3,10,10", "const w 16,3,3,3\nconst s 1,16,1,1\nconst t 16,1,1\nConv x,w > a\nMul a,s > b\nAdd t,b > c\nRelu c > y", "y", 1);
    check("x 1,3,10,10", "const w 4,3,3,3\nconst s scalar\nconst t 1,4,1,1\nConv x,w > a\nDiv a,s > b\nSub b,t > y", "y", 1);
    check("x 1,8,10,10", "const w 8,1,3,3\nconst s 8,1,1\nConv x,w > a | group:8 pads:1,1,1,1\nMul a,s > y", "y", 1);
    check("x 1,8,10,10", "const w 32,4,3,3\nconst s 32,1,1\nConv x,w > a | group:2 pads:1,1,1,1\nMul a,s > y", "y", 1);
    /* a factor along the width is none of a channel */
    check("x 1,3,10,10", "const w 10,3,3,3\nconst s 10\nConv x,w > a | pads:1,1,1,1\nMul a,s > y", "y", 2);
}

TEST(a_value_that_is_read_twice_stays)
{
    check("x 1,3,6,6", "const w 8,3,3,3\nConv x,w > a\nRelu a > b\nAdd a,b > y", "y", 3);
    check("x 1,3,6,6", "const w 8,3,3,3\nConv x,w > a\nRelu a > b", "a,b", 2);
}

TEST(sums_join_the_later_convolution)
{
    check("x 1,8,7,9", "const w 8,8,3,3\nconst v 8,8,3,3\nConv x,w > a | pads:1,1,1,1\nRelu a > b\nConv b,v > c | pads:1,1,1,1\nAdd c,x > d\nRelu d > y",
          "y", 2);
    check("x 2,8,7,9", "const w 20,8,3,3\nconst v 20,8,1,1\nConv x,w > a | pads:1,1,1,1\nConv x,v > b\nAdd a,b > y", "y", 2);
    /* of another shape: spread over the batch */
    check("x 2,8,7,7;z 1,8,7,7", "const w 8,8,1,1\nConv x,w > a\nAdd a,z > y", "y", 2);
}

/* The convolution moves behind what makes the other operand. */
TEST(sums_wait_for_an_operand_that_comes_later)
{
    check("x 1,4,8,8;z 1,8,4,4", "const w 8,4,3,3\nints s 1,8,8,8\nConv x,w > a | pads:1,1,1,1\nRelu a > b\nResize z,_,_,s > c\nAdd b,c > d\nRelu d > y", "y", 2);
    check("x 1,4,8,8;z 1,8,4,4", "const w 8,4,3,3\nints s 1,8,8,8\nConv x,w > a | pads:1,1,1,1\nResize z,_,_,s > c\nAdd c,a > y\nNeg a > v", "y,v", 4);
}

TEST(what_follows_parts_follows_each_of_them)
{
    check("x 1,4,8,8", "const w 8,4,3,3\nconst v 5,4,3,3\nConv x,w > a\nConv x,v > b\nConcat a,b > c | axis:1\nRelu c > y", "y", 3);
    check("x 1,4,8,8", "const w 8,4,3,3\nConv x,w > a\nMaxPool x > b | kernel_shape:3,3\nConcat a,b > c | axis:1\nRelu c > y", "y", 4);
    check("x 1,4,8,8", "const w 8,4,3,3\nconst v 5,4,3,3\nConv x,w > a\nConv x,v > b\nConcat a,b > c | axis:1\nRelu c > y\nNeg b > v2", "y,v2", 5);
}

TEST(padding_joins_the_convolution)
{
    check("x 1,3,9,9", "ints p 0,0,1,2,0,0,3,0\nconst w 8,3,3,3\nPad x,p > a\nConv a,w > y | strides:2,2 pads:1,0,0,1", "y", 1);
    /* of channels, or with another value: it stays */
    check("x 1,3,9,9", "ints p 0,1,0,0,0,0,0,0\nconst w 8,4,3,3\nPad x,p > a\nConv a,w > y", "y", 2);
    check("x 1,3,9,9", "ints p 0,0,1,1,0,0,1,1\nconst w 8,3,3,3\nPad x,p > a | mode:'reflect'\nConv a,w > y", "y", 2);
}

TEST(activations_of_all_kinds)
{
    static const char *const kinds[] = {"Relu a > y", "LeakyRelu a > y", "Sigmoid a > y", "Tanh a > y", "Elu a > y | alpha:=0.7", "HardSwish a > y",
                                        "Mish a > y", "Gelu a > y", "Clip a,lo,hi > y", "PRelu a,s > y"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[512];
        snprintf(text, sizeof text, "const w 24,3,3,3\nconst s 24,1,1\nconst lo scalar\nconst hi scalar positive\nConv x,w > a\n%s", kinds[i]);
        check_opset("x 1,3,12,12", text, "y", 1, 20);
    }
    check("x 1,3,12,12", "const w 24,3,3,3\nConv x,w > a\nSigmoid a > b\nMul a,b > y", "y", 1);
}

TEST(prelu_as_tensorflow_spells_it)
{
    check("x 1,3,12,12", "const w 6,3,3,3\nconst s 6,1,1\nConv x,w > a\nRelu a > p\nNeg a > n\nRelu n > r\nMul r,s > m\nAdd p,m > y", "y", 1);
    check("x 1,5,4,6", "const s 6\nRelu x > p\nNeg x > n\nRelu n > r\nMul s,r > m\nAdd m,p > y", "y", 1);
}

TEST(products_with_bias_and_activation)
{
    check("x 3,10", "const w 10,17\nconst b 17\nGemm x,w,b > a\nRelu a > y", "y", 1);
    check("x 3,10", "const w 17,10\nconst b 17\nGemm x,w,b > y | transB:1 alpha:=0.5 beta:=2", "y", 1);
    check("x 10,3", "const w 10,17\nconst b 3,1\nGemm x,w,b > y | transA:1", "y", 1);
    check("x 2,5,10", "const w 10,17\nconst b 17\nMatMul x,w > a\nAdd a,b > c\nSigmoid c > y", "y", 1);
    check("x 2,5,10;z 2,10,4", "MatMul x,z > y", "y", 1);
    check("x 3,10", "const w 10,8\nconst g 8\nconst h 8\nconst m 8\nconst v 8 positive\nGemm x,w > a\nBatchNormalization a,g,h,m,v > y", "y", 1);
}

TEST(convolutions_of_all_shapes)
{
    check("x 2,4,15", "const w 6,4,3\nConv x,w > y | pads:1,1 dilations:2", "y", 1);
    check("x 1,2,6,7,8", "const w 3,2,3,3,3\nConv x,w > a | pads:1,1,1,1,1,1 strides:2,2,2\nRelu a > y", "y", 1);
    check("x 1,3,14,15", "const w 5,3,3,3\nConv x,w > y | dilations:2,3 pads:2,3,2,3", "y", 1);
    check("x 1,3,13,13", "const w 5,3,4,4\nConv x,w > y | auto_pad:'SAME_UPPER' strides:2,2", "y", 1);
    check("x 1,3,13,13", "const w 5,3,4,4\nConv x,w > y | auto_pad:'SAME_LOWER' strides:3,3", "y", 1);
    check("x 1,3,8,8;w 4,3,3,3", "Conv x,w > y", "y", 1); /* weights that come with the call */
    check("x 1,3,8,8;b 4", "const w 4,3,3,3\nConv x,w,b > y", "y", 1);
    check("x 1,6,7,7", "const w 6,5,3,3\nconst s 1,5,1,1\nConvTranspose x,w > a | strides:2,2 pads:1,1,1,1 output_padding:1,1\nMul a,s > y", "y", 1);
    check("x 1,6,7,7", "const w 6,2,3,3\nconst b 4\nConvTranspose x,w,b > a | group:2 strides:2,2\nRelu a > y", "y", 1);
    /* windows apart: rows of patches of 2 x 24 numbers are whole vectors, of 3 x 5 are not; slopes of channels are not repeated with them */
    check("x 2,6,7,7", "const w 6,24,2,2\nconst b 24\nConvTranspose x,w,b > a | strides:2,2\nRelu a > y", "y", 1);
    check("x 1,6,7,7", "const w 6,24,2,2\nConvTranspose x,w > a | strides:2,2\nLeakyRelu a > y | alpha:=0.2", "y", 1);
    check("x 1,24,7,7", "const w 24,1,2,2\nconst b 24\nConvTranspose x,w,b > y | group:24 strides:2,2", "y", 1);
    check("x 1,6,7,7", "const w 6,5,3,3\nconst b 5\nConvTranspose x,w,b > a | strides:3,3\nRelu a > y", "y", 1);
    check("x 1,6,7,7", "const w 6,24,2,2\nconst b 24\nconst s 24,1,1\nConvTranspose x,w,b > a | strides:2,2\nPRelu a,s > y", "y", 1);
    check("x 1,6,9,7", "const w 20,6,3,3\nconst s 20,1,1\nConv x,w > a | pads:1,1,1,1\nPRelu a,s > y", "y", 1);
}

TEST(channels_last_flows_through_what_follows)
{
    static const char *const tails[] = {
        "Concat a,b > y | axis:1", "Concat a,b > y | axis:2", "Concat a,b > y | axis:-1", "Softmax a > y | axis:1", "ReduceL2 a > y | axes:1",
        "ReduceMean a > y | axes:2,3", "ReduceMean a > y | axes:2,3 keepdims:0", "Transpose a > y | perm:0,2,3,1", "Transpose a > y | perm:0,3,1,2",
        "Transpose a > y | perm:1,0,3,2", "Reshape a,s > y", "Flatten a > y", "GlobalAveragePool a > y", "GlobalMaxPool a > y", "Add a,v > y",
        "Mul v,a > y", "Add a,u > y", "Mul a,b > y", "MaxPool a > y | kernel_shape:3,3 strides:2,2 pads:1,1,1,1", "MaxPool a > y | kernel_shape:2,2 ceil_mode:1",
        "AveragePool a > y | kernel_shape:3,3 pads:1,1,1,1 count_include_pad:1", "AveragePool a > y | kernel_shape:2,2 strides:2,2",
        "Slice a,b1,e1,x1 > y", "Split a > y,z | axis:1", "PRelu a,v > y", "Where c,a,b > y", "Pad a,pd > y", "DepthToSpace a > y | blocksize:2",
        "BatchNormalization a,bg,bb,bm,bv > y", "InstanceNormalization a,bg,bb > y", "Sub a,o > y", "Max a,b > y", "ArgMax a > z\nCast z > y | to:1",
        "LRN a > y | size:3", "Squeeze q > y", "LpNormalization a > y | axis:1"};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "const w 8,3,3,3\nconst w2 8,3,3,3\nconst w3 1,3,3,3\nconst v 8,1,1\nconst u 6\nconst o scalar\nints s 0,-1\nints b1 2\nints e1 7\nints x1 1\n"
                 "ints pd 0,1,0,2,0,0,1,0\nconst bg 8\nconst bb 8\nconst bm 8\nconst bv 8 positive\n"
                 "Conv x,w > a\nConv x,w2 > b\nConv x,w3 > q\nGreater a,b > c\n%s", tails[i]);
        df_graph *g;
        df_tensor in;
        CHECK_OK(graph_of("x 2,3,8,8", text, "y", 13, &g, &err));
        in = g->inputs[0].shape;
        size_t steps = steps_left(g, &in);
        df__graph_free(g);
        check("x 2,3,8,8", text, "y", steps);
    }
}

TEST(softmax_of_old_operator_sets_takes_all_axes_together)
{
    check_opset("x 2,3,8,8", "const w 8,3,3,3\nConv x,w > a\nSoftmax a > y | axis:1", "y", 2, 11);
}

TEST(channels_last_files_lose_their_transposes)
{
    check("x 1,8,9,3", "const w 8,3,3,3\nTranspose x > t | perm:0,3,1,2\nConv t,w > a | pads:1,1,1,1\nTranspose a > y | perm:0,2,3,1", "y", 3);
}

TEST(resizing_in_channels_last)
{
    static const char *const kinds[] = {"mode:'nearest' coordinate_transformation_mode:'asymmetric' nearest_mode:'floor'", "mode:'linear'",
                                        "mode:'cubic'", "mode:'linear' coordinate_transformation_mode:'align_corners'"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[512];
        snprintf(text, sizeof text, "const w 8,3,3,3\nints z 2,8,13,10\nConv x,w > a\nResize a,_,_,z > y | %s", kinds[i]);
        check("x 2,3,8,8", text, "y", 2);
    }
}

TEST(arithmetic_on_shapes_disappears)
{
    check("x 2,3,8,10", "const w 8,3,3,3\nints i 2\nints j 3\nints m -1\nints n 0\nConv x,w > a | pads:1,1,1,1\nShape a > s\nGather s,i > h\n"
                        "Gather s,j > k\nMul h,k > hk\nGather s,n > b\nConcat b,m,hk > t | axis:0\nReshape a,t > y", "y", 2);
}

TEST(dead_nodes_and_copies_disappear)
{
    check("x 1,4", "Identity x > a\nDropout a > b\nRelu b > y\nExp b > nobody", "y", 1);
    check("x 1,4", "Identity x > y", "y", 0);
    check("x 1,4", "const w 1,4\nIdentity w > y\nAdd x,x > z", "y,z", 1);
    check("x 2,4", "ints s 8\nReshape x,s > y\nReshape y,s > z", "y,z", 2);
}

TEST(empty_tensors_pass)
{
    check("x 0,3,8,8", "const w 8,3,3,3\nConv x,w > a\nRelu a > b\nMaxPool b > c | kernel_shape:2,2\nFlatten c > y", "y", 3);
}
