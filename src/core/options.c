/* options.c - the options of the pipeline, each described once: field, type, default, bounds, choices, help. df_opts_init, the
 * command line's flags and docs/cli.md are made from this table. */
#include "core/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const detectors[] = {"retinaface", "ssd", "opencv", "dlib", "dlib-cnn", "mtcnn", "fastmtcnn", "mediapipe", "mediapipe-full",
                                        "yunet", "centerface", "scrfd", "retinaface-resnet50",
                                        "yolov8n", "yolov8m", "yolov8l", "yolov11n", "yolov11s", "yolov11m", "yolov11l",
                                        "yolov12n", "yolov12s", "yolov12m", "yolov12l", "skip", NULL};
static const char *const aligns[] = {"points", "eyes", "none", NULL};
static const char *const models[] = {"Dlib", "VGG-Face", "Facenet", "Facenet512", "OpenFace", "DeepFace", "DeepID", "ArcFace", "GhostFaceNet", "SFace",
                                     "Buffalo_L", NULL};
static const char *const normalizations[] = {"base", "raw", "Facenet", "Facenet2018", "VGGFace", "VGGFace2", "ArcFace", NULL};
static const char *const metrics[] = {"cosine", "euclidean", "euclidean_l2", "angular", NULL};
static const char *const landmark_sets[] = {"none", "468", "68", NULL};
static const char *const rotations[] = {"none", "auto", NULL};
static const char *const attribute_families[] = {"light", "deepface", NULL};
static const char *const liveness_families[] = {"light", "fasnet", NULL};

typedef struct option {
    df_option_info info;
    size_t         offset, size; /* of the field */
} option;

#define FIELD(f) offsetof(df_opts, f), sizeof(((df_opts *)0)->f)
#define CHOICE(f, text, list, help) {{#f, DF_OPTION_CHOICE, text, 0, 0, list, help, NULL}, FIELD(f)}
#define CHOICE_OR_FILE(f, text, list, ending, help) {{#f, DF_OPTION_CHOICE, text, 0, 0, list, help, ending}, FIELD(f)}
#define NUMBER(f, text, min, max, help) {{#f, DF_OPTION_NUMBER, text, min, max, NULL, help, NULL}, FIELD(f)}
#define INTEGER(f, text, min, max, help) {{#f, DF_OPTION_INTEGER, text, min, max, NULL, help, NULL}, FIELD(f)}
#define SWITCH(f, text, help) {{#f, DF_OPTION_SWITCH, text, 0, 1, NULL, help, NULL}, FIELD(f)}

/* An empty default of a number is NaN: the model or the detector decides. */
static const option options[] = {
    CHOICE(detector, "retinaface", detectors, "who finds the faces; skip takes the whole photo as one face"),
    CHOICE(align, "points", aligns, "points: five points onto the model's own chip; eyes: rotate until the eyes are level, as deepface does; none"),
    CHOICE_OR_FILE(model, "Dlib", models, ".json", "network that turns a face into a vector, or the description of one of your own"),
    CHOICE(normalization, "base", normalizations, "range of the pixels that the network sees; base is the model's own"),
    CHOICE(metric, "cosine", metrics, "distance between two vectors"),
    NUMBER(threshold, "", 0, 1e6, "two faces are one person at this distance or less; by default the model's own for metric and alignment"),
    NUMBER(score, "", 0, 1, "least score of a detection; by default the detector's own"),
    NUMBER(expand, "0", 0, 500, "grow each face's box by this percent of its sides"),
    INTEGER(max_faces, "0", 0, 1000000, "keep the largest faces only, 0 keeps all"),
    INTEGER(min_face, "0", 0, 1000000, "drop faces whose box is narrower or lower than this many pixels"),
    INTEGER(detect_size, "0", 0, 8192, "longer side in pixels that the detector looks at, 0 is the detector's own"),
    SWITCH(enforce, "on", "a photo without a face is an error; off: the whole photo is taken as the face"),
    SWITCH(flip, "on", "with points: the mean of the vectors of the face and of its mirror image, more accurate at twice the network's time"),
    CHOICE(landmarks, "none", landmark_sets, "points of each face beside the five: 468 by MediaPipe's face mesh, 68 by dlib's predictor"),
    SWITCH(mask, "off", "black outside the outline of the face's landmarks, the 468 unless 68 are asked for"),
    CHOICE(rotate, "none", rotations, "auto: where no face is found, try the photo turned by 90, 180 and 270 degrees"),
    INTEGER(tile, "0", 0, 8192, "side in pixels, from 128 on, of the tiles that a larger photo is cut into for the detector; 0 looks at it whole"),
    NUMBER(far, "", 1e-9, 1, "the threshold lets this share of strangers pass in one comparison, as measured for the model (docs/models.md); by default the model's own threshold"),
    SWITCH(border, "off", "with eyes: detectors see the photo inside a black border of half its sides, as deepface has it: its very boxes, but slower"),
    CHOICE(attributes, "light", attribute_families, "networks that tell age, gender, emotion and race: small ones, or deepface's own"),
    SWITCH(anti_spoofing, "off", "refuse faces that are no live ones, but photos of photos or screens; detect and extract tell which"),
    CHOICE(liveness, "light", liveness_families, "networks that tell a live face: small ones, or deepface's FasNet"),
    INTEGER(min_quality, "0", 0, 100, "drop faces of less quality: blurred, dark, small, turned away or cut off by the edge"),
};

enum { OPTIONS = sizeof options / sizeof *options };

const df_option_info *df_option_at(size_t index) { return index < OPTIONS ? &options[index].info : NULL; }

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
            return false;
    return *a == *b;
}

bool df__option_is_file(const df_option_info *info, const char *value)
{
    size_t n = strlen(value), k = info->file ? strlen(info->file) : 0;
    return k && n > k && strcasecmp(value + n - k, info->file) == 0;
}

bool df__model_is_file(const char *model)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].offset == offsetof(df_opts, model))
            return df__option_is_file(&options[i].info, model);
    return false;
}

static df_status set_choice(char *field, const df_option_info *info, const char *value, df_error *err)
{
    for (size_t i = 0; info->choices[i]; i++)
        if (strcasecmp(info->choices[i], value) == 0) {
            memcpy(field, &info->choices[i], sizeof info->choices[i]);
            return DF_OK;
        }
    if (df__option_is_file(info, value)) {
        memcpy(field, &value, sizeof value);
        return DF_OK;
    }
    char list[400] = "";
    for (size_t i = 0; info->choices[i]; i++) {
        size_t at = strlen(list);
        if (at + strlen(info->choices[i]) + 3 > sizeof list)
            break;
        strcat(strcat(list, i ? ", " : ""), info->choices[i]);
    }
    if (info->file)
        return df__fail(err, DF_E_ARGUMENT, "%s: \"%s\" is none of: %s, nor does it end in %s", info->name, value, list, info->file);
    return df__fail(err, DF_E_ARGUMENT, "%s: \"%s\" is none of: %s", info->name, value, list);
}

static df_status set_number(char *field, const df_option_info *info, const char *value, df_error *err)
{
    char *end = NULL;
    errno = 0;
    double v = strtod(value, &end);
    if (end == value || *end || errno == ERANGE || isnan(v))
        return df__fail(err, DF_E_ARGUMENT, "%s: \"%s\" is not a number", info->name, value);
    if (info->type == DF_OPTION_INTEGER && v != floor(v))
        return df__fail(err, DF_E_ARGUMENT, "%s: \"%s\" is not a whole number", info->name, value);
    if (v < info->min || v > info->max)
        return df__fail(err, DF_E_ARGUMENT, "%s: %s is outside %g..%g", info->name, value, info->min, info->max);
    if (info->type == DF_OPTION_INTEGER) {
        int whole = (int)v;
        memcpy(field, &whole, sizeof whole);
    } else {
        memcpy(field, &v, sizeof v);
    }
    return DF_OK;
}

static df_status set_switch(char *field, const df_option_info *info, const char *value, df_error *err)
{
    static const char *const yes[] = {"on", "true", "yes", "1"}, *const no[] = {"off", "false", "no", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(value, yes[i]) == 0 || strcasecmp(value, no[i]) == 0) {
            bool on = strcasecmp(value, yes[i]) == 0;
            memcpy(field, &on, sizeof on);
            return DF_OK;
        }
    }
    return df__fail(err, DF_E_ARGUMENT, "%s: \"%s\" is neither on nor off", info->name, value);
}

static df_status set_field(df_opts *opts, const option *o, const char *value, df_error *err)
{
    char *field = (char *)opts + o->offset;
    switch (o->info.type) {
    case DF_OPTION_CHOICE:
        return set_choice(field, &o->info, value, err);
    case DF_OPTION_NUMBER:
    case DF_OPTION_INTEGER:
        return set_number(field, &o->info, value, err);
    case DF_OPTION_SWITCH:
        return set_switch(field, &o->info, value, err);
    }
    return df__fail(err, DF_E_INTERNAL, "%s: unknown type of option", o->info.name);
}

void df_opts_init(df_opts *opts, size_t size)
{
    df_opts all;
    memset(&all, 0, sizeof all);
    for (size_t i = 0; i < OPTIONS; i++) {
        if (options[i].info.type == DF_OPTION_NUMBER && options[i].info.text[0] == '\0') {
            double nan = (double)NAN;
            memcpy((char *)&all + options[i].offset, &nan, sizeof nan);
        } else {
            set_field(&all, &options[i], options[i].info.text, NULL);
        }
    }
    if (size > sizeof all) /* a newer caller: what this library does not know stays zero */
        memset((char *)opts + sizeof all, 0, size - sizeof all);
    else if (size < sizeof all) { /* an older caller */
        memcpy(opts, &all, size);
        memcpy(opts, &size, sizeof size < size ? sizeof size : size);
        return;
    }
    all.size = size;
    memcpy(opts, &all, sizeof all);
}

df_status df_opts_set(df_opts *opts, const char *name, const char *value, df_error *err)
{
    if (!opts || !name || !value)
        return df__fail(err, DF_E_ARGUMENT, "df_opts_set: a NULL argument");
    for (size_t i = 0; i < OPTIONS; i++)
        if (same_name(options[i].info.name, name)) {
            if (options[i].offset + options[i].size > opts->size)
                return df__fail(err, DF_E_ARGUMENT, "%s: newer than the caller's df_opts (%zu bytes)", name, opts->size);
            return set_field(opts, &options[i], value, err);
        }
    return df__fail(err, DF_E_ARGUMENT, "no option is named \"%s\"", name);
}

static df_status size_check(const char *name, size_t size, df_error *err)
{
    if (size < sizeof size || size > 1 << 16)
        return df__fail(err, DF_E_ARGUMENT, "%s: size is %zu; begin with %s_default()", name, size, name);
    return DF_OK;
}

df_status df__struct_read(const char *name, const void *given, void *out, size_t size, df_error *err)
{
    size_t has;
    if (!given)
        return DF_OK;
    memcpy(&has, given, sizeof has);
    df_status st = size_check(name, has, err);
    if (st == DF_OK)
        memcpy(out, given, has < size ? has : size);
    return st;
}

df_status df__opts_read(const df_opts *given, df_opts *out, df_error *err)
{
    df_opts_init(out, sizeof *out);
    if (!given)
        return DF_OK;
    df_status checked = size_check("df_opts", given->size, err);
    if (checked != DF_OK)
        return checked;
    for (size_t i = 0; i < OPTIONS; i++) {
        const option *o = &options[i];
        if (o->offset + o->size > given->size)
            continue;
        const char *field = (const char *)given + o->offset;
        char *mine = (char *)out + o->offset;
        memcpy(mine, field, o->size);
        if (o->info.type == DF_OPTION_CHOICE) {
            const char *text;
            memcpy(&text, field, sizeof text);
            df_status st = set_choice(mine, &options[i].info, text ? text : options[i].info.text, err);
            if (st != DF_OK)
                return st;
        } else if (o->info.type != DF_OPTION_SWITCH) {
            double v = 0;
            int whole = 0;
            if (o->info.type == DF_OPTION_INTEGER) {
                memcpy(&whole, field, sizeof whole);
                v = whole;
            } else {
                memcpy(&v, field, sizeof v);
            }
            if (isnan(v) ? options[i].info.text[0] != '\0' : v < o->info.min || v > o->info.max)
                return df__fail(err, DF_E_ARGUMENT, "%s: %g is outside %g..%g", o->info.name, v, o->info.min, o->info.max);
        }
    }
    return DF_OK;
}
