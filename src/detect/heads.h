/* heads.h - what the detectors of an ONNX file that users may bring share: is it the right file, are its outputs, which candidates stay. */
#ifndef DF_DETECT_HEADS_H
#define DF_DETECT_HEADS_H

#include "detect/list.h"

/* ---- the file: DF_E_BAD_MODEL names the file and what is wrong ---- */

/* One float32 picture of three channels in, of which `last` is as in canvas.h. */
df_status df__head_takes(const df_net *net, const char *file, bool last, df_error *err);
/* As the file declares it, as far as it does: output i has `channels` numbers a place, in the dimension `axis` (below 0: from the end). */
df_status df__head_declares(const df_net *net, const char *file, size_t i, int axis, int64_t channels, df_error *err);
/* As a run gave it: float32 of these dimensions. A leading 1 may be left out. `input`: the canvas, for the message. */
df_status df__head_gave(const df_net *net, const char *file, size_t i, const df_tensor *out, int rank, const int64_t *dims, const df_tensor *input,
                        df_error *err);

/* ---- candidates ---- */

/* Five points x, y in the order of all these networks, which tell left from right by the picture: right eye, left eye, nose, right and left
 * corner of the mouth, as the person has them. */
void df__head_points(df_face *face, const double xy[10]);
/* Add a candidate, unless one of its numbers is not finite or its box is empty. */
df_status df__head_add(df_face_list *list, const df_face *face, df_error *err);

/* Sort items[from..], best first, and drop those that overlap a better one (list.h). */
df_status df__head_suppress(df_face_list *list, size_t from, const df_suppression *rule, df_error *err);

/* From canvas to photo: x and y become (x - left) * scale_x, (y - top) * scale_y. */
typedef struct df_head_map { double left, top, scale_x, scale_y; } df_head_map;
void df__head_to_photo(df_face_list *list, size_t from, const df_head_map *map);

#endif
