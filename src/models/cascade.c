/* cascade.c - the reader of cascade.h: expat hands over elements, a table tells what each path means, checks come last. */
#include "models/cascade.h"

#include <expat.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATH_ROOM = 128,   /* bytes of the longest path of element names; the format needs 57 */
    TEXT_ROOM = 8192,  /* bytes of text in one element */
    NUMBERS = 512,     /* numbers in one element */
    DEPTH = 12,
    PIECE = 1 << 20,   /* bytes handed to expat at once */
    WHITE = 255,
};
static const double exact = 16777216; /* whole numbers up to here are exact as float */

typedef struct reader {
    df_cascade *c;
    XML_Parser  xml;
    const char *label;
    df_error   *err;
    df_status   st;
    char        path[PATH_ROOM], text[TEXT_ROOM];
    size_t      text_len;
    int         depth, tops; /* tops: elements right under the root, of which the first is the cascade */
    bool        boost, haar, threshold;
    size_t      cap_stages, cap_trees, cap_nodes, cap_leaves, cap_features;
} reader;

/* The first failure stands; expat is told to stop. */
static void fail(reader *r, df_status st, const char *what)
{
    if (r->st != DF_OK)
        return;
    r->st = df__fail(r->err, st, "%s: line %lu: %s", r->label, (unsigned long)XML_GetCurrentLineNumber(r->xml), what);
    XML_StopParser(r->xml, XML_FALSE);
}

/* Room for one more of an array of n; NULL after fail(). */
static void *grow(reader *r, void *items, size_t *cap, size_t n, size_t size)
{
    if (n >= DF_CASCADE_MOST_ITEMS) {
        fail(r, DF_E_LIMIT, "more parts than any cascade has");
        return NULL;
    }
    if (n < *cap)
        return items;
    size_t more = *cap ? *cap * 2 : 64;
    void *p = realloc(items, more * size);
    if (!p) {
        fail(r, DF_E_NO_MEMORY, "out of memory");
        return NULL;
    }
    *cap = more;
    return p;
}

/* A new last item of the array `name` of the cascade, cleared; jumps out of a void function when there is no room. */
#define ADD(r, name)                                                                                     \
    do {                                                                                                 \
        void *more = grow(r, (r)->c->name, &(r)->cap_##name, (r)->c->n_##name, sizeof *(r)->c->name);    \
        if (!more)                                                                                       \
            return;                                                                                      \
        (r)->c->name = more;                                                                             \
        memset(&(r)->c->name[(r)->c->n_##name++], 0, sizeof *(r)->c->name);                              \
    } while (0)
#define LAST(r, name) (&(r)->c->name[(r)->c->n_##name - 1])

/* The numbers of the element's text; 0 after fail(). */
static size_t numbers(reader *r, double *out, size_t most)
{
    size_t n = 0;
    for (char *at = r->text, *end;; at = end) {
        double v = strtod(at, &end);
        if (end == at) {
            if (n == 0 || at[strspn(at, " \t\r\n")])
                fail(r, DF_E_BAD_MODEL, "numbers were expected");
            return r->st == DF_OK ? n : 0;
        }
        if (n == most || !isfinite(v)) {
            fail(r, n == most ? DF_E_LIMIT : DF_E_BAD_MODEL, n == most ? "too many numbers" : "a number is not finite");
            return 0;
        }
        out[n++] = v;
    }
}

/* A whole number in [least, most]; `least` after fail(). */
static int whole(reader *r, double v, int least, int most)
{
    if (v >= least && v <= most && v == floor(v))
        return (int)v;
    fail(r, DF_E_BAD_MODEL, "a number is out of its range");
    return least;
}

/* ---- what the end of each element means ---- */

static double single(reader *r)
{
    double v = 0;
    numbers(r, &v, 1);
    return v;
}

static bool says(const reader *r, const char *word)
{
    size_t from = strspn(r->text, " \t\r\n"), n = strlen(word);
    return strncmp(r->text + from, word, n) == 0 && !r->text[from + n + strspn(r->text + from + n, " \t\r\n")];
}

static void stage_type(reader *r)
{
    r->boost = says(r, "BOOST");
    if (!r->boost)
        fail(r, DF_E_UNSUPPORTED, "stageType is not BOOST");
}

static void feature_type(reader *r)
{
    r->haar = says(r, "HAAR");
    if (!r->haar)
        fail(r, DF_E_UNSUPPORTED, "featureType is not HAAR");
}

static void side(reader *r, int *out)
{
    double v = single(r);
    if (r->st == DF_OK && v > DF_CASCADE_MOST_SIDE)
        fail(r, DF_E_LIMIT, "the window is too large");
    *out = whole(r, v, DF_CASCADE_LEAST_SIDE, DF_CASCADE_MOST_SIDE);
}

static void width(reader *r) { side(r, &r->c->width); }
static void height(reader *r) { side(r, &r->c->height); }

static void categories(reader *r)
{
    if (single(r) != 0)
        fail(r, DF_E_UNSUPPORTED, "maxCatCount is not 0");
}

/* 1e-5 less, in float: what OpenCV compares with. */
static void stage_threshold(reader *r)
{
    LAST(r, stages)->threshold = (float)single(r) - 1e-5f;
    r->threshold = true;
}

static void internal_nodes(reader *r)
{
    double v[NUMBERS];
    size_t n = numbers(r, v, NUMBERS);
    if (n % 4 || LAST(r, trees)->nodes)
        fail(r, DF_E_BAD_MODEL, "internalNodes is not one list of fours");
    LAST(r, trees)->nodes = n / 4;
    for (size_t i = 0; i < n && r->st == DF_OK; i += 4) {
        ADD(r, nodes);
        *LAST(r, nodes) = (df_cascade_node){.left = whole(r, v[i], -NUMBERS, NUMBERS), .right = whole(r, v[i + 1], -NUMBERS, NUMBERS),
                                            .feature = whole(r, v[i + 2], 0, DF_CASCADE_MOST_ITEMS), .threshold = (float)v[i + 3]};
    }
}

static void leaf_values(reader *r)
{
    double v[NUMBERS];
    size_t n = numbers(r, v, NUMBERS);
    for (size_t i = 0; i < n && r->st == DF_OK; i++) {
        ADD(r, leaves);
        *LAST(r, leaves) = (float)v[i];
    }
}

static void rect(reader *r)
{
    double v[5];
    df_haar_feature *f = LAST(r, features);
    size_t n = numbers(r, v, 5);
    if (r->st == DF_OK && (n != 5 || f->rects == DF_CASCADE_RECTS))
        fail(r, DF_E_BAD_MODEL, "a feature has up to three rectangles of five numbers");
    if (r->st == DF_OK && v[4] != floor(v[4]))
        fail(r, DF_E_UNSUPPORTED, "the weight of a rectangle has a fraction");
    if (r->st != DF_OK)
        return;
    f->rect[f->rects++] = (df_haar_rect){whole(r, v[0], 0, DF_CASCADE_MOST_SIDE), whole(r, v[1], 0, DF_CASCADE_MOST_SIDE),
                                         whole(r, v[2], 1, DF_CASCADE_MOST_SIDE), whole(r, v[3], 1, DF_CASCADE_MOST_SIDE),
                                         whole(r, v[4], -4096, 4096)};
}

static void tilted(reader *r)
{
    LAST(r, features)->tilted = single(r) != 0;
    r->c->tilted |= LAST(r, features)->tilted;
}

/* ---- what the beginning means ---- */

static void stage_begins(reader *r)
{
    if (r->c->n_stages && (!r->threshold || LAST(r, stages)->trees == 0))
        fail(r, DF_E_BAD_MODEL, "the stage before has no threshold or no trees");
    ADD(r, stages);
    LAST(r, stages)->tree = r->c->n_trees;
    r->threshold = false;
}

static void tree_begins(reader *r)
{
    ADD(r, trees);
    LAST(r, trees)->node = r->c->n_nodes;
    LAST(r, trees)->leaf = r->c->n_leaves;
    LAST(r, stages)->trees++;
}

static void feature_begins(reader *r) { ADD(r, features); }

static const struct meaning { const char *path; void (*begin)(reader *r), (*end)(reader *r); } meanings[] = {
    {"/stageType", NULL, stage_type},
    {"/featureType", NULL, feature_type},
    {"/width", NULL, width},
    {"/height", NULL, height},
    {"/featureParams/maxCatCount", NULL, categories},
    {"/stages/_", stage_begins, NULL},
    {"/stages/_/stageThreshold", NULL, stage_threshold},
    {"/stages/_/weakClassifiers/_", tree_begins, NULL},
    {"/stages/_/weakClassifiers/_/internalNodes", NULL, internal_nodes},
    {"/stages/_/weakClassifiers/_/leafValues", NULL, leaf_values},
    {"/features/_", feature_begins, NULL},
    {"/features/_/rects/_", NULL, rect},
    {"/features/_/tilted", NULL, tilted},
};

static const struct meaning *meaning_of(const reader *r)
{
    for (size_t i = 0; r->tops == 1 && i < sizeof meanings / sizeof *meanings; i++)
        if (strcmp(meanings[i].path, r->path) == 0)
            return &meanings[i];
    return NULL;
}

/* ---- expat ---- */

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **pairs)
{
    reader *r = user;
    size_t len = strlen(r->path), n = strlen(name);
    if (r->st != DF_OK)
        return; /* expat finishes the token at hand after it was told to stop */
    r->text_len = 0;
    if (r->depth == 0 && strcmp(name, "opencv_storage") != 0)
        fail(r, DF_E_BAD_MODEL, "the root is not opencv_storage");
    if (r->depth == DEPTH || len + n + 2 > sizeof r->path)
        fail(r, DF_E_LIMIT, "elements are nested too deep");
    if (r->st != DF_OK)
        return;
    if (r->depth == 1)
        r->tops++;
    for (size_t i = 0; r->depth == 1 && r->tops == 1 && pairs[i]; i += 2)
        if (strcmp(pairs[i], "type_id") == 0 && strcmp(pairs[i + 1], "opencv-haar-classifier") == 0)
            fail(r, DF_E_UNSUPPORTED, "the cascade has the format from before OpenCV 2");
    if (r->depth++ < 2)
        return; /* the names of the root and of the cascade are not part of the path */
    r->path[len] = '/';
    memcpy(r->path + len + 1, name, n + 1);
    const struct meaning *m = meaning_of(r);
    if (m && m->begin)
        m->begin(r);
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    reader *r = user;
    (void)name;
    if (r->st != DF_OK)
        return;
    const struct meaning *m = meaning_of(r);
    r->text[r->text_len] = 0;
    if (m && m->end)
        m->end(r);
    r->text_len = 0;
    if (r->depth-- > 2)
        *strrchr(r->path, '/') = 0;
}

static void XMLCALL on_text(void *user, const XML_Char *text, int len)
{
    reader *r = user;
    size_t n = (size_t)len;
    if (r->st != DF_OK)
        return;
    if (n >= sizeof r->text - r->text_len || memchr(text, 0, n)) {
        fail(r, DF_E_LIMIT, "an element holds too much text");
        return;
    }
    memcpy(r->text + r->text_len, text, n);
    r->text_len += n;
}

/* A document type could define entities that blow up. No cascade has one. */
static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
    (void)name, (void)system, (void)public, (void)internal;
    fail(user, DF_E_UNSUPPORTED, "a document type is not read");
}

static void read_all(reader *r, const df_bytes *file)
{
    for (size_t at = 0; r->st == DF_OK && at <= file->len; at += PIECE) {
        size_t n = file->len - at < PIECE ? file->len - at : PIECE;
        if (XML_Parse(r->xml, (const char *)file->data + at, (int)n, at + n == file->len) == XML_STATUS_OK) {
            if (at + n == file->len)
                return;
            continue;
        }
        enum XML_Error code = XML_GetErrorCode(r->xml);
        fail(r, code == XML_ERROR_NO_MEMORY ? DF_E_NO_MEMORY : DF_E_BAD_MODEL, XML_ErrorString(code));
    }
}

/* ---- checks of the whole ---- */

static bool inside(const df_cascade *c, const df_haar_feature *f, const df_haar_rect *q)
{
    if (f->tilted)
        return q->x >= q->h && q->x + q->w <= c->width && q->y + q->w + q->h <= c->height;
    return q->x + q->w <= c->width && q->y + q->h <= c->height;
}

static bool feature_fits(const df_cascade *c, const df_haar_feature *f)
{
    double most = 0;
    for (int i = 0; i < f->rects; i++) {
        if (!inside(c, f, &f->rect[i]))
            return false;
        most += abs(f->rect[i].weight) * (f->tilted ? 2.0 : 1.0) * f->rect[i].w * f->rect[i].h * WHITE;
    }
    return f->rects > 0 && most < exact;
}

/* Children lie behind their node, so every way ends in a leaf. */
static bool tree_fits(const df_cascade *c, const df_cascade_tree *t, size_t leaves)
{
    if (t->nodes == 0 || leaves != t->nodes + 1)
        return false;
    for (size_t i = 0; i < t->nodes; i++) {
        const df_cascade_node *n = &c->nodes[t->node + i];
        const int children[2] = {n->left, n->right};
        if ((size_t)n->feature >= c->n_features)
            return false;
        for (int k = 0; k < 2; k++)
            if (children[k] > 0 ? (size_t)children[k] <= i || (size_t)children[k] >= t->nodes : (size_t)-children[k] >= leaves)
                return false;
    }
    return true;
}

static void check(reader *r)
{
    df_cascade *c = r->c;
    if (!r->boost || !r->haar || c->width == 0 || c->height == 0 || c->n_stages == 0 || !r->threshold || LAST(r, stages)->trees == 0)
        fail(r, DF_E_BAD_MODEL, "type, size of the window or stages are missing");
    for (size_t i = 0; i < c->n_features && r->st == DF_OK; i++)
        if (!feature_fits(c, &c->features[i]))
            fail(r, DF_E_BAD_MODEL, "a feature has no rectangle, one that leaves the window, or weights that are too large");
    c->stumps = true;
    for (size_t i = 0; i < c->n_trees && r->st == DF_OK; i++) {
        df_cascade_tree *t = &c->trees[i];
        if (!tree_fits(c, t, (i + 1 < c->n_trees ? t[1].leaf : c->n_leaves) - t->leaf))
            fail(r, DF_E_BAD_MODEL, "a tree names nodes, leaves or features that do not exist");
        c->stumps = c->stumps && t->nodes == 1;
    }
    for (size_t i = 0; c->stumps && i < c->n_nodes && r->st == DF_OK; i++)
        c->nodes[i].left = 0, c->nodes[i].right = -1; /* OpenCV does not look at a stump's children */
}

df_status df__cascade_parse(const df_bytes *file, const char *label, df_cascade **out, df_error *err)
{
    /* Allocations of expat go where those of this file go. */
    static const XML_Memory_Handling_Suite memory = {malloc, realloc, free};
    reader *r = calloc(1, sizeof *r);
    df_cascade *c = calloc(1, sizeof *c);
    XML_Parser xml = r && c ? XML_ParserCreate_MM(NULL, &memory, NULL) : NULL;
    locale_t plain = xml ? newlocale(LC_ALL_MASK, "C", (locale_t)0) : (locale_t)0; /* strtod reads a point, whatever the user's language */
    df_status st;
    *out = NULL;
    if (!xml || !plain) {
        st = df__no_memory(err, label, sizeof *r + sizeof *c);
        goto done;
    }
    *r = (reader){.c = c, .xml = xml, .label = label, .err = err};
    XML_SetUserData(xml, r);
    XML_SetElementHandler(xml, on_start, on_end);
    XML_SetCharacterDataHandler(xml, on_text);
    XML_SetStartDoctypeDeclHandler(xml, on_doctype);
    locale_t before = uselocale(plain);
    read_all(r, file);
    uselocale(before);
    if (r->st == DF_OK)
        check(r);
    st = r->st;
    if (st == DF_OK)
        *out = c, c = NULL;
done:
    if (plain)
        freelocale(plain);
    if (xml)
        XML_ParserFree(xml);
    df__cascade_free(c);
    free(r);
    return st;
}

void df__cascade_free(df_cascade *c)
{
    if (!c)
        return;
    free(c->stages), free(c->trees), free(c->nodes), free(c->leaves), free(c->features);
    free(c);
}
