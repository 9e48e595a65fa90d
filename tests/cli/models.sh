#!/bin/sh
# models list and check, on folders that the test makes.
. "$(dirname "$0")/lib.sh"
w=$tmp/weights
mkdir "$w"
run models list --weights "$w"; expect 0; says "$out" 'Dlib .* absent'; silent "$err"
run models check --weights "$w"; expect 0; says "$out" 'absent'
run models check Dlib --weights "$w"; expect 3; says "$err" '^deepface: Dlib: weights not found at .*To fetch them: '
run models check Dlib --weights "$w" --json; expect 3; json "$out" 'd[0]["name"] == "Dlib" and d[0]["state"] == "absent" and d[0]["dims"] == 128'
run models list --weights "$w" --json; expect 0; json "$out" '{"retinaface", "Dlib"} <= {m["name"] for m in d}'
run models list --weights "$w" -q; expect 0; silent "$out"
printf 'not a model' >"$w/retinaface_mobilenet025.onnx"
run models list --weights "$w"; expect 3; says "$out" 'retinaface .* damaged'
run models check retinaface --weights "$w"; expect 3; says "$err" '^deepface: retinaface: .*11 bytes'
head -c 1736694 /dev/zero >"$w/retinaface_mobilenet025.onnx"
run models list retinaface --weights "$w"; expect 0; says "$out" 'ready'
run models check retinaface --weights "$w"; expect 3; says "$err" 'sha256'
# verbs say where weights are missing and how to get them
run verify "$root/README.md" "$root/README.md" --weights "$tmp/nowhere"; expect 3; one_error; says "$err" 'weights not found at .*To fetch them: '
env -u HOME -u DEEPFACE_HOME "$deepface" models list >"$out" 2>"$err" && status=0 || status=$?
command="models list without HOME"; expect 2; one_error; says "$err" 'HOME'
finish
