/* registry.c - the networks of attributes, and the names of their families. */
#include <strings.h>

#include "analyze/attribute.h"

static const df_attribute *const attributes[] = {
    &df__emotion_light, &df__faceres, &df__antispoof_light, &df__liveness_light,
    &df__emotion_deepface, &df__age_deepface, &df__gender_deepface, &df__race_deepface, &df__fasnet_v2, &df__fasnet_v1se,
};

const df_attribute *df__attribute_at(size_t index) { return index < sizeof attributes / sizeof *attributes ? attributes[index] : NULL; }

int df__family_find(const char *name)
{
    if (strcasecmp(name, "light") == 0)
        return DF_FAMILY_LIGHT;
    return strcasecmp(name, "deepface") == 0 || strcasecmp(name, "fasnet") == 0 ? DF_FAMILY_DEEPFACE : -1;
}
