/* similarity.c - Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991, in the plane,
 * where it has a closed form. */
#include "align/similarity.h"

#include <math.h>

df_status df__similarity(const df_point *from, const df_point *to, size_t n, double m[6], df_error *err)
{
    double fx = 0, fy = 0, tx = 0, ty = 0;
    for (size_t i = 0; i < n; i++)
        fx += from[i].x, fy += from[i].y, tx += to[i].x, ty += to[i].y;
    double count = n ? (double)n : 1, spread = 0, along = 0, across = 0;
    fx /= count, fy /= count, tx /= count, ty /= count;
    for (size_t i = 0; i < n; i++) {
        double ax = from[i].x - fx, ay = from[i].y - fy, bx = to[i].x - tx, by = to[i].y - ty;
        spread += ax * ax + ay * ay;
        along += ax * bx + ay * by;
        across += ax * by - ay * bx;
    }
    double a = along / spread, b = across / spread;
    if (n < 2 || !(spread > 0) || !isfinite(a) || !isfinite(b) || !isfinite(tx) || !isfinite(ty))
        return df__fail(err, DF_E_ARGUMENT, "%zu points do not define a turn and a scale", n);
    m[0] = a, m[1] = -b, m[2] = tx - a * fx + b * fy;
    m[3] = b, m[4] = a, m[5] = ty - b * fx - a * fy;
    return DF_OK;
}
