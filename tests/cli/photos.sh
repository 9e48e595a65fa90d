#!/bin/sh
# Every verb on real photos, and on what is no photo.
. "$(dirname "$0")/lib.sh"
needs_photos
a=$photos/obama.jpg b=$photos/obama2.jpg c=$photos/biden.jpg

# verify
run verify "$a" "$b"; expect 0; says "$out" 'same person'; says "$out" 'threshold 0\.'; silent "$err"
run verify "$a" "$c"; expect 1; says "$out" 'different people'; silent "$err"
run verify "$a" "$b" --json; expect 0; silent "$err"
json "$out" 'd["verified"] is True and d["distance"] <= d["threshold"] and d["model"] == "Dlib" and d["detector_backend"] == "retinaface" and d["similarity_metric"] == "cosine" and {"img1", "img2"} == set(d["facial_areas"]) and d["confidence"] > 50 and d["time"] > 0'
run verify "$a" "$c" --json --metric euclidean; expect 1
json "$out" 'd["verified"] is False and d["similarity_metric"] == "euclidean"'
run verify "$a" "$b" -q; expect 0; silent "$out"; silent "$err"
run verify "$a" "$c" --quiet; expect 1; silent "$out"
run verify "$a" "$c" --threshold 0.9 -q; expect 0
run verify "$a" "$b" --threshold=0 -q; expect 1
run verify "$a" "$b" -v; expect 0; says "$err" '^deepface: (debug|info): '
run verify --threads 1 "$a" -q "$b"; expect 0
command="verify - B <A"
for first in 1 2; do
  status=0
  if [ $first = 1 ]; then "$deepface" verify - "$b" -q <"$a" || status=$?; else "$deepface" verify "$b" - -q <"$a" || status=$?; fi
  expect 0
done

# what is no photo
mkdir "$tmp/folder"
: >"$tmp/empty.jpg"
printf 'no photo at all' >"$tmp/text.jpg"
head -c 20000 "$a" >"$tmp/cut.jpg"
for bad in "$tmp/nix.jpg" "$tmp/folder" "$tmp/empty.jpg" "$tmp/text.jpg"; do
  run verify "$a" "$bad"; expect 2; one_error; says "$err" "${bad##*/}"
  run verify "$bad" "$a" --json; expect 2; one_error
  run represent "$bad"; expect 2; one_error
  run detect "$bad"; expect 2; one_error
  run extract "$bad" -o "$tmp/x"; expect 2; one_error
  run draw "$bad" -o "$tmp/x.png"; expect 2; one_error
  run bench "$bad"; expect 2; one_error
done
run verify "$tmp/cut.jpg" "$a"; claim "a photo cut short: 0..2" [ "$status" -le 2 ]
if [ "$(id -u)" != 0 ]; then
  cp "$a" "$tmp/locked.jpg" && chmod 0 "$tmp/locked.jpg"
  run verify "$a" "$tmp/locked.jpg"; expect 2; one_error; says "$err" 'Permission denied'
fi
run verify "$a" "$b" --max-pixels 1000; expect 2; one_error; says "$err" '1000'

# a photo without a face
python3 - "$tmp/grey.bmp" <<'END'
import struct, sys
w = h = 64
px = bytes([90, 100, 110]) * (w * h)
open(sys.argv[1], "wb").write(b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54 + len(px), 0, 0, 54, 40, w, h, 1, 24, 0, len(px), 0, 0, 0, 0) + px)
END
run verify "$a" "$tmp/grey.bmp"; expect 2; one_error; says "$err" 'grey\.bmp: .*no face'
run draw "$tmp/grey.bmp" -o "$tmp/x.png"; expect 2; one_error; says "$err" 'grey\.bmp.*no face'
run verify "$a" "$tmp/grey.bmp" --no-enforce; expect 1; says "$out" 'different people'
run detect "$tmp/grey.bmp" --no-enforce --json; expect 0; json "$out" 'len(d) == 1 and d[0]["confidence"] == 0'

# paths of any bytes
name=$(printf 'f\303\266to \n\033[31m.jpg')
cp "$a" "$tmp/$name"
run detect "$tmp/$name"; expect 0; says "$out" 'föto \\n\\x1b\[31m\.jpg'
run represent "$tmp/$name" "$b" --json; expect 0; json "$out" 'd[0]["path"].endswith("f\u00f6to \n\x1b[31m.jpg") and len(d[0]["faces"][0]["embedding"]) == 128'
bytes=$(printf 'latin\344.jpg')
cp "$a" "$tmp/$bytes"
run represent "$tmp/$bytes" "$b" --json; expect 0; json "$out" 'd[0]["path"].endswith("latin\ufffd.jpg")'
run verify "$tmp/nix$(printf '\n\033[2J')" "$a"; expect 2; one_error; says "$err" 'nix\\n\\x1b'
cp "$a" "$tmp/--json"
(cd "$tmp" && "$deepface" detect -- --json) >"$out" 2>"$err" && status=0 || status=$?
command="detect -- --json"; expect 0; says "$out" '│ --json'

# represent
run represent "$a"; expect 0; says "$out" 'face 1 at .*128 numbers'
run represent "$a" --json; expect 0; json "$out" 'len(d[0]["embedding"]) == 128 and d[0]["face_confidence"] > 0.9 and d[0]["facial_area"]["w"] > 100'
run represent "$a" "$tmp/nix.jpg" "$b" "$tmp/grey.bmp" --json; expect 2; silent "$err"
json "$out" '[("faces" in p, p.get("error", {}).get("code")) for p in d] == [(True, None), (False, 8), (True, None), (False, 4)]'
run represent "$a" "$tmp/nix.jpg" "$b"; expect 2; says "$err" 'nix\.jpg'; says "$out" 'obama2\.jpg'

# detect
run detect "$a" "$b"; expect 0; says "$out" 'left eye'; says "$out" 'obama2\.jpg'
run detect "$a" --json; expect 0; json "$out" 'len(d) == 1 and d[0]["confidence"] > 0.9 and set("xywh") <= set(d[0]["facial_area"])'
run detect "$a" --score 1; expect 2; one_error

# extract
run extract "$a" "$b" -o "$tmp/faces"; expect 0; says "$out" 'obama-1\.png  150 x 150'
claim "extract writes a PNG a face" [ "$(head -c 4 "$tmp/faces/obama2-1.png" | tail -c 3)" = PNG ]
run extract "$a" -o "$tmp/faces" --json; expect 0; json "$out" 'd[0]["path"].endswith("faces/obama-1.png") and d[0]["confidence"] > 0.9'
run detect "$tmp/faces/obama-1.png" -q; expect 0; silent "$out"
run extract "$a" -o "$tmp/text.jpg"; expect 3; one_error; says "$err" 'a file has that name'
run extract "$a" -o "$tmp/no/such/place"; expect 3; one_error; says "$err" 'cannot make the folder'

# draw
run draw "$a" -o "$tmp/marked.png" --labels 'Ärger,x'; expect 0; says "$out" 'marked\.png  1 face$'
run draw "$a" -o "$tmp/marked.jpg" --json; expect 0; json "$out" 'len(d) == 1'
run draw "$a" -o -; expect 0; silent "$err"; claim "draw -o - writes PNG" [ "$(head -c 4 "$out" | tail -c 3)" = PNG ]
run draw "$a" -o "$tmp/marked.xyz"; expect 2; one_error; says "$err" '\.png, \.jpg'
run draw "$a" -o "$tmp/no/such.png"; expect 3; one_error; says "$err" 'no/such\.png'
claim "nothing half-written is left" [ -z "$(find "$tmp" -name '*.part*')" ]
command="draw -o - >/dev/full"; status=0; "$deepface" draw "$a" -o - >/dev/full 2>"$err" || status=$?; : >"$out"; expect 3; one_error

# landmarks, mask, photos on their side, stages
if "$deepface" models check facemesh dlib-68-points mediapipe ssd -q 2>/dev/null; then
  run detect "$a" --json --landmarks 68; expect 0; json "$out" 'len(d[0]["landmarks"]) == 68 and all(len(p) == 2 for p in d[0]["landmarks"])'
  run detect "$a" --json --landmarks 468 --detector mediapipe; expect 0; json "$out" 'len(d[0]["landmarks"]) == 468 and "mouth_left" not in d[0]["facial_area"]'
  run draw "$a" -o "$tmp/mesh.png" --landmarks 468; expect 0; claim "landmarks are drawn" sh -c "! cmp -s '$tmp/mesh.png' '$tmp/marked.png'"
  run draw "$a" -o "$tmp/mesh.png" --landmarks 5; expect 2; one_error; says "$err" 'none, 468, 68'
  run extract "$a" -o "$tmp/masked" --mask; expect 0; claim "a mask changes the crop" sh -c "! cmp -s '$tmp/masked/obama-1.png' '$tmp/faces/obama-1.png'"
  run verify "$a" "$b" --mask; expect 0
  run stages "$a" -o "$tmp/stages.png"; expect 0; says "$out" 'stages\.png  [0-9]+ x 464$'
  run stages "$a" -o "$tmp/stages.jpg" --json --mask --align eyes; expect 0; json "$out" 'd["width"] > 500 and d["height"] == 464'
  run stages "$a" -o -; expect 0; silent "$err"; claim "stages -o - writes PNG" [ "$(head -c 4 "$out" | tail -c 3)" = PNG ]
  run stages "$a"; expect 2; one_error
  run stages "$tmp/grey.bmp" -o "$tmp/x.png"; expect 2; one_error; says "$err" 'grey\.bmp.*no face'
  run detect "$tmp/grey.bmp" --rotate auto; expect 2; one_error; says "$err" 'turned'
  mkdir "$tmp/weights" && ln -s "${DEEPFACE_HOME:-$HOME}/.deepface/weights/retinaface_mobilenet025.onnx" "$tmp/weights"
  for flags in "--landmarks 468" "--landmarks 68" --mask; do
    run extract "$a" -o "$tmp/x" --weights "$tmp/weights" $flags; expect 3; one_error; says "$err" 'To fetch them: make weights-test'
  done
fi

# a terminal gets a bar and colours, NO_COLOR takes the colours away
cat >"$tmp/terminal.py" <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
text = b""
try:
    while chunk := os.read(fd, 65536):
        text += chunk
except OSError:
    pass
os.waitpid(pid, 0)
sys.stdout.buffer.write(text)
END
terminal() { command="on a terminal: $*"; env TERM=xterm python3 "$tmp/terminal.py" "$@" 2>"$err" | tr '\r\033' '\n^' >"$out"; }
terminal "$deepface" represent "$a" "$b"; says "$out" ' 2/2 photos +[0-9.]+/s +0:00 left'; says "$out" 'face 1 at'
terminal "$deepface" represent "$a" "$b" -q; claim "no bar with -q" sh -c "! grep -q photos/s '$out' && ! grep -q left '$out'"
terminal "$deepface" verify "$a" "$b"; says "$out" '\^\[32m.*same person'
terminal env NO_COLOR=1 "$deepface" verify "$a" "$b"; says "$out" 'same person'; claim "NO_COLOR is heeded" sh -c "! grep -q '\^\[3' '$out'"

# bench
run bench "$a" "$b" --runs 1 --json; expect 0; silent "$err"
json "$out" '{s["stage"] for s in d} >= {"decode", "detect", "align", "represent", "verify warm", "verify cold"} and all(s["median_ms"] >= s["min_ms"] >= 0 for s in d)'
finish
