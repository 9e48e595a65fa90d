/* stats.c - accuracy, ten folds, ROC. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

enum { FOLDS = 10 };

typedef struct scored { double distance; bool same; int fold; } scored;

static int nearer_first(const void *a, const void *b)
{
    double p = ((const scored *)a)->distance, q = ((const scored *)b)->distance;
    return (p > q) - (p < q);
}

/* The threshold that is right most often on the sorted pairs outside `skip`: the middle between two neighbours. */
static double best_cut(const scored *s, size_t n, int skip, double *accuracy)
{
    size_t total = 0, different = 0;
    for (size_t i = 0; i < n; i++) {
        total += s[i].fold != skip;
        different += s[i].fold != skip && !s[i].same;
    }
    size_t right = different, best = different; /* nothing is accepted */
    double cut = -1, last = NAN;
    bool open = true; /* the cut below the next distance is still to be placed */
    for (size_t i = 0; i < n; i++) {
        if (s[i].fold == skip)
            continue;
        if (isnan(last) || s[i].distance > last) {
            if (open)
                cut = isnan(last) ? s[i].distance / 2 : (last + s[i].distance) / 2;
            open = false;
        }
        right = s[i].same ? right + 1 : right - 1;
        last = s[i].distance;
        size_t next = i + 1;
        while (next < n && s[next].fold == skip)
            next++;
        bool tied = next < n && s[next].distance <= last;
        if (!tied && right > best) {
            best = right;
            cut = last;
            open = true;
        }
    }
    *accuracy = total ? (double)best / (double)total : (double)NAN;
    return cut;
}

static double accuracy_at(const scored *s, size_t n, int fold, double threshold)
{
    size_t total = 0, right = 0;
    for (size_t i = 0; i < n; i++)
        if (fold < 0 || s[i].fold == fold) {
            total++;
            right += (s[i].distance <= threshold) == s[i].same;
        }
    return (double)right / (double)total;
}

static void ten_folds(const scored *s, size_t n, cli_stats *out)
{
    double sum = 0, squares = 0;
    for (int k = 0; k < FOLDS; k++) {
        double unused, cut = best_cut(s, n, k, &unused), a = accuracy_at(s, n, k, cut);
        sum += a;
        squares += a * a;
    }
    double mean = sum / FOLDS, variance = fmax(0, squares - FOLDS * mean * mean) / (FOLDS - 1);
    out->folds_accuracy = mean;
    out->folds_spread = sqrt(variance / FOLDS);
}

/* Walk up the ROC curve, one step for each distance that occurs. */
static void roc(const scored *s, size_t n, cli_stats *out)
{
    double same = (double)out->same, different = (double)(n - out->same), tar = 0, far = 0;
    size_t accepted = 0, wrong = 0;
    out->auc = 0;
    out->tar_1e2 = different < 1e2 ? (double)NAN : 0;
    out->tar_1e3 = different < 1e3 ? (double)NAN : 0;
    for (size_t i = 0; i < n; i++) {
        accepted += s[i].same;
        wrong += !s[i].same;
        if (i + 1 < n && s[i + 1].distance <= s[i].distance)
            continue;
        double tar1 = (double)accepted / same, far1 = (double)wrong / different;
        out->auc += (far1 - far) * (tar + tar1) / 2;
        if (far1 <= 1e-2 && !isnan(out->tar_1e2))
            out->tar_1e2 = tar1;
        if (far1 <= 1e-3 && !isnan(out->tar_1e3))
            out->tar_1e3 = tar1;
        double gap = 1 - tar - far, gap1 = 1 - tar1 - far1; /* false rejections less false acceptances */
        if (isnan(out->eer) && gap1 <= 0)
            out->eer = far + (far1 - far) * gap / (gap - gap1);
        tar = tar1;
        far = far1;
    }
}

bool cli_stats_of(const cli_scored *pairs, size_t n, double threshold, cli_stats *out)
{
    const double nan = (double)NAN;
    *out = (cli_stats){n, 0, nan, nan, nan, nan, nan, nan, nan, nan, nan};
    size_t seen[2] = {0, 0};
    for (size_t i = 0; i < n; i++)
        out->same += pairs[i].same;
    if (n == 0)
        return true;
    scored *s = malloc(n * sizeof *s);
    if (!s)
        return false;
    const size_t of[2] = {n - out->same, out->same};
    for (size_t i = 0; i < n; i++)
        s[i] = (scored){pairs[i].distance, pairs[i].same, (int)(seen[pairs[i].same]++ * FOLDS / of[pairs[i].same])};
    qsort(s, n, sizeof *s, nearer_first);
    out->accuracy = accuracy_at(s, n, -1, threshold);
    if (of[0] && of[1]) {
        out->best_threshold = best_cut(s, n, -1, &out->best_accuracy);
        roc(s, n, out);
    }
    if (of[0] >= FOLDS && of[1] >= FOLDS)
        ten_folds(s, n, out);
    free(s);
    return true;
}
