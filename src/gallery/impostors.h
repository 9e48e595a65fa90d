/* impostors.h - how far apart a gallery's own people are, and which threshold lets a stranger through how often. */
#ifndef DF_GALLERY_IMPOSTORS_H
#define DF_GALLERY_IMPOSTORS_H

#include "models/catalogue.h"
#include "store/store.h"

enum { DF_IMPOSTOR_PEOPLE = 2000, DF_IMPOSTOR_LEAST = 20, DF_IMPOSTOR_POINTS = 24 };

/* The 1st, 2nd, 4th, 8th, ... least of the distances between two people, one face each. */
typedef struct df_impostors {
    uint64_t people, pairs, of_people; /* of_people: that the gallery had when it was measured */
    int      n;
    double   least[DF_IMPOSTOR_POINTS];
} df_impostors;

/* Measure, or take what was measured before while the people were as many to within a tenth. Needs 20 people with a name: DF_E_ARGUMENT. `keep`:
 * note it in the store. Not between begin and end of the store. */
df_status df__impostors(const df_store_ops *ops, void *store, df_metric metric, bool keep, df_impostors *out, df_error *err);
/* Distance at or below which a share `p` of the pairs lies. *extrapolated: fewer than 8 pairs do; the curve, which falls ever more steeply, is
 * continued straight, so that the distance is rather too small. */
double df__impostors_distance(const df_impostors *c, double p, bool *extrapolated);
/* The share at or below a distance. */
double df__impostors_share(const df_impostors *c, double distance);

#endif
