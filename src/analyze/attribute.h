/* attribute.h - the contract of a network that tells something of a face: age, gender, emotion, race, whether it is alive. A new one is one
 * file with a constant struct and one line in registry.c. What a network was trained on - how the face was cut, the range of its pixels -
 * stands in that struct; run.c takes faces through it, several at once. */
#ifndef DF_ANALYZE_ATTRIBUTE_H
#define DF_ANALYZE_ATTRIBUTE_H

#include "analyze/cut.h"
#include "models/loader.h"

enum { DF_MAX_VIEWS = 6, DF_MAX_HEADS = 3, DF_SPOOF_NETS = 2, DF_SPOOF_CLASSES = 3 };

/* What networks found of a face. Each writes its own place: several run at once. */
typedef struct df_findings {
    df_attributes attributes;
    float         spoof[DF_SPOOF_NETS][DF_SPOOF_CLASSES]; /* of the two networks of liveness, before df__liveness_settle */
} df_findings;


/* Which of two networks for the same thing: ours, small and free, or deepface's. */
typedef enum df_family { DF_FAMILY_LIGHT, DF_FAMILY_DEEPFACE } df_family;

typedef enum df_channels { DF_CHANNELS_RGB, DF_CHANNELS_BGR, DF_CHANNELS_GREY } df_channels;

/* A crop's bytes to the network's numbers: (v - mean) / scale, planes of the channels, or channels last. */
typedef struct df_attribute_feed {
    df_channels colour;
    float     mean[3]; /* in the order of `colour` */
    float     scale;
    bool      last;
} df_attribute_feed;

typedef struct df_head { int numbers; } df_head; /* an output, [n][numbers] */

typedef struct df_attribute {
    const char *name;           /* row of its weights in the catalogue */
    unsigned    gives;          /* DF_WITH_AGE and so on */
    df_family   family;
    int         width, height;  /* of its input */
    df_attribute_feed feed;
    int         views;          /* inputs made of one face, whose answers `read` takes together */
    df_cut      cuts[DF_MAX_VIEWS]; /* of each view */
    df_head     heads[DF_MAX_HEADS];
    int         n_heads;
    /* The inputs of one face, [views][channels][height][width]. NULL: cut and feed as above say. */
    df_status (*fill)(const struct df_attribute *self, const df_look *look, float *to, df_arena *scratch, df_error *err);
    /* rows[h]: `views` rows of head h. */
    void (*read)(const struct df_attribute *self, const float *const *rows, df_findings *out);
} df_attribute;

extern const df_attribute df__emotion_light, df__faceres, df__emotion_deepface, df__age_deepface, df__gender_deepface,
    df__race_deepface, df__antispoof_light, df__liveness_light, df__fasnet_v2, df__fasnet_v1se;

/* NULL past the last. */
const df_attribute *df__attribute_at(size_t index);

static inline size_t df__attribute_channels(const df_attribute *a) { return a->feed.colour == DF_CHANNELS_GREY ? 1 : 3; }
/* Numbers of one view. */
static inline size_t df__attribute_size(const df_attribute *a) { return df__attribute_channels(a) * (size_t)a->width * (size_t)a->height; }

/* The network, its inputs and outputs looked at. */
df_status df__attribute_open(const df_loader *loader, const df_attribute *a, df_net **out, df_error *err);
/* A crop of the network's size to its numbers; `mirror`: left and right swapped. */
void df__attribute_feed(const df_attribute *a, df_pixels crop, bool mirror, float *to);
/* One face to its inputs. */
df_status df__attribute_fill(const df_attribute *a, const df_look *look, float *to, df_arena *scratch, df_error *err);
/* n faces, at most DF_ATTRIBUTE_BATCH, that go through the network together; `blob`: their inputs, one face behind the other. */
enum { DF_ATTRIBUTE_BATCH = 8 };
df_status df__attribute_run(const df_attribute *a, df_net *net, const float *blob, size_t n, df_findings *const *out, df_arena *scratch,
                            df_error *err);

/* n faces, any number, through one network. */
df_status df__attribute_faces(const df_attribute *a, df_net *net, const df_look *looks, size_t n, df_findings *out, df_arena *scratch,
                              df_error *err);

/* The crop that deepface's alignment cuts, in a letterbox: [height][width][3], B G R of 0..1. The second is a `fill` of it. */
df_status df__deepface_letterbox(const df_look *look, int width, int height, float *bgr, df_arena *scratch, df_error *err);
df_status df__fill_deepface(const df_attribute *self, const df_look *look, float *to, df_arena *scratch, df_error *err);

/* What the two networks of a family said, as is_real and antispoof_score. */
void df__liveness_settle(df_family family, df_findings *f);
/* -1 when the name is none: "light" and "deepface", of liveness "light" and "fasnet". */
int df__family_find(const char *name);

/* The mean of `views` rows of n numbers. */
void df__mean_rows(const float *rows, int views, int n, double *out);
/* Place of the greatest of n numbers, the first of equals; NaNs are passed over. */
int df__greatest(const float *v, int n);

#endif
