#!/bin/sh
# Galleries: register, search, identify, stats. The photos are public ones (obama, biden).
. "$(dirname "$0")/lib.sh"
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
run search "$photos/obama2.jpg" --db "$g" --json; expect 0; silent "$err"
json "$out" 'd["searched"] == 4 and [m["name"] for m in d["probes"][0]["matches"]] == ["Barack Obama"] * 3 and d["probes"][0]["matches"][0]["distance"] == 0'
run search "$photos/obama2.jpg" --db "$g" --json -k 1; json "$out" 'len(d["probes"][0]["matches"]) == 1'
run search "$photos/obama2.jpg" --db "$g" --json --nearest; json "$out" '[m["verified"] for m in d["probes"][0]["matches"]] == [True] * 3 + [False]'
run search "$photos/obama2.jpg" --db "$g" --align eyes; expect 3; one_error; says "$err" 'two pipelines do not compare'
run search "$tmp/broken.jpg" --db "$g"; expect 2; one_error
# search and verify agree
run verify "$photos/obama2.jpg" "$photos/obama.jpg" --json; distance=$(python3 -c "import json; print(json.load(open('$out'))['distance'])")
run search "$photos/obama2.jpg" --db "$g" --json; json "$out" "any(abs(m['distance'] - $distance) < 1e-6 for m in d['probes'][0]['matches'])"

# identify
run identify "$photos/obama.jpg" "Barack Obama" --db "$g"; expect 0; says "$out" 'same person'
run identify "$photos/obama.jpg" "Joe Biden" --db "$g" --json; expect 1; json "$out" 'd["verified"] is False'
run identify "$photos/obama.jpg" Nobody --db "$g"; expect 2; one_error; says "$err" 'nobody is named "Nobody"'
finish
