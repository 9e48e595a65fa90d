/* Descriptions of recognisers: the example of the documentation, every refusal by key and value, every allocation failed in turn. */
#include "models/describe.h"
#include "test.h"

static df_error err;

static df_status parse(const char *text, const df_recogniser **row)
{
    df_bytes bytes = {(uint8_t *)(uintptr_t)text, strlen(text), false};
    return df__describe_parse(&bytes, "my/model.json", row, &err);
}

/* The block of docs/adding-a-model.md that begins with "```json". */
static char *example(void)
{
    char path[1024];
    static char page[65536];
    snprintf(path, sizeof path, "%s/docs/adding-a-model.md", DF_SOURCE_DIR);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be read", path);
    page[fread(page, 1, sizeof page - 1, f)] = 0;
    fclose(f);
    char *begin = strstr(page, "```json\n"), *end = begin ? strstr(begin + 8, "```") : NULL;
    if (!end)
        fail_msg("docs/adding-a-model.md has no example");
    *end = 0;
    return begin + 8;
}

TEST(the_example_of_the_documentation_is_read)
{
    const df_recogniser *row;
    CHECK_OK(parse(example(), &row));
    assert_string_equal(row->name, "MyNet");
    assert_string_equal(row->file, "my/mynet.onnx");
    assert_string_equal(row->chip, "arcface-112");
    CHECK(row->weights == NULL && row->width == 112 && row->height == 112 && row->dims == 512 && row->l2);
    CHECK(!row->feed.last && row->feed.rgb && row->feed.scale == 255 && row->feed.mean[1] == 127.5f && row->feed.std[2] == 127.5f && !row->feed.whole);
    CHECK_NEAR(0.62, row->threshold[DF_ALIGN_POINTS][DF_COSINE], 0);
    CHECK_NEAR(0.55, row->threshold[DF_ALIGN_EYES][DF_COSINE], 0);
    CHECK_NEAR(0, row->threshold[DF_ALIGN_NONE][DF_COSINE], 0);
    CHECK_NEAR(-9.5, row->confidence[DF_ALIGN_POINTS][DF_COSINE].w, 0);
    CHECK_NEAR(0, row->confidence[DF_ALIGN_EYES][DF_COSINE].normalizer, 0);
    assert_int_equal(row->far[DF_ALIGN_POINTS].n, 3);
    CHECK_NEAR(1e-3, row->far[DF_ALIGN_POINTS].at[1].far, 0);
    CHECK_NEAR(0.58, row->far[DF_ALIGN_POINTS].at[1].distance[DF_COSINE], 0);
    CHECK(isnan(row->far[DF_ALIGN_POINTS].at[1].distance[DF_ANGULAR]) && row->far[DF_ALIGN_EYES].n == 0);
    df__recogniser_retain(row);
    df__recogniser_release(row);
    assert_string_equal(row->name, "MyNet"); /* one user is left */
    df__recogniser_release(row);
}

#define BASE "\"file\": \"n.onnx\", \"width\": 112, \"height\": 112, \"dims\": 128"
#define PIXELS "\"pixels\": {\"layout\": \"nhwc\", \"order\": \"bgr\"}"
#define CHIP "\"chip\": \"arcface-112\""

TEST(the_least_description_has_the_defaults)
{
    const df_recogniser *row;
    CHECK_OK(parse("{" BASE ", " PIXELS ", \"chip\": {\"points\": [[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]]}, \"thresholds\": {\"cosine\": 0.4}}", &row));
    assert_string_equal(row->name, "model"); /* of my/model.json */
    CHECK(row->chip == NULL && row->five[1][0] == 74 && row->feed.last && !row->feed.rgb && row->feed.scale == 255 && row->feed.std[0] == 1 && !row->l2);
    for (int a = 0; a < DF_ALIGNS; a++)
        CHECK_NEAR(0.4, row->threshold[a][DF_COSINE], 0);
    df__recogniser_release(row);
    CHECK_OK(parse("{" BASE ", " CHIP ", \"pixels\": {\"layout\": \"nchw\", \"order\": \"rgb\", \"scale\": 1, \"mean\": [1, 2, 3], \"std\": 0.5}}", &row));
    CHECK(row->feed.scale == 1 && row->feed.mean[2] == 3 && row->feed.std[1] == 0.5f);
    df__recogniser_release(row);
}

TEST(what_is_wrong_is_named_with_its_key)
{
    static const struct { const char *text, *says; } cases[] = {
        {"", "my/model.json: line 1 is no JSON"},
        {"[1]", "my/model.json: a description is one object"},
        {"{\"file\": \"a\", \"file\": \"b\"}", "no JSON: duplicate object key"},
        {"{" BASE ", " CHIP "}", "\"pixels\" is missing"},
        {"{" BASE ", " PIXELS "}", "\"chip\" is missing"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"colour\": 1}", "\"colour\" is no key here; known: name file width"},
        {"{\"width\": 112}", "\"file\" is missing"},
        {"{\"file\": 7}", "\"file\" is no text of 1..255 bytes"},
        {"{\"file\": \"a\", \"width\": 8}", "\"width\" is 8, outside 16..1024"},
        {"{\"file\": \"a\", \"width\": 112.5}", "\"width\" is no whole number"},
        {"{\"file\": \"a\", \"width\": \"112\"}", "\"width\" is no number"},
        {"{\"file\": \"a\", \"width\": 112, \"height\": 112, \"dims\": 0}", "\"dims\" is 0, outside 1..65536"},
        {"{" BASE ", " CHIP ", \"pixels\": {\"layout\": \"hwc\", \"order\": \"bgr\"}}", "\"pixels.layout\" is \"hwc\", none of: nchw nhwc"},
        {"{" BASE ", " CHIP ", \"pixels\": {\"layout\": \"nchw\"}}", "\"pixels.order\" is no text, none of: bgr rgb"},
        {"{" BASE ", " CHIP ", \"pixels\": {\"layout\": \"nchw\", \"order\": \"rgb\", \"std\": 0}}", "\"pixels.std\" is 0, outside 1e-06..1e+06"},
        {"{" BASE ", " CHIP ", \"pixels\": {\"layout\": \"nchw\", \"order\": \"rgb\", \"mean\": [1, 2]}}", "\"pixels.mean\" is neither a number nor a list of three"},
        {"{" BASE ", " PIXELS ", \"chip\": {\"points\": [[1, 2]]}}", "\"chip.points\" is no list of five [x, y]"},
        {"{" BASE ", " PIXELS ", \"chip\": {\"points\": [[1, 2], [1, 2], [3, 4], [5, 6], [7, 8]]}}", "\"chip.points\" has both eyes in one place"},
        {"{" BASE ", " PIXELS ", \"chip\": {\"points\": [[1], [1, 2], [3, 4], [5, 6], [7, 8]]}}", "\"chip.points\" is missing"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"output\": \"L2\"}", "\"output\" is \"L2\", none of: raw l2"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"thresholds\": 0.4}", "\"thresholds\" is no object"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"thresholds\": {\"cos\": 0.4}}", "\"thresholds.cos\" is no key here; known: cosine euclidean"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"thresholds\": {\"eyes\": {\"cosine\": -1}}}", "\"thresholds.eyes.cosine\" is -1, outside"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"thresholds\": {\"eyes\": {}, \"cosine\": 1}}", "\"thresholds.cosine\" is no key here; known: points eyes none"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"confidence\": {\"cosine\": {\"w\": 1}}}", "\"confidence.cosine.b\" is missing"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"confidence\": {\"cosine\": {\"w\": 1, \"b\": 1, \"normalizer\": 0, \"denorm_max_true\": 1, \"denorm_min_true\": 0, "
         "\"denorm_max_false\": 1, \"denorm_min_false\": 0}}}", "\"confidence.cosine.normalizer\" is 0, outside"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"confidence\": {\"cosine\": {\"w\": 1, \"b\": 1, \"normalizer\": 1, \"denorm_max_true\": 1, \"denorm_min_true\": 1, "
         "\"denorm_max_false\": 1, \"denorm_min_false\": 0}}}", "\"confidence.cosine.denorm_max_true\" is not more than its denorm_min"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"far\": {\"points\": [{\"far\": 0.1, \"cosine\": 1}]}}", "\"far.points\" is no list of 2..64 objects"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"far\": {\"points\": [{\"far\": 0.1, \"cosine\": 1}, {\"far\": 0.1, \"cosine\": 0.9}]}}", "\"far.points.far\" does not fall"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"far\": {\"points\": [{\"far\": 0.1, \"cosine\": 0.5}, {\"far\": 0.01, \"cosine\": 0.6}]}}", "\"far.points.cosine\" is 0.6, outside 0..0.5"},
        {"{" BASE ", " PIXELS ", " CHIP ", \"far\": {\"points\": [{\"far\": 0.1, \"cosine\": 0.5}, {\"far\": 0.01}]}}", "\"far.points.cosine\" is there for some shares only"},
        {"{\"name\": \"arcface\", \"file\": \"n.onnx\"}", "\"name\" is that of a model of the catalogue"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const df_recogniser *row;
        err = (df_error){0};
        if (parse(cases[i].text, &row) != DF_E_BAD_MODEL || !strstr(err.message, cases[i].says) || row)
            fail_msg("%s\n gives: %s\n not:   %s", cases[i].text, err.message, cases[i].says);
    }
}

TEST(every_failed_allocation_is_told)
{
    const char *text = example();
    const df_recogniser *row;
    for (size_t n = 1;; n++) {
        test_alloc_fail_at(n);
        df_status st = parse(text, &row);
        size_t made = test_alloc_count();
        test_alloc_fail_at(0);
        if (st == DF_OK) {
            CHECK(made < n && n > 4);
            df__recogniser_release(row);
            return;
        }
        CHECK(st == DF_E_NO_MEMORY && row == NULL);
    }
}
