/* process_want.c - what may be wanted of a face, in words, and the words of what is found. */
#include <string.h>

#include "core/status.h"

static const struct { const char *word; unsigned flag; } wants[] = {
    {"age", DF_WITH_AGE}, {"gender", DF_WITH_GENDER}, {"emotion", DF_WITH_EMOTION}, {"race", DF_WITH_RACE}, {"liveness", DF_WITH_LIVENESS},
    {"quality", DF_WITH_QUALITY}, {"embedding", DF_WITH_EMBEDDING},
};

enum { WANTS = sizeof wants / sizeof *wants };

/* deepface 0.0.103 models/demography/DemographyUtils.py */
static const char *const genders[DF_GENDERS] = {"Woman", "Man"};
static const char *const emotions[DF_EMOTIONS] = {"angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"};
static const char *const races[DF_RACES] = {"asian", "indian", "black", "white", "middle eastern", "latino hispanic", "other"};

const char *df_attribute_label(unsigned which, size_t place)
{
    if (which == DF_WITH_GENDER)
        return place < DF_GENDERS ? genders[place] : NULL;
    if (which == DF_WITH_EMOTION)
        return place < DF_EMOTIONS ? emotions[place] : NULL;
    if (which == DF_WITH_RACE)
        return place < DF_RACES ? races[place] : NULL;
    return NULL;
}

const char *df_quality_reason(const df_quality *q, size_t index)
{
    static const char *const words[] = {"blurred", "dark", "bright", "flat", "small", "turned", "tilted", "cut"};
    for (size_t i = 0; q && i < sizeof words / sizeof *words; i++)
        if ((q->reasons >> i & 1) && index-- == 0)
            return words[i];
    return NULL;
}

static df_status no_such_word(const char *word, size_t len, df_error *err)
{
    char list[160] = "";
    for (size_t i = 0; i < WANTS; i++)
        strcat(strcat(list, i ? ", " : ""), wants[i].word);
    return df__fail(err, DF_E_ARGUMENT, "\"%.*s\" is none of: %s", (int)(len < 64 ? len : 64), word, list);
}

df_status df_want_parse(const char *text, unsigned *want, df_error *err)
{
    if (!text || !want)
        return df__fail(err, DF_E_ARGUMENT, "df_want_parse: a NULL argument");
    unsigned set = 0;
    for (const char *at = text;; at++) {
        at += strspn(at, " ");
        size_t len = strcspn(at, ", "), i = 0;
        while (i < WANTS && (strlen(wants[i].word) != len || strncmp(wants[i].word, at, len) != 0))
            i++;
        if (i == WANTS)
            return no_such_word(at, len, err);
        set |= wants[i].flag;
        at += len;
        at += strspn(at, " ");
        if (*at == '\0')
            break;
        if (*at != ',')
            return no_such_word(at, strcspn(at, ","), err);
    }
    *want = set;
    return DF_OK;
}
