/* A cascade of two stages and three features, and what may be wrong with one. The real ones against OpenCV are in tests/golden. */
#include "models/cascade.h"
#include "test.h"

static df_error err;

enum { ROOM = 65536 };

/* The parts of a cascade that the tests change. */
typedef struct parts { const char *head, *nodes, *leaves, *features, *tail; } parts;

#define HEAD                                                                                                                   \
    "<?xml version=\"1.0\"?><opencv_storage><cascade type_id=\"opencv-cascade-classifier\"><stageType>BOOST</stageType>"       \
    "<featureType>HAAR</featureType><height>4</height><width>6</width><featureParams><maxCatCount>0</maxCatCount></featureParams>"
#define UPRIGHT "<_><rects><_>0 0 6 4 -1.</_><_>3 0 3 4 2.</_></rects><tilted>0</tilted></_>"
#define TILTED "<_><rects><_>2 0 2 2 -1.</_></rects><tilted>1</tilted></_>"

static const parts good = {HEAD, "0 -1 0 -0.5", "1.5 -2.5", UPRIGHT TILTED, "</cascade></opencv_storage>"};

static size_t write_cascade(char *to, const parts *p)
{
    int n = snprintf(to, ROOM,
                     "%s<stages>"
                     "<_><maxWeakCount>1</maxWeakCount><stageThreshold>0.25</stageThreshold><weakClassifiers><_><internalNodes>%s</internalNodes>"
                     "<leafValues>%s</leafValues></_></weakClassifiers></_>"
                     "<_><stageThreshold>-1e0</stageThreshold><weakClassifiers>"
                     "<_><internalNodes>\n 0 -1 1 3.</internalNodes><leafValues>1 2</leafValues></_>"
                     "<_><internalNodes>0 -1 0 4.</internalNodes><leafValues>3 4</leafValues></_></weakClassifiers></_>"
                     "</stages><features>%s</features>%s",
                     p->head, p->nodes, p->leaves, p->features, p->tail);
    CHECK(n > 0 && n < ROOM);
    return (size_t)n;
}

static df_status parse_text(const char *text, size_t len, df_cascade **out)
{
    df_bytes file = {.data = (uint8_t *)(uintptr_t)text, .len = len};
    df_status st = df__cascade_parse(&file, "net.xml", out, &err);
    CHECK((st == DF_OK) == (*out != NULL));
    return st;
}

static df_status parse(const parts *p, df_cascade **out)
{
    static char text[ROOM];
    return parse_text(text, write_cascade(text, p), out);
}

static void refused(df_status expected, const parts *p, const char *part)
{
    df_cascade *c;
    CHECK_STATUS(expected, parse(p, &c));
    CHECK_HAS(err.message, "net.xml: line ");
    CHECK_HAS(err.message, part);
}

TEST(a_cascade_is_read_whole)
{
    df_cascade *c;
    CHECK_OK(parse(&good, &c));
    CHECK(c->width == 6 && c->height == 4 && c->stumps && c->tilted);
    CHECK(c->n_stages == 2 && c->n_trees == 3 && c->n_nodes == 3 && c->n_leaves == 6 && c->n_features == 2);
    CHECK(c->stages[0].threshold == 0.25f - 1e-5f && c->stages[1].threshold == -1.0f - 1e-5f);
    CHECK(c->stages[0].tree == 0 && c->stages[0].trees == 1 && c->stages[1].tree == 1 && c->stages[1].trees == 2);
    CHECK(c->nodes[0].feature == 0 && c->nodes[0].threshold == -0.5f && c->nodes[1].feature == 1 && c->nodes[2].threshold == 4.0f);
    CHECK(c->leaves[0] == 1.5f && c->leaves[1] == -2.5f && c->leaves[5] == 4.0f && c->trees[2].leaf == 4 && c->trees[2].node == 2);
    const df_haar_rect *q = c->features[0].rect;
    CHECK(c->features[0].rects == 2 && !c->features[0].tilted && c->features[1].tilted && c->features[1].rects == 1);
    CHECK(q[1].x == 3 && q[1].y == 0 && q[1].w == 3 && q[1].h == 4 && q[1].weight == 2 && q[0].weight == -1);
    df__cascade_free(c);
}

TEST(a_tree_of_two_nodes_is_read)
{
    parts p = good;
    df_cascade *c;
    p.nodes = "1 0 0 1. -1 -2 1 2.", p.leaves = "5 6 7";
    CHECK_OK(parse(&p, &c));
    CHECK(!c->stumps && c->trees[0].nodes == 2 && c->trees[1].node == 2 && c->trees[1].leaf == 3);
    CHECK(c->nodes[0].left == 1 && c->nodes[0].right == 0 && c->nodes[1].left == -1 && c->nodes[1].right == -2);
    df__cascade_free(c);
}

TEST(a_stump_has_its_two_leaves_whatever_its_children_say)
{
    parts p = good;
    df_cascade *c;
    p.nodes = "-1 0 0 1."; /* OpenCV does not look at them */
    CHECK_OK(parse(&p, &c));
    CHECK(c->nodes[0].left == 0 && c->nodes[0].right == -1);
    df__cascade_free(c);
}

TEST(a_second_storage_in_the_file_is_passed_over)
{
    parts p = good;
    df_cascade *c;
    p.tail = "</cascade><other><width>99999</width><stages><_/></stages></other></opencv_storage>";
    CHECK_OK(parse(&p, &c));
    CHECK(c->width == 6 && c->n_stages == 2);
    df__cascade_free(c);
}

TEST(what_is_no_cascade_is_named_with_its_line)
{
    df_cascade *c;
    parts p = good;
    CHECK_STATUS(DF_E_BAD_MODEL, parse_text("", 0, &c));
    CHECK_STATUS(DF_E_BAD_MODEL, parse_text("\0\1\2", 3, &c));
    CHECK_STATUS(DF_E_BAD_MODEL, parse_text("<svg/>", 6, &c));
    CHECK_HAS(err.message, "opencv_storage");
    CHECK_STATUS(DF_E_BAD_MODEL, parse_text("<opencv_storage/>", 17, &c));
    p.tail = "";
    refused(DF_E_BAD_MODEL, &p, "element");
    p = good, p.nodes = "0 -1 0";
    refused(DF_E_BAD_MODEL, &p, "internalNodes");
    p = good, p.nodes = "0 -1 x 1.";
    refused(DF_E_BAD_MODEL, &p, "numbers");
    p = good, p.nodes = "0 -1 0 nan";
    refused(DF_E_BAD_MODEL, &p, "not finite");
    p = good, p.nodes = "0 -1 0.5 1.";
    refused(DF_E_BAD_MODEL, &p, "range");
    p = good, p.nodes = "0 -1 2 1.";
    refused(DF_E_BAD_MODEL, &p, "do not exist");
    p = good, p.nodes = "0 -1 0 1. 0 -1 0 1.";
    refused(DF_E_BAD_MODEL, &p, "do not exist");
    p = good, p.nodes = "0 1 0 1. 0 -1 0 1.", p.leaves = "1 2 3";
    df_status st = parse(&p, &c);
    CHECK_OK(st); /* forwards is a tree */
    df__cascade_free(c);
    p.nodes = "0 -1 0 1. 1 -1 0 1.";
    refused(DF_E_BAD_MODEL, &p, "do not exist"); /* a node that leads to itself is none */
    p = good, p.leaves = "1";
    refused(DF_E_BAD_MODEL, &p, "do not exist");
    p = good, p.leaves = "";
    refused(DF_E_BAD_MODEL, &p, "numbers");
}

TEST(a_feature_outside_the_window_is_refused)
{
    static const char *const features[] = {
        "<_><rects><_>1 0 6 4 -1.</_></rects></_>",
        "<_><rects><_>0 1 6 4 -1.</_></rects></_>",
        "<_><rects><_>-1 0 2 2 -1.</_></rects></_>",
        "<_><rects><_>0 0 0 2 -1.</_></rects></_>",
        "<_><rects><_>0 0 2 -2 -1.</_></rects></_>",
        "<_><rects><_>0 0 2 2</_></rects></_>",
        "<_><rects/></_>",
        "<_><rects><_>1 0 2 2 -1.</_></rects><tilted>1</tilted></_>", /* leans out at the left */
        "<_><rects><_>2 0 2 3 -1.</_></rects><tilted>1</tilted></_>", /* and at the bottom */
        "<_><rects><_>0 0 6 4 4096</_></rects></_>",                  /* its sums are not exact as float */
        "<_><rects><_>0 0 1 1 1</_><_>0 0 1 1 1</_><_>0 0 1 1 1</_><_>0 0 1 1 1</_></rects></_>",
    };
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        char text[1024];
        parts p = good;
        snprintf(text, sizeof text, "%s%s", UPRIGHT, features[i]);
        p.features = text;
        refused(DF_E_BAD_MODEL, &p, "");
    }
}

TEST(a_stage_without_trees_or_threshold_is_refused)
{
    static const char *const stages[] = {
        "<stages><_><stageThreshold>1</stageThreshold></_></stages>",
        "<stages><_><weakClassifiers><_><internalNodes>0 -1 0 1</internalNodes><leafValues>1 2</leafValues></_></weakClassifiers></_></stages>",
        "<stages><_/><_/></stages>",
        "<stages><_><stageThreshold>1</stageThreshold><weakClassifiers><_/></weakClassifiers></_></stages>",
        "<stages/>",
    };
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        char text[2048];
        df_cascade *c;
        int n = snprintf(text, sizeof text, HEAD "%s<features>" UPRIGHT "</features></cascade></opencv_storage>", stages[i]);
        CHECK_STATUS(DF_E_BAD_MODEL, parse_text(text, (size_t)n, &c));
    }
}

TEST(other_kinds_are_named_as_not_supported)
{
    static const char *const heads[][2] = {
        {"<opencv_storage><c><stageType>BOOST</stageType><featureType>LBP</featureType>", "featureType"},
        {"<opencv_storage><c><stageType>OTHER</stageType>", "stageType"},
        {"<opencv_storage><c><stageType>BOOST</stageType><featureParams><maxCatCount>256</maxCatCount></featureParams>", "maxCatCount"},
        {"<opencv_storage><c type_id=\"opencv-haar-classifier\">", "before OpenCV 2"},
        {"<!DOCTYPE x [<!ENTITY a \"b\">]><opencv_storage><c>", "document type"},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        parts p = good;
        p.head = heads[i][0];
        refused(DF_E_UNSUPPORTED, &p, heads[i][1]);
    }
    parts p = good;
    p.features = "<_><rects><_>0 0 6 4 -1.5</_></rects></_>";
    refused(DF_E_UNSUPPORTED, &p, "fraction");
}

TEST(what_is_too_large_is_refused)
{
    static char text[3 * ROOM / 4];
    parts p = good;
    p.head = "<opencv_storage><c><width>129</width>";
    refused(DF_E_LIMIT, &p, "window");
    p = good;
    p.head = "<opencv_storage><c><a><a><a><a><a><a><a><a><a><a><a><a>";
    refused(DF_E_LIMIT, &p, "deep");
    text[0] = '<';
    memset(text + 1, 'n', 500);
    snprintf(text + 501, 100, ">");
    p.head = "<opencv_storage><c>", p.features = text;
    refused(DF_E_LIMIT, &p, "deep");
    memset(text, '1', 9000);
    text[9000] = 0;
    p = good, p.leaves = text;
    refused(DF_E_LIMIT, &p, "text");
    for (size_t i = 0; i < 1000; i++)
        memcpy(text + 2 * i, "1 ", 3);
    p.leaves = text;
    refused(DF_E_LIMIT, &p, "numbers");
}

TEST(every_allocation_may_fail)
{
    static char text[ROOM];
    size_t len = write_cascade(text, &good), n = 1;
    df_cascade *c = NULL;
    for (;; n++) {
        test_alloc_fail_at(n);
        df_status st = parse_text(text, len, &c);
        test_alloc_fail_at(0);
        if (st == DF_OK)
            break;
        CHECK_STATUS(DF_E_NO_MEMORY, st);
    }
    CHECK(n > 8); /* expat's are among them */
    df__cascade_free(c);
}
