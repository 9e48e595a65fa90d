/* facemesh.h - 468 points on a face by MediaPipe's face mesh (Kartynnik et al. 2019). */
#ifndef DF_ALIGN_FACEMESH_H
#define DF_ALIGN_FACEMESH_H

#include "detect/detector.h"

enum { DF_MESH_POINTS = 468 };

/* Points in pixels of `px`, in the order of MediaPipe's canonical face model. `map`: the detector's box to dlib's. The face's eyes, where it
 * has them, tell how it is turned; else a first look does. Errors: DF_E_ARGUMENT (a box without size), DF_E_BAD_MODEL, DF_E_NO_MEMORY. */
df_status df__facemesh(df_net *net, df_pixels px, const df_face *face, const df_box_map *map, df_point out[DF_MESH_POINTS], df_arena *scratch,
                       df_error *err);

#endif
