/* similarity.h - the turn, scale and shift that lays one set of points on another best. */
#ifndef DF_ALIGN_SIMILARITY_H
#define DF_ALIGN_SIMILARITY_H

#include "core/status.h"

/* Least squares over pairs (Umeyama 1991, without reflection): to = (m0 x + m1 y + m2, m3 x + m4 y + m5) with m4 = m0, m3 = -m1.
 * DF_E_ARGUMENT when n < 2 or all `from` coincide, or a number is not finite. */
df_status df__similarity(const df_point *from, const df_point *to, size_t n, double m[6], df_error *err);

#endif
