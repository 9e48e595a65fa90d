/* catalogue.c - every weight file, one row each. A new model is a new row (docs/adding-a-model.md). */
#include "models/catalogue.h"

#include <string.h>
#include <strings.h>

#define YOLO(id, base)                                                                                                        \
    {.info = {.name = id, .task = "detector", .file = base ".onnx", .sha256 = "", .licence = "AGPL-3.0", .commercial = false, \
              .get = "yolo export model=" base ".pt format=onnx dynamic=True, and copy " base ".onnx there (docs/weights.md)"}}

/* Where the files' own projects publish them, the first first. */
#define GITHUB "https://github.com/"
#define DLIB "https://dlib.net/files/"
#define UPSTREAM(file) GITHUB "serengil/deepface_models/releases/download/v1.0/" file, "https://huggingface.co/serengil/deepface/resolve/main/" file
/* A network that upstream publishes as ONNX, channels last (deepface 0.0.103 models/ *.onnx): nobody could write its hash down here. `size` is
 * that of the same architecture exported with other weights. */
#define OF_UPSTREAM(id, does, base, size, w, h, n, terms, free)                                                                                  \
    {.info = {.name = id, .task = does, .file = base ".onnx", .sha256 = "", .licence = terms, .commercial = free, .width = w, .height = h,      \
              .dims = n, .get = "deepface models pull " id},                                                                                    \
     .about = size, .urls = {UPSTREAM(base ".onnx")}}

static const df_weights weights[] = {
    /* RetinaFace, Deng et al. 2019, with a MobileNet 0.25 trunk. Any size whose sides are multiples of 32. */
    {.info = {.name = "retinaface", .task = "detector", .file = "retinaface_mobilenet025.onnx",
              .sha256 = "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5", .bytes = 1736694,
              .licence = "MIT", .commercial = true, .get = "make weights-demo"}},
    /* SSD with a ResNet-10 trunk, trained by the OpenCV project: upstream's very files. */
    {.info = {.name = "ssd", .task = "detector", .file = "res10_300x300_ssd_iter_140000.caffemodel",
              .sha256 = "2a56a11a57a4a295956b0660b4a3d76bbdca2206c4961cea8efe7d95c7cb2f2d", .bytes = 10666211,
              .licence = "Apache-2.0", .commercial = true, .width = 300, .height = 300, .get = "make weights-test"},
     .urls = {GITHUB "opencv/opencv_3rdparty/raw/dnn_samples_face_detector_20170830/res10_300x300_ssd_iter_140000.caffemodel"}},
    {.info = {.name = "ssd-prototxt", .task = "detector", .file = "deploy.prototxt",
              .sha256 = "85abd2feeb48703094444073b29ecbcc1ebb66481548e5808e90f38681123ca7", .bytes = 28091,
              .licence = "Apache-2.0", .commercial = true, .get = "make weights-test"},
     .urls = {GITHUB "opencv/opencv/raw/3.4.0/samples/dnn/face_detector/deploy.prototxt"}},
    /* Haar cascades of R. Lienhart (2002) and S. Hameed: stumps, windows of 24 and 20 pixels. */
    {.info = {.name = "opencv", .task = "detector", .file = "haarcascade_frontalface_default.xml",
              .sha256 = "0f7d4527844eb514d4a4948e822da90fbb16a34a0bbbbc6adc6498747a5aafb0", .bytes = 930127,
              .licence = "Intel (BSD)", .commercial = true, .width = 24, .height = 24, .get = "make weights-test"},
     .urls = {GITHUB "opencv/opencv/raw/4.9.0/data/haarcascades/haarcascade_frontalface_default.xml"}},
    {.info = {.name = "opencv-eye", .task = "detector", .file = "haarcascade_eye.xml",
              .sha256 = "71cc64fc305a355dc60067880f6fbbd43dd155bd63ee3844661a1bda34b2fd8c", .bytes = 341406,
              .licence = "Intel (BSD)", .commercial = true, .width = 20, .height = 20, .get = "make weights-test"},
     .urls = {GITHUB "opencv/opencv/raw/4.9.0/data/haarcascades/haarcascade_eye.xml"}},
    /* Five HOG filters, trained by dlib's author on labeled_faces_in_the_wild/frontal_faces.xml: dlib 19.24 image_processing/
     * frontal_face_detector.h holds them as text, and its log of the training. */
    {.info = {.name = "dlib-hog", .task = "detector", .file = "dlib_frontal_face_detector.dat",
              .sha256 = "f3f7aa833fb4a14a46fc48689f45b98d85ef72d6dfaf8bdc012b7d3c522a5426", .bytes = 155005,
              .licence = "BSL-1.0", .commercial = true, .get = "make weights-test"}},
    /* Max-margin network of D. King ("Max-Margin Object Detection", 2015), dlib's dnn_mmod_face_detection_ex.cpp. */
    {.info = {.name = "dlib-mmod", .task = "detector", .file = "mmod_human_face_detector.dat",
              .sha256 = "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6", .bytes = 729940,
              .licence = "CC0-1.0", .commercial = true, .get = "make weights-test"},
     .urls = {DLIB "mmod_human_face_detector.dat.bz2"}},
    /* MTCNN, Zhang et al. 2016; the arrays of the package mtcnn 1.0.0 as ONNX (tools/weights/mtcnn.py). */
    {.info = {.name = "mtcnn-pnet", .task = "detector", .file = "mtcnn_pnet.onnx",
              .sha256 = "85073baa5500092be4ab9c4d9432148bfdc1a80216f0611e8dc476dab30f2c01", .bytes = 27709,
              .licence = "MIT", .commercial = true, .get = "make weights-test"}},
    {.info = {.name = "mtcnn-rnet", .task = "detector", .file = "mtcnn_rnet.onnx",
              .sha256 = "ce58753c84ca0495fe971fe7a543f30c0fc4f2d99fc39072f0fb4e94b28c29e6", .bytes = 402141,
              .licence = "MIT", .commercial = true, .width = 24, .height = 24, .get = "make weights-test"}},
    {.info = {.name = "mtcnn-onet", .task = "detector", .file = "mtcnn_onet.onnx",
              .sha256 = "11166cda4e41a27d7bad80449d40305efca1a17d09013effcd05a92022320395", .bytes = 1558034,
              .licence = "MIT", .commercial = true, .width = 48, .height = 48, .get = "make weights-test"}},
    /* YuNet, Wu et al. 2023, of OpenCV Zoo: upstream's very file. */
    {.info = {.name = "yunet", .task = "detector", .file = "face_detection_yunet_2023mar.onnx",
              .sha256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4", .bytes = 232589,
              .licence = "MIT", .commercial = true, .get = "make weights-test"},
     .urls = {GITHUB "opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx"}, .any_size = true, .least_cosine = 0.999, .exact_weights = true},
    /* CenterFace, Xu et al. 2019, as its authors exported it. */
    {.info = {.name = "centerface", .task = "detector", .file = "centerface.onnx",
              .sha256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc", .bytes = 7304518,
              .licence = "MIT", .commercial = true, .get = "make weights-test"},
     .urls = {GITHUB "Star-Clouds/CenterFace/raw/master/models/onnx/centerface.onnx"}, .any_size = true},
    /* SCRFD, Guo et al. 2021. In no package registry: bytes and sha256 as projects that use the file have pinned them. */
    {.info = {.name = "scrfd", .task = "detector", .file = "det_10g.onnx", .sha256 = "",
              .licence = "InsightFace, research only", .commercial = false,
              .get = "deepface models pull scrfd"},
     .official = "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91", .about = 16923827,
     .urls = {GITHUB "deepinsight/insightface/releases/download/v0.7/buffalo_l.zip"}},
    /* RetinaFace on ResNet-50, the ONNX file of the package retina-face 0.0.19. */
    {.info = {.name = "retinaface-resnet50", .task = "detector", .file = "retinaface.onnx", .sha256 = "",
              .licence = "MIT, trained by InsightFace", .commercial = false,
              .get = "deepface models pull retinaface-resnet50"},
     .urls = {UPSTREAM("retinaface.onnx")}},
    /* Ultralytics' networks trained on faces; upstream keeps them as .pt of the same names (models/face_detection/Yolo.py). */
    YOLO("yolov8n", "yolov8n-face"), YOLO("yolov8m", "yolov8m-face"), YOLO("yolov8l", "yolov8l-face"),
    YOLO("yolov11n", "yolov11n-face"), YOLO("yolov11s", "yolov11s-face"), YOLO("yolov11m", "yolov11m-face"), YOLO("yolov11l", "yolov11l-face"),
    YOLO("yolov12n", "yolov12n-face"), YOLO("yolov12s", "yolov12s-face"), YOLO("yolov12m", "yolov12m-face"), YOLO("yolov12l", "yolov12l-face"),
    /* Ensemble of regression trees, Kazemi & Sullivan 2014, trained by dlib's author; corners of the eyes and the nose. */
    {.info = {.name = "dlib-5-points", .task = "landmarks", .file = "shape_predictor_5_face_landmarks.dat",
              .sha256 = "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888", .bytes = 9150489,
              .licence = "CC0-1.0", .commercial = true, .get = "make weights-demo"},
     .urls = {DLIB "shape_predictor_5_face_landmarks.dat.bz2"}},
    {.info = {.name = "dlib-68-points", .task = "landmarks", .file = "shape_predictor_68_face_landmarks.dat",
              .sha256 = "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f", .bytes = 99693937,
              .licence = "iBUG 300-W, research only", .commercial = false, .get = "make weights-test"},
     .urls = {DLIB "shape_predictor_68_face_landmarks.dat.bz2"}},
    /* BlazeFace, Bazarevsky et al. 2019, as MediaPipe has it: face_detection_short_range, and the older network of its back cameras. */
    {.info = {.name = "mediapipe", .task = "detector", .file = "blazeface_front.onnx",
              .sha256 = "6edbb536ae72da046984a9d9de02dc368df18f5e3a14f8479110543a40540558", .bytes = 429027,
              .licence = "Apache-2.0", .commercial = true, .width = 128, .height = 128, .get = "make weights-test"}, .least_cosine = 0.9998},
    {.info = {.name = "mediapipe-full", .task = "detector", .file = "blazeface_back.onnx",
              .sha256 = "995ef9a20f521319862b09414866262e170a8a0b75350b54c5a1842b6fd88dc5", .bytes = 579430,
              .licence = "Apache-2.0", .commercial = true, .width = 256, .height = 256, .get = "make weights-test"}, .least_cosine = 1},
    /* Face mesh of 468 points, Kartynnik et al. 2019, MediaPipe's face_landmark. */
    {.info = {.name = "facemesh", .task = "landmarks", .file = "facemesh_468.onnx",
              .sha256 = "1a7d9a5264c6ccdab25735bfbc01f191e5ce92710c4c2925250160937559cf7f", .bytes = 3001690,
              .licence = "Apache-2.0", .commercial = true, .width = 192, .height = 192, .get = "make weights-test"}},
    /* mini-XCEPTION, Arriaga et al. 2017, trained on FER2013; the TensorFlow.js models of the package human-models as ONNX, as the next three. */
    {.info = {.name = "emotion", .task = "attribute", .file = "emotion_mini_xception.onnx",
              .sha256 = "33fb6fe4f703e6726cf58c4def24f99fa23b57adcc8378129905c9a2d080700d", .bytes = 829500,
              .licence = "MIT", .commercial = true, .width = 64, .height = 64, .get = "make weights-test"}},
    /* FaceRes, a MobileNet with heads for age and gender: A. Savchenko, HSE_FaceRec_tf. */
    {.info = {.name = "faceres", .task = "attribute", .file = "faceres_age_gender.onnx",
              .sha256 = "d3bd1f222ba4c5cc5e9211bbc9844d00b3e78a6a66278ba235117df229a9d1da", .bytes = 13984025,
              .licence = "MIT", .commercial = true, .width = 224, .height = 224, .get = "make weights-test"}},
    /* "fake-face-detection" of Kaggle (anku420), and LivenessNet (leokwu/livenessnet): how good they are nobody published. */
    {.info = {.name = "antispoof", .task = "liveness", .file = "antispoof_light.onnx",
              .sha256 = "b6d01466548ca8b6eb34495a606ae3ca3026b16012ec2fbc4fddafb9c0f59ec5", .bytes = 1709944,
              .licence = "MIT", .commercial = true, .width = 128, .height = 128, .get = "make weights-test"}},
    {.info = {.name = "liveness", .task = "liveness", .file = "liveness_light.onnx",
              .sha256 = "a57dfcb16a939f8dda9af3cadf2abed491309c153234f7a09fbe51ed78306b30", .bytes = 602848,
              .licence = "MIT", .commercial = true, .width = 32, .height = 32, .get = "make weights-test"}},
    /* ResNet-29 of D. King, "High Quality Face Recognition with Deep Metric Learning", 2017. 99.38 % on LFW by its author. */
    {.info = {.name = "Dlib", .task = "recogniser", .file = "dlib_face_recognition_resnet_model_v1.dat",
              .sha256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30", .bytes = 22466066,
              .licence = "CC0-1.0", .commercial = true, .width = 150, .height = 150, .dims = 128, .get = "make weights-demo"},
     .urls = {DLIB "dlib_face_recognition_resnet_model_v1.dat.bz2"}},
    /* Parkhi, Vedaldi & Zisserman, "Deep Face Recognition", 2015: VGG-16 up to fc7. Oxford gives it for research that earns no money. */
    OF_UPSTREAM("VGG-Face", "recogniser", "vgg_face_weights", 537048848, 224, 224, 4096, "CC BY-NC 4.0", false),
    /* Schroff, Kalenichenko & Philbin, "FaceNet", 2015, as D. Sandberg trained it: Inception-ResNet v1. */
    OF_UPSTREAM("Facenet", "recogniser", "facenet_weights", 91147469, 160, 160, 128, "MIT", true),
    OF_UPSTREAM("Facenet512", "recogniser", "facenet512_weights", 93898289, 160, 160, 512, "MIT", true),
    /* Amos, Ludwiczuk & Satyanarayanan, "OpenFace", 2016: nn4.small2.v1. */
    OF_UPSTREAM("OpenFace", "recogniser", "openface_weights", 14954553, 96, 96, 128, "Apache-2.0", true),
    /* Taigman et al., "DeepFace", 2014, as S. Ghosh trained it on VGGFace2: locally connected layers. */
    OF_UPSTREAM("DeepFace", "recogniser", "VGGFace2_DeepFace_weights_val-0.9034", 409672362, 152, 152, 4096, "MIT", true),
    /* Sun, Wang & Tang, "Deep Learning Face Representation from Predicting 10,000 Classes", 2014, as R. Yan trained it. */
    OF_UPSTREAM("DeepID", "recogniser", "deepid_weights", 1583042, 47, 55, 160, "MIT", true),
    /* Deng et al., "ArcFace", 2019: ResNet-34 of Keras_insightface, whose author says that its photos (MS1M) are for research only. */
    OF_UPSTREAM("ArcFace", "recogniser", "arcface_weights", 136483477, 112, 112, 512, "MIT, trained on MS1M", false),
    /* Alansari et al., "GhostFaceNets", 2023: W1.3 S1, trained on the same photos. */
    OF_UPSTREAM("GhostFaceNet", "recogniser", "ghostfacenet_v1", 17314453, 112, 112, 512, "MIT, trained on MS1M", false),
    /* Zhong et al., "SFace", 2021: MobileFaceNet, the file of OpenCV Zoo (its size and hash: the repository's LFS pointer). */
    {.info = {.name = "SFace", .task = "recogniser", .file = "face_recognition_sface_2021dec.onnx",
              .sha256 = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79", .bytes = 38696353,
              .licence = "Apache-2.0", .commercial = true, .width = 112, .height = 112, .dims = 128, .get = "deepface models pull SFace"},
     .urls = {GITHUB "opencv/opencv_zoo/raw/main/models/face_recognition_sface/face_recognition_sface_2021dec.onnx"}},
    /* InsightFace's ResNet-50 trained on WebFace600K with ArcFace's loss, the recogniser of its pack buffalo_l. */
    {.info = {.name = "Buffalo_L", .task = "recogniser", .file = "buffalo_l/webface_r50.onnx", .sha256 = "",
              .licence = "InsightFace, research only", .commercial = false, .width = 112, .height = 112, .dims = 512,
              .get = "deepface models pull Buffalo_L"},
     .about = 174383860, .urls = {"https://drive.google.com/uc?export=download&confirm=pbef&id=1N0GL-8ehw_bz2eZQWz2b0A5XBdXdxZhg"}},
    /* Upstream's attributes, heads on VGG-Face's trunk, and its small network for emotions. */
    OF_UPSTREAM("VGG-Age", "attribute", "age_model_weights", 0, 224, 224, 0, "CC BY-NC 4.0", false),
    OF_UPSTREAM("VGG-Gender", "attribute", "gender_model_weights", 0, 224, 224, 0, "CC BY-NC 4.0", false),
    OF_UPSTREAM("VGG-Race", "attribute", "race_model_single_batch", 0, 224, 224, 0, "CC BY-NC 4.0", false),
    OF_UPSTREAM("CNN-Emotion", "attribute", "facial_expression_model_weights", 0, 48, 48, 0, "MIT", true),
    /* Silent-Face-Anti-Spoofing of Minivision: two networks on two crops of a face. */
    OF_UPSTREAM("FasNet-V2", "liveness", "2.7_80x80_MiniFASNetV2", 0, 80, 80, 0, "Apache-2.0", true),
    OF_UPSTREAM("FasNet-V1SE", "liveness", "4_0_0_80x80_MiniFASNetV1SE", 0, 80, 80, 0, "Apache-2.0", true),
};

enum { WEIGHTS = sizeof weights / sizeof *weights };

const df_weights *df__weights_at(size_t index) { return index < WEIGHTS ? &weights[index] : NULL; }

const df_weights *df__weights_find(const char *name)
{
    for (size_t i = 0; i < WEIGHTS; i++)
        if (strcasecmp(weights[i].info.name, name) == 0)
            return &weights[i];
    return NULL;
}
