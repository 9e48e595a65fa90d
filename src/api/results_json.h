/* results_json.h - the parts of a result's JSON that several results have. */
#ifndef DF_API_RESULTS_JSON_H
#define DF_API_RESULTS_JSON_H

#include "core/json.h"

/* deepface's facial_area of a face, whole pixels; NULL when memory is out. */
json_t *df__area_json(const df_face *f);
/* A row of an embedding. */
json_t *df__row_json(const float *row, size_t dims);
/* The text of a list that was filled in if `ok`; frees it. */
df_status df__list_json(json_t *list, bool ok, char **out, df_error *err);
/* As upstream rounds a confidence. */
double df__round2(double v);

#endif
