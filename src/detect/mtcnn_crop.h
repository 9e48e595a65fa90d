/* mtcnn_crop.h - the pixels of a box as R-Net and O-Net see them. */
#ifndef DF_DETECT_MTCNN_CROP_H
#define DF_DETECT_MTCNN_CROP_H

#include "detect/mtcnn_boxes.h"
#include "image/pixels.h"

enum { DF_MTCNN_MOST_SIDE = 48 };

/* out: [3][side][side], (v - 127.5) / 128 of single bilinear samples, 0 outside of the photo: tf.image.crop_and_resize as mtcnn 1.0.0
 * utils/images.py calls it (TensorFlow 2.21 core/kernels/image/crop_and_resize_op.cc). The photo is at least two pixels wide. */
void df__mtcnn_crop(df_pixels px, const df_mtcnn_box *box, int side, float *out);
/* As facenet-pytorch 2.6.0 models/utils/detect_face.py (pad, imresample): the box cut to whole pixels of the photo and stretched to the square, means
 * as DF_AREA_WHOLE of area.h. 0 for a box beside the photo. */
void df__mtcnn_crop_area(df_pixels px, const df_mtcnn_box *box, int side, float *out);

#endif
