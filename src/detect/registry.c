/* registry.c - the detectors by name. A new one is one line here. */
#include <strings.h>

#include "detect/detector.h"

#define X(name) &df__detector_##name,
static const df_detector_ops *const detectors[] = {&df__detector_retinaface, &df__detector_ssd, &df__detector_opencv, &df__detector_dlib,
                                                  &df__detector_dlib_cnn, &df__detector_mtcnn, &df__detector_fastmtcnn,
                                                  &df__detector_mediapipe, &df__detector_mediapipe_full,
                                                  &df__detector_yunet, &df__detector_centerface, &df__detector_scrfd,
                                                  &df__detector_retinaface_resnet50,
                                                  DF_YOLO_MAP(X)
                                                  &df__detector_skip};
#undef X

enum { DETECTORS = sizeof detectors / sizeof *detectors };

const df_detector_ops *df__detector_at(size_t index) { return index < DETECTORS ? detectors[index] : NULL; }

const df_detector_ops *df__detector_find(const char *name)
{
    for (size_t i = 0; i < DETECTORS; i++)
        if (strcasecmp(detectors[i]->name, name) == 0)
            return detectors[i];
    return NULL;
}
