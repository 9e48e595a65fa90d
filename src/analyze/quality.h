/* quality.h - how much a face on a photo is worth for recognition. */
#ifndef DF_ANALYZE_QUALITY_H
#define DF_ANALYZE_QUALITY_H

#include "analyze/cut.h"

/* `scale`: photo pixels in one of look->px. */
df_status df__quality(const df_look *look, double scale, df_quality *out, df_arena *scratch, df_error *err);

#endif
