#!/bin/sh
# Galleries: register, search, identify, stats. The photos are public ones (obama, biden).
. "$(dirname "$0")/lib.sh"
export DEEPFACE_CACHE=off # no trials of kernels: the same answers from command to command
run register; expect 2; one_error
run register a.jpg; expect 2; one_error; says "$err" '--db G\.db'
run search a.jpg; expect 2; one_error; says "$err" '--db G\.db'
run search a.jpg --db "$tmp/none.db"; expect 2; one_error; says "$err" 'none\.db: there is no gallery'
run gallery frobnicate --db "$tmp/none.db"; expect 2; one_error
printf 'no gallery at all, and longer than the one hundred bytes that the head of an SQLite file has, as this line shows' >"$tmp/text.db"
run search a.jpg --db "$tmp/text.db"; expect 3; one_error; says "$err" 'text\.db: not a gallery'
mkdir "$tmp/empty"
run register "$tmp/empty" --db "$tmp/g.db"; expect 2; one_error; says "$err" 'holds no photos'
claim "a refused call makes no gallery" [ ! -e "$tmp/g.db" ]
needs_photos
g=$tmp/g.db
mkdir -p "$tmp/people/Barack Obama" "$tmp/people/Joe Biden"
cp "$photos/obama.jpg" "$photos/obama2.jpg" "$tmp/people/Barack Obama"
cp "$photos/biden.jpg" "$tmp/people/Joe Biden"

# register: folders name people, the same again is known, the same content elsewhere a duplicate, bad photos are told at the end
run register "$tmp/people" --db "$g"; expect 0; silent "$err"; says "$out" 'registered 3 +faces 3 +known 0 +duplicates 0 +refused 0'
run register "$tmp/people" --db "$g" --json; expect 0; json "$out" 'd["known"] == 3 and d["registered"] == 0 and d["refused"] == []'
cp "$photos/biden.jpg" "$tmp/copy.jpg"
: >"$tmp/broken.jpg"
run register "$tmp/copy.jpg" "$tmp/broken.jpg" "$tmp/nix.jpg" --db "$g"; expect 2
says "$out" 'registered 0 +faces 0 +known 0 +duplicates 1 +refused 2'; says "$err" 'broken\.jpg'; says "$err" 'nix\.jpg: No such file'
run gallery stats --db "$g"; expect 0; says "$out" 'people +2'; says "$out" 'photos +3'; says "$out" 'align points'
run gallery stats --db "$g" --json; expect 0; json "$out" 'd["people"] == 2 and d["faces"] == 3 and d["unnamed"] == 0 and d["dims"] == 128'

# attributes: of photos that are known too, in and out of a gallery, in conditions
if "$deepface" models check emotion faceres antispoof liveness -q 2>/dev/null; then
  run register "$tmp/people" --db "$g" --with age,beauty; expect 2; one_error; says "$err" '"beauty" is none of'
  run register "$tmp/people" --db "$g" --with embedding; expect 2; one_error; says "$err" 'beside the vector'
  run register "$tmp/people" --db "$g" --with age,gender,emotion,race,liveness,quality; expect 0; silent "$err"
  says "$out" 'registered 0 +faces 0 +known 0 +duplicates 0 +refused 0 +completed 3'
  run register "$tmp/people" --db "$g" --with age,gender --json; expect 0; json "$out" 'd["known"] == 3 and d["completed"] == 0'
  run gallery stats --db "$g"; expect 0; says "$out" 'known of +3 age, 3 gender, 3 emotion, 3 race, 3 liveness, 3 quality'
  run gallery stats --db "$g" --json; expect 0; json "$out" 'd["faces"] == 3 and d["with_age"] == d["with_quality"] == 3'
  run search "$photos/obama2.jpg" --db "$g" --json --where "gender = 'Man' and age between 20 and 90 and quality > 0.2"; json "$out" 'd["searched"] == 3'
  run search "$photos/obama2.jpg" --db "$g" --auto-filter; expect 0; says "$out" "filter: \(gender = 'Man' or gender_confidence < 0\.9 or gender_confidence is null\): 3 of 3 faces, 100 %"
  run search "$photos/biden.jpg" --db "$g" --auto-filter --auto-by gender,race,age --auto-bar 0.6 --json; expect 0
  json "$out" '"race" in d["probes"][0]["filter"] and "age between" in d["probes"][0]["filter"] and d["probes"][0]["searched"] <= 3'
  run search "$photos/obama2.jpg" --db "$g" --auto-by gender; expect 2; one_error; says "$err" 'not given'
  run search "$photos/obama2.jpg" --db "$g" --auto-filter --auto-by emotion; expect 2; one_error; says "$err" 'age, gender and race'
  run gallery export "$tmp/with.csv" --db "$g"; run gallery import "$tmp/with.csv" --db "$tmp/with.db"; expect 0
  run gallery stats --db "$tmp/with.db" --json; json "$out" 'd["with_age"] == d["with_liveness"] == 3'
  run register "$tmp/people/Joe Biden" --db "$tmp/strict.db" --min-quality 100 --min-face 400; expect 2; says "$err" 'biden\.jpg'; says "$out" 'refused 1'
fi

# CSV: other columns become metadata
cp "$photos/obama3.jpg" "$tmp/third.jpg"
printf 'path,name,team,year\nthird.jpg,Barack Obama,democrats,2012\n' >"$tmp/list.csv"
run register "$tmp/list.csv" --db "$g"; expect 0; says "$out" 'registered 1'
printf 'file\nx.jpg\n' >"$tmp/bad.csv"
run register "$tmp/bad.csv" --db "$g"; expect 2; one_error; says "$err" 'a column path'
run register "$tmp/copy.jpg" --db "$g" --meta '[1]'; expect 2; one_error; says "$err" 'no JSON object'
run register "$tmp/copy.jpg" --db "$g" --meta '{"a"'; expect 2; one_error; says "$err" 'no JSON'

# search
run search "$photos/obama2.jpg" --db "$g"; expect 0; silent "$err"; says "$out" 'Barack Obama'; claim "no stranger is named" sh -c "! grep -q Biden '$out'"
# (a face together with others may take other kernels than alone, within the precision)
run search "$photos/obama2.jpg" --db "$g" --json; expect 0; silent "$err"
json "$out" 'd["searched"] == 4 and [m["name"] for m in d["probes"][0]["matches"]] == ["Barack Obama"] * 3 and d["probes"][0]["matches"][0]["distance"] < 5e-4'
run search "$photos/obama2.jpg" --db "$g" --json -k 1; json "$out" 'len(d["probes"][0]["matches"]) == 1'
run search "$photos/obama2.jpg" --db "$g" --json --nearest; json "$out" '[m["verified"] for m in d["probes"][0]["matches"]] == [True] * 3 + [False]'
run search "$photos/obama2.jpg" --db "$g" --align eyes; expect 3; one_error; says "$err" 'two pipelines do not compare'
run search "$tmp/broken.jpg" --db "$g"; expect 2; one_error
# search and verify agree
run verify "$photos/obama2.jpg" "$photos/obama.jpg" --json; distance=$(python3 -c "import json; print(json.load(open('$out'))['distance'])")
run search "$photos/obama2.jpg" --db "$g" --json; json "$out" "any(abs(m['distance'] - $distance) < 5e-4 for m in d['probes'][0]['matches'])"

# identify
run identify "$photos/obama.jpg" "Barack Obama" --db "$g"; expect 0; says "$out" 'same person'
run identify "$photos/obama.jpg" "Joe Biden" --db "$g" --json; expect 1; json "$out" 'd["verified"] is False'
run identify "$photos/obama.jpg" Nobody --db "$g"; expect 2; one_error; says "$err" 'nobody is named "Nobody"'

# filters
run search "$photos/obama2.jpg" --db "$g" --json --where "meta.team = 'democrats'"; expect 0; json "$out" 'd["searched"] == 1 and len(d["probes"][0]["matches"]) == 1'
run search "$photos/obama2.jpg" --db "$g" --json --where "meta.year < 2000 or name = 'Joe Biden'" --nearest; json "$out" '[m["name"] for m in d["probes"][0]["matches"]] == ["Joe Biden"]'
run search "$photos/obama2.jpg" --db "$g" --where "meta.team = "; expect 2; one_error; says "$err" 'where: it ends after 12 bytes'
run search "$photos/obama2.jpg" --db "$g" --far 1e-4; expect 2; one_error; says "$err" 'names 2 people; 20 are needed'
run help search; claim "search has one --far, of the whole search" [ "$(grep -cE '^ +--far ' "$out")" = 1 ]; says "$out" 'search of a stranger'
run help find; claim "find has the pipeline's --far" [ "$(grep -cE '^ +--far ' "$out")" = 1 ]; says "$out" 'in one comparison'
run search "$photos/obama2.jpg" --db "$g" --far 2; expect 2; one_error; says "$err" 'outside'
run search "$photos/obama2.jpg" --db "$g" --far 0.1 --threshold 0.1; expect 2; one_error; says "$err" 'exclude each other'

# update, export, import, delete, check, vacuum
run update "Joe Biden" --db "$g" --name "J. O'Biden" --meta '{"team": "democrats"}'; expect 0; says "$out" '1 face'
run identify "$photos/biden.jpg" "J. O'Biden" --db "$g" -q; expect 0
run update "Joe Biden" --db "$g" --name X; expect 2; one_error; says "$err" 'nobody is named "Joe Biden"'
run update --where "name = 'Joe Biden'" --db "$g" --name X; expect 2; one_error; says "$err" 'no face'
run delete "J. O'Biden" Nobody --db "$g"; expect 2; one_error; says "$err" 'nobody is named "Nobody"'
run identify "$photos/biden.jpg" "J. O'Biden" --db "$g" -q; expect 0
run update --db "$g" --where "id = 1"; expect 2; one_error; says "$err" '--name or --meta'
run gallery export "$tmp/out.csv" --db "$g"; expect 0; says "$out" '4 faces'
run gallery import "$tmp/out.csv" --db "$tmp/h.db"; expect 0; says "$out" '4 faces'
run gallery export "$tmp/again.csv" --db "$tmp/h.db"; expect 0
claim "what is exported and imported is the same" cmp -s "$tmp/out.csv" "$tmp/again.csv"
claim "vectors too" cmp -s "$tmp/out.npy" "$tmp/again.npy"
run search "$photos/obama2.jpg" --db "$tmp/h.db" --json --where "meta.team = 'democrats'"; json "$out" 'd["searched"] == 2'
run gallery export "$tmp/out.parquet" --db "$g"; expect 2; one_error; says "$err" 'ends in \.csv'
run gallery export "$tmp/out.csv" --db "$g" --where "name ="; expect 2; one_error
claim "an export that fails leaves what was there, and nothing beside it" sh -c "cmp -s '$tmp/out.csv' '$tmp/again.csv' && ! ls '$tmp'/*.part 2>/dev/null"
run gallery export "$tmp/some.csv" --db "$g" --where "name = 'Barack Obama'"; expect 0; says "$out" '3 faces'
printf 'path,sha256\nx.jpg,00\n' >"$tmp/no.csv"; run gallery import "$tmp/no.csv" --db "$tmp/h.db"; expect 2; one_error; says "$err" 'line 2: no path or no sha256'
run delete "J. O'Biden" --db "$g"; expect 0; says "$out" '1 face'
run delete "J. O'Biden" --db "$g"; expect 2; one_error
run delete --db "$g"; expect 2; one_error; says "$err" 'names of people or --where'
run delete --where "path like '%third.jpg'" --db "$g"; expect 0
run gallery check --db "$g"; expect 0; says "$out" '0 faults'
run gallery vacuum --db "$g"; expect 0; says "$out" 'faces +2'
run gallery check --db "$g" --json; expect 0; json "$out" 'd["faults"] == 0'
run register "$tmp/copy.jpg" --db "$g" --name Joe -q; expect 0; silent "$out"
run search "$photos/biden.jpg" --db "$g" --json; json "$out" '[m["name"] for m in d["probes"][0]["matches"]] == ["Joe"]'

# indexes: an absent one is answered exactly and says so; built, used, listed, dropped
run search "$photos/obama2.jpg" --db "$g" --json --index scann; expect 2; one_error; says "$err" 'no index is called "scann"'
run search "$photos/obama2.jpg" --db "$g" --json; expect 0; json "$out" 'd["index"] == {"name": "flat", "exact": True, "recall": 1.0, "why": ""}'
run search "$photos/obama2.jpg" --db "$g" --json --index auto; expect 0; json "$out" 'd["index"]["name"] == "flat" and d["index"]["exact"] and "rows" in d["index"]["why"]'
run search "$photos/obama2.jpg" --db "$g" --index flat --recall 0.2; expect 2; one_error; says "$err" 'recall'
run find "$photos/obama2.jpg" "$tmp/people" --index hnsw; expect 2; one_error
run gallery index auto --db "$g"; expect 2; one_error; says "$err" 'nothing is built: flat'
run gallery index scann --db "$g"; expect 2; one_error
for wrong in hnsw:M=0 annoy:forest=3 nmslib:ef=; do
  run gallery index $wrong --db "$g"; expect 2; one_error; says "$err" '(is none of|is not built in)'
done
run gallery index --db "$g" --drop; expect 2; one_error; says "$err" 'which index'
run gallery index --db "$g"; expect 0; silent "$out"
for index in hnsw annoy faiss:IVF1,Flat nmslib; do
  kind=${index%%:*}
  run search "$photos/obama2.jpg" --db "$g" --json --index "$kind"
  if [ "$status" != 0 ]; then # a machine without that library
    expect 2; one_error; says "$err" "index $kind is not built in: it needs"
    continue
  fi
  expect 0; json "$out" "d['index']['exact'] and 'no index $kind is there' in d['index']['why'] and d['index']['name'] == 'flat'"
  run gallery index "$index" --db "$g" --json; expect 0; json "$out" "[(i['index'], i['rows'], i['stale']) for i in d['indexes']] == [('$index', 3, '')]"
  run search "$photos/obama2.jpg" --db "$g" --json --index "$kind"; expect 0
  json "$out" "d['index']['name'] == '$index' and not d['index']['exact'] and 'effort' in d['index']['why'] and [m['name'] for m in d['probes'][0]['matches']] == ['Barack Obama'] * 2"
  run search "$photos/obama2.jpg" --db "$g" --index "$kind" --recall 0.9; expect 0; says "$out" "index $index, approximate: asked for; recall 0.900"
  run gallery stats --db "$g" --json; expect 0; json "$out" "d['indexes'][0]['index'] == '$index'"
  run gallery stats --db "$g"; expect 0; says "$out" "index +$index: 3 faces, 0 since"
  run gallery index "$index" --db "$g" --drop; expect 0; silent "$out"
  claim "a dropped index leaves no file" sh -c "! ls $g-$kind* 2>/dev/null"
  run gallery index "$index" --db "$g" --drop; expect 2; one_error; says "$err" 'there is no such index'
done

# groups
cp "$photos/obama.jpg" "$photos/obama2.jpg" "$photos/obama3.jpg" "$photos/biden.jpg" "$tmp/empty"
run register "$tmp/empty" --db "$tmp/u.db"; expect 0; says "$out" 'registered 4'
run cluster --db "$tmp/u.db" --json; expect 0; json "$out" 'sorted(map(len, d)) == [1, 3]'
run cluster --db "$tmp/u.db" --name person; expect 0; says "$out" '1 groups of two or more with 3 faces, 1 faces alone'
run identify "$photos/obama.jpg" person-1 --db "$tmp/u.db" -q; expect 0
run cluster --db "$tmp/u.db" --threshold 0 --where "id > 0" --json; json "$out" 'len(d) == 4'

# a damaged vector is told
python3 - "$g" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE vector SET data = zeroblob(512) WHERE face = (SELECT min(face) FROM vector)")
db.commit()
END
run gallery check --db "$g"; expect 3; says "$err" 'the vector of face [0-9]+ is not what was written'; says "$out" '1 fault'
finish
