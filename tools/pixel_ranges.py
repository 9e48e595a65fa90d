"""The numbers that a network sees, where these are not 0..1, by how its name begins: what random weights settle to and what benchmarks feed are
the same. What is accurate enough, and with it how fast a precision may be, depends on them."""
RANGES = {"retinaface": (-123, 151), "centerface": (0, 255), "yunet": (0, 255), "face_detection_yunet": (0, 255), "sface": (0, 255), "minifasnet": (0, 255),
          "det_10g": (-1, 1), "scrfd": (-1, 1), "w600k": (-1, 1), "mtcnn": (-1, 1), "blazeface": (-1, 1), "faceres": (-124, 151), "mini_xception": (-1, 1), "emotion_mini": (-1, 1)}


def of(name):
    return next((r for prefix, r in RANGES.items() if name.lower().startswith(prefix)), (0, 1))
