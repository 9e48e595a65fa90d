/* registry.c - the networks of attributes. */
#include "analyze/attribute.h"

static const df_attribute *const attributes[] = {&df__emotion_light, &df__faceres, &df__race_light};

const df_attribute *df__attribute_at(size_t index) { return index < sizeof attributes / sizeof *attributes ? attributes[index] : NULL; }
