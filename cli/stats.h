/* stats.h - how well distances tell same from different. */
#ifndef CLI_STATS_H
#define CLI_STATS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cli_scored { double distance; bool same; } cli_scored;

/* Shares are 0..1; NaN where there are too few pairs to say. A pair is accepted at distance <= threshold. */
typedef struct cli_stats {
    size_t pairs, same;
    double accuracy;                      /* at the given threshold */
    double best_accuracy, best_threshold; /* over all thresholds, on these very pairs */
    double folds_accuracy, folds_spread;  /* ten folds, each judged at the best threshold of the other nine; mean and standard error */
    double tar_1e2, tar_1e3;              /* same pairs accepted where at most 1 %, 0.1 % of the different ones are */
    double eer, auc;                      /* equal error rate; area under the ROC curve */
} cli_stats;

/* Folds hold a tenth of the same and of the different pairs each, in the order given: the very folds of LFW's view 2 in its
 * own order (Huang et al. 2007). False when memory is out. */
bool cli_stats_of(const cli_scored *pairs, size_t n, double threshold, cli_stats *out);

#endif
