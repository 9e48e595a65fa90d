/* mosaic.h - any detector on a photo that is much larger than what it looks at: tile by tile, and the photo halved until it is one tile. */
#ifndef DF_DETECT_MOSAIC_H
#define DF_DETECT_MOSAIC_H

#include "detect/detector.h"

enum { DF_MOSAIC_LEAST = 128 }; /* a tile's side, in pixels */

/* Faces of `px`, best first, each once. Tiles of `tile` x `tile` pixels overlap by a quarter; params->threads share them. A photo that is no
 * larger is one tile. Errors: the detector's own, DF_E_ARGUMENT for a tile below DF_MOSAIC_LEAST, DF_E_NO_MEMORY. */
df_status df__mosaic_detect(const df_detector_ops *ops, void *self, df_pixels px, int tile, const df_detect_params *params, df_arena *scratch,
                            df_face_list *out, df_error *err);

#endif
