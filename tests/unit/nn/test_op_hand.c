/* test_op_hand.c - operators that move, choose, quantise and sum: answers worked out by hand, and what they refuse. What the standard's own cases
 * (tests/ops/test_onnx_cases.c) hold is not repeated. */
#include "net_text.h"

static df_error err;

/* The answers of `text`, a graph of constants alone (numbers are written as ints, Cast makes floats of them); run with the input known only
 * when it runs, so that nothing is folded at load: z is 0. */
static void gives(const char *text, const char *shape, const char *values)
{
    df_graph *g;
    df_net *net;
    df_tensor in = {.type = DF_F32, .rank = 1, .dims = {1}}, out;
    float zero = 0;
    df_arena scratch = {0};
    char got[1024] = "", dims[64] = "";
    in.data = &zero;
    CHECK_OK(graph_of("z 1", text, "y", 18, &g, &err));
    CHECK_OK(df__net_new(g, NULL, &net, &err));
    CHECK_OK(df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err));
    for (int i = 0; i < out.rank; i++)
        snprintf(dims + strlen(dims), sizeof dims - strlen(dims), "%s%lld", i ? "," : "", (long long)out.dims[i]);
    for (int64_t i = 0, n = df__tensor_count(&out); i < n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.6g", i ? " " : "", df__load_f64(&out, i));
    assert_string_equal(shape, dims);
    assert_string_equal(values, got);
    df__arena_free(&scratch);
    df__net_free(net);
}

static void refused(df_status status, const char *text, const char *part)
{
    df_graph *g;
    df_net *net = NULL;
    df_tensor in = {.type = DF_F32, .rank = 1, .dims = {1}}, out;
    float zero = 0;
    df_arena scratch = {0};
    in.data = &zero;
    CHECK_OK(graph_of("z 1", text, "y", 18, &g, &err));
    df_status st = df__net_new(g, NULL, &net, &err);
    if (st == DF_OK)
        st = df__net_run(net, &in, 1, &out, 1, 1, &scratch, &err);
    assert_int_equal(status, st);
    CHECK_HAS(err.message, part);
    df__arena_free(&scratch);
    df__net_free(net);
}

/* a = 0..5 as [2,3] and b = 1, 2, 3, made of z so that they are known at the run alone */
#define A "ints s 2,3\nints n 0,1,2,3,4,5\nReshape n,s > i\nCast i > f | to:1\nAdd f,z > a\n"
#define B "ints m 1,2,3\nCast m > c | to:1\nAdd c,z > b\n"

TEST(einsum_sums_over_what_the_result_does_not_name)
{
    gives(A B "Einsum a,b > y | equation:'ij,j->i'", "2", "8 26"); /* 0*1 + 1*2 + 2*3, 3*1 + 4*2 + 5*3 */
    gives(A B "Einsum a,b > y | equation:'ij,j'", "2", "8 26");
    gives(A "Einsum a > y | equation:'ij->ji'", "3,2", "0 3 1 4 2 5");
    gives(A "Einsum a > y | equation:'ij->'", "", "15");
    gives(A "Einsum a,a > y | equation:'ij,kj->ik'", "2,2", "5 14 14 50");
    gives(A B "Einsum b,a,b > y | equation:'j,ij,j->i'", "2", "22 64"); /* 0 + 4 + 18, 3 + 16 + 45 */
    gives(A "Einsum a > y | equation:'...j->...'", "2", "3 12");
    gives("ints s 2,2\nints n 1,2,3,4\nReshape n,s > i\nCast i > f | to:1\nAdd f,z > a\nEinsum a > y | equation:'ii->i'", "2", "1 4");
    gives("ints i 7,8\nEinsum i,i > y | equation:'a,b->ab'", "2,2", "49 56 56 64"); /* known at load: folds */
}

TEST(einsum_refuses_equations_that_do_not_fit)
{
    refused(DF_E_BAD_MODEL, A "Einsum a > y | equation:'ijk->i'", "(Einsum): 3 subscripts for 2 dimensions");
    refused(DF_E_BAD_MODEL, A "Einsum a > y | equation:'ij->k'", "no input has");
    refused(DF_E_BAD_MODEL, A "Einsum a > y | equation:'ij->ii'", "twice in the result");
    refused(DF_E_BAD_MODEL, A "Einsum a,a > y | equation:'ij,jk->ik'", "dimensions of 3 and 2");
    refused(DF_E_BAD_MODEL, A "Einsum a,a > y | equation:'ij->ij'", "fewer terms than 2 inputs");
    refused(DF_E_BAD_MODEL, A "Einsum a > y | equation:'ij,jk->ik'", "more terms than 1 inputs");
    refused(DF_E_BAD_MODEL, A "Einsum a > y | equation:'i?->i'", "at \"?");
    refused(DF_E_BAD_MODEL, A "Einsum a > y", "no equation");
}

TEST(quantisation_rounds_halves_to_even_and_clips)
{
    gives("ints n 1,3,5,-3,900,-900\nCast n > f | to:1\nints t 2\nints k 0\nSqueeze t,k > u\nCast u > sc | to:1\nAdd f,z > x\n"
          "QuantizeLinear x,sc > q\nCast q > y | to:1", "6", "0 2 2 0 255 0"); /* 0.5, 1.5, 2.5, -1.5 */
    gives("ints n 0,10,255\nCast n > q | to:2\nints t 3,3,3\nCast t > s | to:1\nints v 10,5,0\nCast v > zp | to:2\nDequantizeLinear q,s,zp > d | axis:0\n"
          "Add d,z > y", "3", "-30 15 765");
    refused(DF_E_BAD_MODEL, A B "QuantizeLinear a,b > y | axis:0", "scales of 1 dimensions do not fit axis 0 of 2");
    refused(DF_E_BAD_MODEL, A B "QuantizeLinear a,b > y | axis:2", "axis 2 of 2 dimensions");
    refused(DF_E_BAD_MODEL, A B "QuantizeLinear a,b > y | axis:1 block_size:2", "do not fit");
}

TEST(indices_outside_are_refused_wherever_they_stand)
{
    refused(DF_E_BAD_MODEL, A "ints t 1,1\nints j 3\nReshape j,t > k\nGatherElements a,k > y | axis:1", "(GatherElements): index 3 of 3");
    refused(DF_E_BAD_MODEL, A "ints t 3,1\nints j 0,0,0\nReshape j,t > k\nGatherElements a,k > y | axis:1", "dimension 0 of the indices is 3");
    refused(DF_E_BAD_MODEL, A "ints t 1,2\nints j 0,-4\nReshape j,t > k\nGatherND a,k > y", "(GatherND): index -4 of 3");
    refused(DF_E_BAD_MODEL, A "ints t 1,3\nints j 0,0,0\nReshape j,t > k\nGatherND a,k > y", "tuples of 3");
    refused(DF_E_BAD_MODEL, A B "ints t 1,1\nints j 2\nReshape j,t > k\nints w 1,3\nReshape b,w > u\nScatterND a,k,u > y", "(ScatterND): index 2 of 2");
    refused(DF_E_BAD_MODEL, A "ints t 1,1\nints j 0\nReshape j,t > k\nScatterND a,k,a > y", "updates of 6 elements for slots of 3");
    refused(DF_E_BAD_MODEL, A "Cast n > u | to:1\nReshape n,s > k\nScatterElements a,k,a > y", "(ScatterElements): index 2 of 2");
    refused(DF_E_BAD_MODEL, A "Sub i,i > k\nScatterElements a,k,a > y | reduction:'xor'", "reduction \"xor\"");
    refused(DF_E_BAD_MODEL, A "ints k 4\nTopK a,k > y", "(TopK): the first 4 of 3");
    refused(DF_E_BAD_MODEL, A "ints k 2\nCumSum a,k > y", "(CumSum): axis 2 of 2 dimensions");
    refused(DF_E_BAD_MODEL, A "ints l 4,0\nReverseSequence a,l > y | batch_axis:0 time_axis:1", "(ReverseSequence): 4 of 3 steps");
}

TEST(the_best_come_first_and_equals_keep_their_order)
{
    gives("ints n 3,9,3,9,1\nCast n > f | to:1\nAdd f,z > x\nints k 4\nTopK x,k > v,y", "4", "1 3 0 2");
    gives("ints n 3,9,3,9,1\nCast n > f | to:1\nAdd f,z > x\nints k 3\nTopK x,k > v,y | largest:0", "3", "4 0 2");
}

TEST(as_many_as_the_data_say)
{
    gives(A "NonZero a > y", "2,5", "0 0 1 1 1 1 2 0 1 2");
    gives(A "Unique a > u,y,v,c", "6", "0 1 2 3 4 5");
    gives("ints n 3,9,3,9,1\nCast n > f | to:1\nAdd f,z > x\nUnique x > y | sorted:0", "3", "3 9 1");
    gives("ints n 3,9,3,9,1\nCast n > f | to:1\nAdd f,z > x\nUnique x > u,g,i,y", "3", "1 2 2");
}

TEST(of_boxes_that_overlap_the_best_stays)
{
    /* boxes 0..10 and 1..11 overlap by 81 / 119 = 0.68, the third lies apart; its score is the highest, that of the second beats the first */
    const char *boxes = "ints n 0,0,10,10,1,1,11,11,20,20,30,30\nints s 1,3,4\nReshape n,s > i\nCast i > b | to:1\nints m 1,2,3\nints t 1,1,3\n"
                        "Reshape m,t > j\nCast j > c | to:1\nAdd c,z > e\nints k 9\n";
    char text[1024];
    snprintf(text, sizeof text, "%sints h 1\nCast h > g | to:1\nints d 2\nCast d > w | to:1\nDiv g,w > o\nNonMaxSuppression b,e,k,o > y", boxes);
    gives(text, "2,3", "0 0 2 0 0 1");
    snprintf(text, sizeof text, "%sints h 9\nCast h > g | to:1\nints d 10\nCast d > w | to:1\nDiv g,w > o\nNonMaxSuppression b,e,k,o > y", boxes);
    gives(text, "3,3", "0 0 2 0 0 1 0 0 0");
    refused(DF_E_BAD_MODEL, A "NonMaxSuppression a,a > y", "needs [n, boxes, 4]");
}

TEST(sizes_past_the_limit_are_refused_before_memory_is_asked_for)
{
    refused(DF_E_LIMIT, A "ints d 9000000000\nints k 0\nSqueeze d,k > e\nints v 0,1\nOneHot n,e,v > y", "(OneHot): a tensor of");
    refused(DF_E_LIMIT, A "ints d 1,9000000000\nCenterCropPad a,d > y", "(CenterCropPad): a tensor of");
    refused(DF_E_LIMIT, "ints s 100000,100000\nints o 1,1\nReshape z,o > u\nints t 300000,1\nExpand u,t > a\nEinsum a,a > y | equation:'ij,kj->ik'", "(Einsum): a tensor of");
}

TEST(types_that_a_row_does_not_claim_are_refused)
{
    refused(DF_E_UNSUPPORTED, "ints n 1,2\nSigmoid n > y", "(Sigmoid): input 0 of type int64");
    refused(DF_E_UNSUPPORTED, "ints n 1,2\nQuantizeLinear n,z > y", "(QuantizeLinear): input 0 of type int64");
}

static df_status walk(void *arg, df_error *why)
{
    df_graph *g = NULL;
    df_net *net = NULL;
    df_tensor in = {.type = DF_F32, .rank = 1, .dims = {1}}, out;
    float zero = 0;
    df_arena scratch = {0};
    in.data = &zero;
    df_status st = graph_of("z 1", *(const char **)arg, "y", 18, &g, why);
    if (st == DF_OK)
        st = df__net_new(g, NULL, &net, why);
    if (st == DF_OK)
        st = df__net_run(net, &in, 1, &out, 1, 1, &scratch, why);
    df__arena_free(&scratch);
    df__net_free(net);
    return st;
}

TEST(each_failing_allocation_is_reported_and_leaks_nothing)
{
    static const char *const texts[] = {
        A B "Einsum b,a,b > y | equation:'j,ij,j->i'",
        A "ints k 2\nTopK a,k > y",
        A "Unique a > y",
        A "ints t 1,6,1\nReshape a,t > b\nints u 1,1,6\nReshape a,u > e\nints k 3\nints q 1,6,4\nExpand b,q > c\nNonMaxSuppression c,e,k > y",
        "ints s 1,2,3,3\nints w 1,1,1,1\nReshape z,w > u\nExpand u,s > a\nDynamicQuantizeLinear a > q,c,o\nConvInteger q,q > y",
        "ints s 3,3\nints w 1,1\nReshape z,w > u\nExpand u,s > a\nDynamicQuantizeLinear a > q,c,o\nMatMulInteger q,q,o,o > y",
        A "ints t 1,1,2,3\nReshape a,t > b\nMeanVarianceNormalization b > y",
        "ints s 3,3\nints w 1,1\nReshape z,w > u\nExpand u,s > a\nDet a > y",
    };
    size_t failed = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = texts[i];
        failed += test_alloc_each(walk, &text);
    }
    assert_true(failed > 50);
}
