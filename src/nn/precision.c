/* precision.c - see precision.h. */
#include "nn/precision.h"

#include <strings.h>

static const char *const names[] = {[DF_PRECISION_STRICT] = "strict", [DF_PRECISION_FAST] = "fast", [DF_PRECISION_INT8] = "int8"};

const char *df__precision_name(df_precision precision) { return names[precision]; }

df_status df__precision_find(const char *name, df_precision *out, df_error *err)
{
    for (int i = DF_PRECISION_STRICT; i <= DF_PRECISION_INT8; i++)
        if (strcasecmp(names[i], name) == 0) {
            *out = (df_precision)i;
            return DF_OK;
        }
    return df__fail(err, DF_E_ARGUMENT, "precision: \"%.64s\" is none of: strict, fast, int8", name);
}
