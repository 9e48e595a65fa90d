#!/bin/sh
# deepface analyze: what people read, upstream's dictionary, several photos, errors.
. "$(dirname "$0")/lib.sh"
needs_photos
"$deepface" models check emotion faceres antispoof liveness -q 2>/dev/null || { echo "no networks of attributes here: make weights-test"; exit 77; }
a=$photos/obama.jpg b=$photos/biden.jpg

run analyze "$a" "$b"; expect 0; silent "$err"; says "$out" 'emotion'; says "$out" 'obama\.jpg .*Man [0-9]+ %.*happy'; says "$out" 'biden\.jpg .*Man'
run analyze "$a" --json; expect 0; silent "$err"
json "$out" 'len(d) == 1 and set(d[0]) == {"emotion", "dominant_emotion", "age", "gender", "dominant_gender", "race", "dominant_race", "region", "face_confidence"}'
json "$out" 'set(d[0]["emotion"]) == {"angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"} and abs(sum(d[0]["emotion"].values()) - 100) < 0.01'
json "$out" 'set(d[0]["gender"]) == {"Woman", "Man"} and d[0]["dominant_gender"] == "Man" and isinstance(d[0]["age"], int) and set("xywh") < set(d[0]["region"])'
json "$out" 'set(d[0]["race"]) == {"asian", "indian", "black", "white", "middle eastern", "latino hispanic", "other"} and d[0]["race"]["latino hispanic"] is None'
run analyze "$a" "$tmp/nix.jpg" "$b" --json --actions age,gender --with embedding; expect 2; silent "$err"
json "$out" '[("faces" in p, p.get("error", {}).get("code")) for p in d] == [(True, None), (False, 8), (True, None)]'
json "$out" 'set(d[0]["faces"][0]) == {"age", "gender", "dominant_gender", "embedding", "region", "face_confidence"} and len(d[0]["faces"][0]["embedding"]) == 128'
run analyze "$a" --actions emotion; expect 0; says "$out" 'happy'; claim "only what was asked for" [ "$(grep -c Man "$out")" = 0 ]
run analyze "$a" -q; expect 0; silent "$out"
run analyze "$a" --actions mood; expect 2; one_error; says "$err" '"mood" is none of: age, gender, emotion, race'
run analyze "$tmp/nix.jpg"; expect 2; one_error; says "$err" 'nix\.jpg'
run analyze; expect 2; one_error
run analyze "$a" --actions quality,liveness --json; expect 0
json "$out" 'd[0]["is_real"] in (True, False) and 0 <= d[0]["antispoof_score"] <= 1 and d[0]["quality"]["score"] > 80 and d[0]["quality"]["reasons"] == [] and abs(d[0]["quality"]["roll"]) < 10'
run analyze "$photos/obama_partial_face.jpg" --actions quality; expect 0; says "$out" '[0-9]+ cut'
run analyze "$a" --attributes deepface; expect 3; one_error; says "$err" 'models pull'
run verify "$a" "$photos/obama_partial_face.jpg" --min-quality 90; expect 2; one_error; says "$err" 'obama_partial_face\.jpg: 1 face, none of quality 90'
run verify "$a" "$photos/obama2.jpg" --anti-spoofing; expect 0
run extract "$a" -o "$tmp/faces" --json --anti-spoofing --min-quality 10; expect 0
json "$out" 'd[0]["is_real"] is True and d[0]["antispoof_score"] >= 0.5 and d[0]["quality"] > 80'
finish
