/* opencv.h - what else the detector `opencv` does: upstream asks it for the eyes of a face where the face's own detector gives none. */
#ifndef DF_DETECT_OPENCV_H
#define DF_DETECT_OPENCV_H

#include "detect/detector.h"

/* `opencv` is what df__detector_opencv opened. Sets eyes and DF_HAS_EYES when two are found in the face's box, grown by `expand` percent of
 * its sides; else leaves the face as it is. */
df_status df__opencv_eyes(const void *opencv, df_pixels px, double expand, df_face *face, df_arena *scratch, df_error *err);

#endif
