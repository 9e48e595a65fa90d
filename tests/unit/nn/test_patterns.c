/* test_patterns.c - subgraphs that mean one thing become that thing, and equal what they were; those that only look like it stay. The tolerance
 * is that of pass_check.h: the one operator rounds at other places than the many. */
#include "nn/verdict.h"
#include "pass_check.h"

#define HARD "number three 3\nnumber six 6\nnumber zero 0\nnumber sixth 0.16666667\nnumber four 4\nnumber half 0.5\nnumber one 1\n"
#define CONV "const w 8,3,3,3\nConv x,w > a\n"
#define ROOM "x 2,3,8,8"

/* Alone one step; behind a convolution it goes into it. `line` makes y of a. */
static void becomes_one(const char *constants, const char *line)
{
    char text[2048];
    snprintf(text, sizeof text, "%sIdentity x > a\n%s", constants, line);
    check("x 2,3,5,5", text, "y", 1);
    snprintf(text, sizeof text, "%s" CONV "%s", constants, line);
    check(ROOM, text, "y", 1);
}

TEST(hard_swish_in_its_spellings)
{
    becomes_one(HARD, "Add a,three > b\nClip b,zero,six > c\nMul a,c > d\nDiv d,six > y");
    becomes_one(HARD, "Add three,a > b\nClip b,zero,six > c\nMul c,a > d\nMul d,sixth > y");
    becomes_one(HARD, "Add a,three > b\nClip b,zero,six > c\nDiv c,six > d\nMul a,d > y");
    becomes_one(HARD, "HardSigmoid a > d | alpha:=0.16666667 beta:=0.5\nMul a,d > y");
}

TEST(hard_swish_of_other_numbers_stays)
{
    check(ROOM, HARD CONV "Add a,four > b\nClip b,zero,six > c\nMul a,c > d\nDiv d,six > y", "y", 5);
    check(ROOM, HARD CONV "Add a,three > b\nClip b,half,six > c\nMul a,c > d\nDiv d,six > y", "y", 5);
    check(ROOM, HARD CONV "Add a,three > b\nClip b,zero,six > c\nMul a,c > d\nDiv d,four > y", "y", 5);
    /* of another value */
    check(ROOM ";z 1,8,6,6", HARD CONV "Add a,three > b\nClip b,zero,six > c\nMul z,c > d\nDiv d,six > y", "y", 3);
}

TEST(hard_swish_with_a_value_read_elsewhere_stays)
{
    check(ROOM, HARD CONV "Add a,three > b\nClip b,zero,six > c\nMul a,c > d\nDiv d,six > y", "y,c", 5);
    check(ROOM, HARD CONV "Add a,three > b\nClip b,zero,six > c\nMul a,c > d\nDiv d,six > e\nAdd e,b > y", "y", 6);
    /* what it is taken of may be read, it only stays in memory */
    check(ROOM, HARD CONV "Add a,three > b\nClip b,zero,six > c\nMul a,c > d\nDiv d,six > e\nAdd e,a > y", "y", 3);
}

TEST(bounds_spelled_as_max_and_min)
{
    becomes_one(HARD, "Min a,six > b\nMax b,zero > y");
    becomes_one(HARD, "Max zero,a > b\nMin six,b > y");
    becomes_one(HARD, "Relu a > b\nMin b,half > y");
    becomes_one(HARD, "Clip a,zero,six > b\nMin b,half > y");
    becomes_one(HARD, "Clip a,zero,half > b\nMax b,one > y"); /* all of it is 1 */
    becomes_one(HARD, "Max a,zero > y");
    becomes_one(HARD, "Min a,zero > y");
    becomes_one(HARD, "Add a,three > b\nMin b,six > c\nMax c,zero > d\nMul a,d > e\nDiv e,six > y"); /* hard-swish */
    check(ROOM, HARD CONV "Min a,half > b\nMax b,zero > y", "y,b", 2);                                /* read elsewhere: one after the other */
    check(ROOM ";z 1,8,6,6", HARD CONV "Min a,z > b\nMax b,zero > y", "y", 3);                        /* no number */
    check(ROOM, HARD CONV "Max a > b\nMin b,a,half > y", "y", 3);                                     /* one operand, three */
    check(ROOM, HARD CONV "number i inf\nMax a,i > b\nMin b,six > y", "y", 3);                         /* all of it is infinite, then 6 */
    check("x 5", "const k 1,1\nMin x,k > y", "y", 1);                                                 /* the number brings a dimension */
}

TEST(hard_sigmoid)
{
    becomes_one(HARD, "Add a,three > b\nClip b,zero,six > c\nDiv c,six > y");
    becomes_one(HARD, "Add a,half > b\nClip b,zero,four > c\nDiv c,four > y");
    becomes_one(HARD, "HardSigmoid a > y | alpha:=0.3 beta:=0.4");
    check(ROOM, HARD CONV "Add a,three > b\nClip b,zero,six > c\nDiv c,four > y", "y", 2); /* to 1.5: Add and Clip join, the factor stays */
}

TEST(mish)
{
    becomes_one("", "Softplus a > b\nTanh b > c\nMul a,c > y");
    becomes_one(HARD, "Exp a > e\nAdd one,e > f\nLog f > b\nTanh b > c\nMul c,a > y");
    check(ROOM, CONV "Softplus a > b\nTanh b > c\nMul a,c > y", "y,b", 4);
    check(ROOM ";z 1,8,6,6", CONV "Softplus a > b\nTanh b > c\nMul z,c > y", "y", 4);
}

TEST(gelu_by_erf)
{
    static const char *const root = "number root 1.41421354\nnumber inverse 0.70710677\nnumber half 0.5\nnumber one 1\nnumber near 1.5\n";
    static const char *const spelled[] = {"Div a,root > b\nErf b > c\nAdd c,one > d\nMul a,d > e\nMul e,half > y",
                                          "Mul a,inverse > b\nErf b > c\nAdd one,c > d\nMul a,half > e\nMul e,d > y",
                                          "Div a,root > b\nErf b > c\nAdd c,one > d\nMul half,d > e\nMul e,a > y"};
    char text[1024];
    for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++) {
        snprintf(text, sizeof text, "%s" CONV "%s", root, spelled[i]);
        check(ROOM, text, "y", 1);
    }
    snprintf(text, sizeof text, "%s" CONV "Div a,near > b\nErf b > c\nAdd c,one > d\nMul a,d > e\nMul e,half > y", root);
    check(ROOM, text, "y", 6);
}

TEST(vectors_of_length_1)
{
    static const char *const spelled[] = {
        "ReduceL2 x > l | axes:1\nDiv x,l > y", "ReduceL2 x > l | axes:-1\nClip l,eps > c\nDiv x,c > y",
        "ReduceL2 x > l | axes:1\nClip l,eps > c\nShape x > s\nExpand c,s > e\nDiv x,e > y", "ReduceL2 x > l | axes:1\nAdd l,eps > c\nDiv x,c > y",
        "ReduceL2 x > l | axes:1\nMax l,eps > c\nReciprocal c > r\nMul r,x > y",
        "Mul x,x > q\nReduceSum q,ax > s\nClip s,eps > c\nSqrt c > r\nDiv one,r > i\nMul x,i > y",
        "Pow x,two > q\nReduceSum q,ax > s\nAdd s,eps > c\nSqrt c > r\nDiv x,r > y",
        "ReduceSumSquare x > s | axes:1\nPow s,half > r\nAdd r,eps > c\nDiv x,c > y"};
    char text[1024];
    for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++) {
        snprintf(text, sizeof text, "number eps 0.25\nnumber one 1\nnumber two 2\nnumber half 0.5\nints ax 1\n%s", spelled[i]);
        check("x 3,20", text, "y", 1);
    }
    check("x 2,6,3,4", "ReduceL2 x > l | axes:1\nDiv x,l > y", "y", 1);
    check("x 2,3,5,5", "const w 9,3,3,3\nConv x,w > a\nReduceL2 a > l | axes:1\nDiv a,l > y", "y", 2); /* in channels last */
}

TEST(lengths_that_are_none_stay)
{
    check("x 3,20", "ReduceL1 x > l | axes:1\nDiv x,l > y", "y", 2);
    check("x 3,20", "ReduceL2 x > l | axes:1\nDiv x,l > y", "y,l", 2);
    check("x 3,20", "ReduceL2 x > l | axes:0,1\nDiv x,l > y", "y", 2);
    check("x 3,20;z 3,20", "ReduceL2 z > l | axes:1\nDiv x,l > y", "y", 2);
    check("x 3,20", "number three 3\nints ax 1\nPow x,three > q\nAbs q > p\nReduceSum p,ax > s\nSqrt s > r\nDiv x,r > y", "y", 5);
    check("x 3,20", "number one 1\nReduceL2 x > l | axes:1\nClip l,one,one > c\nDiv x,c > y", "y", 3); /* an upper bound too */
}

#define LOCAL "number k 2\nnumber al 0.5\nnumber be 0.75\nints one 1\nints p 0,0,2,0,0,0,0,2,0,0\n"
#define MEAN "Mul x,x > q\nUnsqueeze q,one > u\nPad u,p > v\nAveragePool v > m | kernel_shape:5,1,1 strides:1,1,1\nSqueeze m,one > s\n"

TEST(local_response_by_a_pool_over_channels)
{
    check("x 2,7,4,3", LOCAL MEAN "Mul s,al > t\nAdd t,k > b\nPow b,be > d\nDiv x,d > y", "y", 1);
    check("x 2,7,4,3", "const w 6,7,1,1\nConv x,w > c\n" LOCAL "Mul c,c > q\nUnsqueeze q,one > u\nPad u,p > v\nAveragePool v > m | kernel_shape:5,1,1\n"
                       "Squeeze m,one > s\nMul s,al > t\nAdd t,k > b\nPow b,be > d\nDiv c,d > y", "y", 2);
    check("x 2,7,4,3", "number be 0.6\nnumber k 2\nints one 1\n"
                       "Mul x,x > q\nUnsqueeze q,one > u\nAveragePool u > m | kernel_shape:3,1,1 pads:1,0,0,1,0,0 count_include_pad:1\nSqueeze m,one > s\nAdd s,k > b\n"
                       "Pow b,be > d\nDiv x,d > y", "y", 1);
    /* a window over rows, a mean that is wanted, or one without the padding: none of it. Pad joins the pool where it may. */
    check("x 2,7,4,3", LOCAL "Mul x,x > q\nAveragePool q > s | kernel_shape:3,1 pads:1,0,1,0 count_include_pad:1\nMul s,al > t\nAdd t,k > b\nPow b,be > d\nDiv x,d > y", "y", 6);
    check("x 2,7,4,3", LOCAL MEAN "Mul s,al > t\nAdd t,k > b\nPow b,be > d\nDiv x,d > y", "y,s", 8);
    check("x 2,7,4,3", LOCAL "Mul x,x > q\nUnsqueeze q,one > u\nAveragePool u > m | kernel_shape:3,1,1 pads:1,0,0,1,0,0\nSqueeze m,one > s\nMul s,al > t\nAdd t,k > b\n"
                       "Pow b,be > d\nDiv x,d > y", "y", 8);
}

TEST(local_response_normalisation_in_both_layouts)
{
    static const char *const kinds[] = {"size:5", "size:4 alpha:=0.3", "size:3 alpha:=2 beta:=0.5 bias:=1.5", "size:9 alpha:=1 beta:=0.75 bias:=2"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[256];
        snprintf(text, sizeof text, "const w 6,3,1,1\nConv x,w > a\nLRN a > y | %s", kinds[i]);
        check("x 2,3,5,4", text, "y", 2);
    }
}

TEST(factor_and_addend_a_channel_are_one_step)
{
    check("x 2,3,5,4", "const a 3,1,1\nconst b 1,3,1,1\nMul x,a > m\nAdd m,b > y", "y", 1);
    check("x 2,3,5,4", "const a 3,1,1\nconst b 1,3,1,1\nMul a,x > m\nAdd b,m > y", "y", 1);
    check("x 2,3,5,4", "const a 3,1,1\nconst b 1,3,1,1\nMul x,a > m\nAdd m,b > y", "y,m", 2);
    check("x 2,3,5,3", "const a 3\nconst b 1,3,1,1\nMul x,a > m\nAdd m,b > y", "y", 2); /* a factor a column */
}

TEST(what_stands_before_a_convolution_goes_into_it)
{
    static const char *const norm = "const g 3\nconst h 3\nconst m 3\nconst v 3 positive\nconst w 8,3,3,3\nconst b 8\nconst s 3,1,1\nconst k scalar\nconst dw 3,1,3,3\nconst z scalar positive\n";
    static const struct { const char *text; size_t steps; } cases[] = {
        {"BatchNormalization x,g,h,m,v > a\nConv a,w,b > c\nRelu c > y", 1}, {"BatchNormalization x,g,h,m,v > a\nConv a,w > y", 1},
        {"BatchNormalization x,g,h,m,v > a\nConv a,w,b > y | pads:1,1,1,1", 2}, /* what it adds would be missing in the padding */
        {"Mul x,s > a\nConv a,w,b > y | pads:1,1,1,1", 1}, {"Div x,z > a\nConv a,w > y | pads:1,1,1,1", 1}, {"Sub x,k > a\nMul a,s > c\nConv c,w > y", 1},
        {"Sub x,k > a\nMul a,s > c\nConv c,w > y | pads:1,0,0,0", 2}, {"Sub k,x > a\nConv a,w > y", 2}, {"Add s,x > a\nConv a,dw > y | group:3", 1},
        {"Mul x,s > a\nConv a,w > c\nReduceMean a > d | axes:2,3\nReduceMean c > e | axes:1,2,3\nAdd d,e > y", 5}}; /* read twice */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s%s", norm, cases[i].text);
        check("x 2,3,7,6", text, "y", cases[i].steps);
    }
}

TEST(padding_joins_pools)
{
    static const char *const zero = "ints p 0,0,1,0,0,0,2,1\nnumber z 0\nnumber least -inf\nnumber one 1\n";
    static const struct { const char *text; size_t steps; } cases[] = {
        {"Pad x,p > a\nAveragePool a > y | kernel_shape:3,3 strides:2,2", 1},
        {"Pad x,p,z > a\nAveragePool a > y | kernel_shape:3,3 count_include_pad:1 pads:0,1,0,1", 1},
        {"Pad x,p > a\nAveragePool a > y | kernel_shape:3,3 pads:0,1,0,1", 2},  /* its own padding does not count, this one does */
        {"Pad x,p,one > a\nAveragePool a > y | kernel_shape:3,3", 2},
        {"Pad x,p,least > a\nMaxPool a > y | kernel_shape:3,3 strides:2,2", 1},
        {"Pad x,p,z > a\nMaxPool a > y | kernel_shape:3,3", 2},               /* a zero may be the largest */
        {"Relu x > r\nPad r,p,z > a\nMaxPool a > y | kernel_shape:3,3", 2},   /* not here */
        {"Relu x > r\nPad r,p,z > a\nMaxPool a > y | kernel_shape:2,2", 3},   /* a window of padding alone */
        {"Relu x > r\nPad r,p,z > a\nMaxPool a > b | kernel_shape:3,3\nAdd a,z > c\nReduceMax c > d | axes:2,3\nAdd b,d > y", 6}, /* read twice */
        {"Relu x > r\nPad r,p,z > a\nMaxPool a > y | kernel_shape:3,3 strides:2,2 ceil_mode:1", 3},
        {"ints none 0,0,0,0,0,0,0,0\nPad x,none > a\nRelu a > y", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s", zero, cases[i].text);
        check("x 2,5,7,6", text, "y", cases[i].steps);
    }
}

#define LAST "perm:0,2,3,1"
#define FIRST "perm:0,3,1,2"

TEST(transposes_to_channels_last_meet_those_back)
{
    check("x 1,8,9,3", "const w 8,3,3,3\nconst v 8,8,3,3\nconst b 8\nconst s 1,1,8\nTranspose x > t | " FIRST "\nConv t,w > a\nTranspose a > c | " LAST "\n"
                       "Add c,b > d\nPRelu d,s > e\nTranspose e > f | " FIRST "\nConv f,v > y", "y", 3);
    check("x 2,3,8,8", "const w 8,3,3,3\nconst v 5,8,3,3\nconst u 4,13,1,1\nConv x,w > a\nTranspose a > c | " LAST "\nConv x,w > b\nConv b,v > d | pads:1,1,1,1\n"
                       "Transpose d > e | " LAST "\nConcat c,e > f | axis:-1\nTranspose f > g | " FIRST "\nConv g,u > y", "y", 5);
    check("x 2,3,8,8", "const w 8,3,3,3\nints ax 1,2\nConv x,w > a\nTranspose a > c | " LAST "\nReduceMean c > d | axes:1,2 keepdims:0\nRelu d > y", "y", 3);
    check("x 2,3,8,8", "const w 8,3,3,3\nConv x,w > a\nTranspose a > c | " LAST "\nReduceMax c > d | axes:1,-2\nTranspose d > y | " FIRST, "y", 2);
    check("x 2,3,8,8", "const w 8,3,3,3\nconst v 5,8,3,3\nints p 0,1,0,0,0,1,2,0\nConv x,w > a\nTranspose a > c | " LAST "\nPad c,p > d\nTranspose d > e | " FIRST "\nConv e,v > y",
          "y", 2);
    check("x 2,3,4,5", "Transpose x > a | perm:3,1,0,2\nTranspose a > y | perm:2,1,3,0", "y", 0);
}

TEST(transposes_that_are_wanted_stay)
{
    check("x 2,3,8,8", "const w 8,3,3,3\nConv x,w > a\nTranspose a > c | " LAST "\nRelu c > y", "y", 2);
    check("x 2,3,8,8", "const w 8,3,3,3\nConv x,w > a\nTranspose a > c | " LAST "\nRelu c > d\nTranspose d > y | " FIRST, "y,c", 3);
    check("x 2,3,8,8;z 2,6,6,8", "const w 8,3,3,3\nConv x,w > a\nTranspose a > c | " LAST "\nAdd c,z > d\nTranspose d > y | " FIRST, "y", 4);
    check("x 2,3,8,8", "const w 8,3,3,3\nConv x,w > a\nTranspose a > c | " LAST "\nReduceMean c > y | axes:1 keepdims:0", "y", 3);
    check("x 2,3,4,5", "Transpose x > a | perm:3,1,0,2\nTranspose a > y | perm:2,0,3,1", "y", 1); /* the two turned into one */
}

/* Windows of 3 x 2 at steps of 2 x 1 over 7 x 5. */
#define WINDOWS                                                                                                                             \
    "ints i0 0,2,4,1,3,5,2,4,6\nints s0 3,3\nReshape i0,s0 > g0\nints i1 0,1,2,3,1,2,3,4\nints s1 2,4\nReshape i1,s1 > g1\nints f 2,12,12\n" \
    "const w 12,6,12\nints sh 2,6,3,4\nconst b 6,3,4\nints none 0,0,0,0,0,0,0,0\n"
#define PATCHES "Pad x,none > q\nGather q,g0 > r | axis:2\nGather r,g1 > t | axis:4\nTranspose t > u | perm:0,1,2,4,3,5\nReshape u,f > v\n"

TEST(locally_connected_layers)
{
    check("x 2,2,7,5", WINDOWS PATCHES "Einsum v,w > e | equation:'npl,lfp->nfl'\nReshape e,sh > h\nAdd h,b > k\nRelu k > y", "y", 1);
    check("x 2,2,7,5", WINDOWS PATCHES "Einsum v,w > e | equation:'abc,cde->ade'\nReshape e,sh > y", "y", 6); /* it sums over something else */
    check("x 2,2,7,5", WINDOWS PATCHES "Einsum v,w > e | equation:'bpl,lop->bol'\nReshape e,sh > y", "y", 1);
    check("x 2,2,7,5", WINDOWS PATCHES "Einsum v,w > e | equation:'npl,lfp->nfl'\nReshape e,sh > h\nAdd h,b > y", "y,h", 2);
    check("x 2,2,7,5", WINDOWS PATCHES "Einsum v,w > e | equation:'npl,lfp->nfl'\nReshape e,sh > y", "y,v", 6); /* the patches are wanted */
    check("x 2,2,7,5", "const c 2,2,1,1\nConv x,c > z\n" WINDOWS "Gather z,g0 > r | axis:2\nGather r,g1 > t | axis:4\nTranspose t > u | perm:0,1,2,4,3,5\nReshape u,f > v\n"
                       "Einsum v,w > e | equation:'npl,lfp->nfl'\nReshape e,sh > h\nAdd h,b > k\nRelu k > y", "y", 2);
}

TEST(windows_that_jump_are_no_layer)
{
    check("x 2,2,7,5", "ints i0 0,2,5,1,3,5,2,4,6\nints s0 3,3\nReshape i0,s0 > g0\nints i1 0,1,2,3,1,2,3,4\nints s1 2,4\nReshape i1,s1 > g1\nints f 2,12,12\n"
                       "const w 12,6,12\nGather x,g0 > r | axis:2\nGather r,g1 > t | axis:4\nTranspose t > u | perm:0,1,2,4,3,5\nReshape u,f > v\n"
                       "Einsum v,w > y | equation:'npl,lfp->nfl'", "y", 5);
}

/* ---- every allocation failing in turn ---- */

static df_status walk(void *arg, df_error *why)
{
    static const char *text = HARD "const w 8,3,3,3\nconst v 8,8,3,3\nconst s 1,1,8\nconst l 1,1,8\nConv x,w > a | pads:1,1,1,1\nTranspose a > b | " LAST "\n"
                              "Mul b,s > c\nAdd c,l > d\nRelu d > e\nNeg d > f\nRelu f > g\nMul g,s > h\nAdd e,h > i\nTranspose i > j | " FIRST "\nPad j,pd > k0\n"
                              "Conv k0,v > m\nAdd m,three > n\nClip n,zero,six > o\nMul m,o > q\nDiv q,six > r\nReduceL2 r > t | axes:1\nDiv r,t > u\nMatMul u,u > v0\nSoftmax v0 > v1\nMatMul v1,u > y\nints pd 0,0,1,1,0,0,1,1";
    df_status st = DF_OK;
    df_graph *g = NULL;
    df_net *net = NULL;
    df_arena scratch = {0};
    float data[3 * 64] = {0};
    df_tensor out, in = {.type = DF_F32, .rank = 4, .dims = {1, 3, 8, 8}, .data = data};
    (void)arg;
    DF_TRY(graph_of("x 1,3,-1,-1", text, "y", 13, &g, why));
    st = df__net_new(g, NULL, &net, why);
    g = NULL;
    if (st != DF_OK)
        goto done;
    DF_TRY(df__net_run(net, &in, 1, &out, 1, 1, &scratch, why));
done:
    df__graph_free(g);
    df__arena_free(&scratch);
    df__net_free(net);
    return st;
}

TEST(each_failing_allocation_is_reported_and_leaks_nothing)
{
    assert_true(test_alloc_each(walk, NULL) > 10); /* those that only make things faster may fail unseen */
}

/* ---- attention ---- */

#define TURN " | perm:0,1,3,2\n"

/* Rows past a whole number of what is computed at a time; one query; batches; each matrix turned or not. */
TEST(attention_in_its_spellings)
{
    static const char *const sizes[][2] = {{"q 2,3,100,16;k 2,3,16,70;v 2,3,70,24", "q 2,3,16,100;k 2,3,70,16;v 2,3,24,70"}, {"q 1,2,128,8;k 1,2,8,9;v 1,2,9,5", "q 1,2,8,128;k 1,2,9,8;v 1,2,5,9"},
                                           {"q 1,1,1,4;k 1,1,4,33;v 1,1,33,1", "q 1,1,4,1;k 1,1,33,4;v 1,1,1,33"}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check(sizes[i][0], "MatMul q,k > a\nSoftmax a > b | axis:-1\nMatMul b,v > y", "y", 1);
        check(sizes[i][0], "number d 4\nMatMul q,k > a\nDiv a,d > s\nSoftmax s > b | axis:3\nMatMul b,v > y", "y", 1);
        check(sizes[i][1], "number f 0.2\nTranspose q > t" TURN "Transpose k > u" TURN "MatMul t,u > a\nMul f,a > s\nSoftmax s > b\nTranspose b > c" TURN "MatMul v,c > y", "y", 1);
        check(sizes[i][1], "Transpose q > t" TURN "Transpose k > u" TURN "Transpose v > w" TURN "MatMul t,u > a\nSoftmax a > b\nMatMul b,w > y", "y", 2);
    }
    check("q 5,7;k 7,6;v 6,3", "MatMul q,k > a\nSoftmax a > b\nMatMul b,v > y", "y", 1);
}

/* In FAST scores and what they weigh are of bfloat16 where the processor multiplies that: 2^-8 of each. Queries of so large numbers that few keys count; one key that none may see. */
TEST(attention_in_bfloat16)
{
    static const char *const text = "number f 3\nMatMul q,k > a\nMul f,a > s\nSoftmax s > b | axis:-1\nMatMul b,v > y";
    df_graph *g;
    df_net *net;
    df_tensor in[3], exact, one, two;
    df_arena results = {0};
    CHECK_OK(graph_of("q 2,3,100,16;k 2,3,16,70;v 2,3,70,24", text, "y", 13, &g, &err));
    for (int i = 0; i < 3; i++) {
        in[i] = g->inputs[i].shape;
        fill(&in[i]);
    }
    for (int64_t i = 0; i < df__tensor_count(&in[1]); i += 70) /* the first key, infinitely far from a query of numbers above 0 */
        ((float *)in[1].data)[i] = -INFINITY;
    for (int64_t i = 0; i < df__tensor_count(&in[0]); i++)
        ((float *)in[0].data)[i] = fabsf(((float *)in[0].data)[i]) + 0.01f;
    CHECK_OK(plain_run(g, in, &exact, &results, &err));
    CHECK_OK(df__net_new(g, &(df_net_opts){.precision = DF_PRECISION_FAST}, &net, &err));
    CHECK_OK(df__net_run(net, in, 3, &one, 1, 1, &results, &err));
    CHECK_OK(df__net_run(net, in, 3, &two, 1, 2, &results, &err));
    double length, difference;
    df__squares(exact.data, one.data, df__tensor_count(&exact), &length, &difference);
    assert_true(length > 1 && difference <= length * 1e-4);
    assert_memory_equal(one.data, two.data, df__tensor_bytes(&one));
    for (int i = 0; i < 3; i++)
        free(in[i].data);
    df__arena_free(&results);
    df__net_free(net);
}

TEST(what_is_no_attention_stays)
{
    static const char rooms[] = "q 2,3,8,16;k 2,3,16,8;v 2,3,8,8";
    check(rooms, "MatMul q,k > a\nSoftmax a > b | axis:2\nMatMul b,v > y", "y", 3);
    check(rooms, "MatMul q,k > a\nSoftmax a > b\nMatMul b,v > y", "y,b", 3); /* read elsewhere */
    check(rooms, "MatMul q,k > a\nSoftmax a > b\nMatMul b,v > y", "y,a", 3);
    check(rooms, "MatMul q,k > a\nSoftmax a > b\nMatMul v,b > y", "y", 3); /* on the other side */
    check(rooms, "MatMul q,k > a\nMul a,v > s\nSoftmax s > b\nMatMul b,v > y", "y", 4);
    check("q 3,8,16;k 16,8;v 3,8,8", "MatMul q,k > a\nSoftmax a > b\nMatMul b,v > y", "y", 3); /* one matrix of keys for all */
    check(rooms, "MatMul q,k > a\nSoftmax a > b\nTranspose b > c | perm:0,1,2,3\nMatMul v,c > y", "y", 4);
    check(rooms, "MatMul q,k > a\nSoftmax a > b\nTranspose b > c | perm:1,0,3,2\nReshape c,s > d\nMatMul v,d > y\nints s 2,3,8,8", "y", 5);
}

/* ---- without a copy: parts of a Concat made in their place, Split and Slice as other names ---- */

TEST(concat_along_the_outermost_dimension)
{
    static const char *const cases[] = {
        "Relu x > a\nExp x > b\nConcat a,b > y | axis:1", "Relu x > a\nExp x > b\nConcat a,b,a > c | axis:1\nTanh c > y", /* a part twice */
        "Relu x > a\nExp a > b\nConcat a,b > c | axis:1\nTanh c > y", "Relu x > a\nExp x > b\nConcat a,b > c | axis:1\nNeg c > d\nAdd a,a > e\nConcat d,e > y | axis:1",
        "Relu x > a\nExp x > b\nConcat a,b > c | axis:1\nConcat c,a > d | axis:1\nConcat b,d,c > y | axis:1", /* inside one another */
        "Relu x > a\nConcat a > b | axis:1\nNeg b > c\nMul c,a > y", "Concat x,x > y | axis:1", "Relu x > a\nExp x > b\nConcat a,b > y | axis:2",
        "Relu x > a\nReshape a,s > b\nExp b > c\nConcat b,c > y | axis:0", "Exp x > a\nNeg a > b\nAbs b > c\nConcat c,x > d | axis:1\nSqrt c > e\nConcat e,d > y | axis:1"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, "ints s 60\n%s", cases[i]);
        df_graph *g;
        CHECK_OK(graph_of("x 1,3,4,5", text, "y", 13, &g, &err));
        size_t steps = steps_left(g, &g->inputs[0].shape);
        df__graph_free(g);
        check("x 1,3,4,5", text, "y", steps);
        check("x 1,3,4,5", "Relu x > a\nExp x > b\nConcat a,b > y | axis:1", "y,a", 3);
    }
}

TEST(cuts_along_the_outermost_dimension)
{
    static const char *const cases[] = {
        "Split x > a,b | axis:1\nNeg a > c\nMul c,b > y", "Split x,parts > a,b | axis:1\nTanh b > c\nReduceSum a > d\nAdd c,d > y", "Slice x,b2,e5,x1 > a\nExp a > y",
        "Slice x,b2,e5,x1 > a\nNeg x > b\nAdd a,a > c\nConcat c,b > y | axis:1", "Slice x,bm,e5,x1 > y", "Slice x,b2,e5,x2 > y", "Slice x,b2,e5,x1,two > y",
        "Relu x > r\nSplit r > a,b | axis:1\nExp a > c\nConcat b,c > y | axis:1", "Split x > a,b | axis:3\nMul a,b > y"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, "ints parts 1,5\nints b2 2\nints e5 5\nints bm -4\nints x1 1\nints x2 2\nints two 2\n%s", cases[i]);
        df_graph *g;
        CHECK_OK(graph_of("x 1,6,6,4", text, "y", 13, &g, &err));
        size_t steps = steps_left(g, &g->inputs[0].shape);
        df__graph_free(g);
        check("x 1,6,6,4", text, "y", steps);
    }
}
