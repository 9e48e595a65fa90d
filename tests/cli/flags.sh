#!/bin/sh
# Arguments: what is wrong is told in one line that names it, and the exit code is 2. No weights are needed.
. "$(dirname "$0")/lib.sh"

run; expect 2; silent "$out"; says "$err" '^usage: deepface COMMAND'
run --version; expect 0; says "$out" '^deepface [0-9]+\.[0-9]+\.[0-9]+$'; silent "$err"
run help; expect 0; says "$out" '^  verify '; silent "$err"
run --help; expect 0; says "$out" '^  verify '
for c in verify extract represent draw detect models bench help; do
  run help $c; expect 0; says "$out" "^usage: deepface $c"; silent "$err"
  run $c --help; expect 0; says "$out" "^usage: deepface $c"
  run $c -h; expect 0
done
run help verify; says "$out" '^  --metric NAME'; says "$out" '^  --\[no-\]enforce'; says "$out" '^  -q, --quiet'
run help models; claim "models has no flags of the pipeline" sh -c "! grep -q metric '$out'"
run help nix; expect 2; one_error
run verfy a b; expect 2; one_error; says "$err" 'did you mean verify\?'
run frobnicate; expect 2; one_error; says "$err" 'there is no command "frobnicate"'
run ''; expect 2; one_error

# flags
run verify a b --treshold 1; expect 2; one_error; says "$err" 'no flag --treshold; did you mean --threshold\?'
run verify a b --thr; expect 2; one_error; says "$err" 'did you mean --threads or --threshold\?'
run verify a b --max; expect 2; one_error; says "$err" '--max-pixels'; says "$err" '--max-faces'
run verify a b --no-enforc; expect 2; one_error; says "$err" 'did you mean --no-enforce\?'
run verify a b --zzzzzzzz; expect 2; one_error; says "$err" 'no flag --zzzzzzzz'
run verify -5.jpg b; expect 2; one_error; says "$err" 'no flag -5\.jpg'
run models list --metric cosine; expect 2; one_error; says "$err" 'models has no flag --metric'
run verify a b --threshold; expect 2; one_error; says "$err" '--threshold needs a value'
run verify a b --threshold --json; expect 2; one_error; says "$err" '--threshold needs a value'
run verify a b --threads; expect 2; one_error; says "$err" '--threads needs a value'
run draw a -o; expect 2; one_error; says "$err" '-o needs a value'
run verify a b --json=1; expect 2; one_error; says "$err" '--json takes no value'
run verify a b --no-enforce=off; expect 2; one_error; says "$err" '--no-enforce takes no value'
run verify a b --no-json; expect 2; one_error
run verify a b --weights=; expect 2; one_error; says "$err" 'empty'

# values
for v in -1 nan inf 0x zwei '' 1e400 2000000; do
  run verify a b --threshold="$v"; expect 2; one_error; says "$err" 'threshold'
done
run verify a b --threshold -1; expect 2; one_error; says "$err" 'threshold: -1 is outside'
run verify a b --max-faces 99999999999999999999; expect 2; one_error; says "$err" 'max_faces: 9+ is outside'
run verify a b --max-faces -3; expect 2; one_error; says "$err" 'max_faces: -3 is outside'
run verify a b --max-faces 1.5; expect 2; one_error; says "$err" 'whole number'
run verify a b --threads -1; expect 2; one_error; says "$err" '--threads: -1 is outside 0\.\.1024'
run verify a b --threads 1000000; expect 2; one_error
run verify a b --threads 2x; expect 2; one_error; says "$err" 'whole number'
run verify a b --max-pixels 0; expect 2; one_error; says "$err" 'outside 1\.\.'
run verify a b --max-pixels -5; expect 2; one_error
run verify a b --metric cosinus; expect 2; one_error; says "$err" 'none of: cosine, euclidean'
run verify a b --model; expect 2; one_error
run verify a b --enforce=maybe; expect 2; one_error; says "$err" 'neither on nor off'

# how many arguments
run verify; expect 2; one_error; says "$err" 'two photos, 0 given'
run verify a; expect 2; one_error; says "$err" 'two photos, 1 given'
run verify a b c; expect 2; one_error; says "$err" 'two photos, 3 given'
run verify a ''; expect 2; one_error
run verify a b --out x.csv; expect 2; one_error; says "$err" '--out belongs to --pairs'
run verify - -; expect 2; one_error; says "$err" 'standard input'
run represent; expect 2; one_error; says "$err" 'represent needs a photo'
run represent - -; expect 2; one_error
run represent ''; expect 2; one_error; says "$err" 'argument 1 is empty'
run detect; expect 2; one_error
run extract a; expect 2; one_error; says "$err" '-o DIR'
run extract x/a.jpg y/a.png -o "$tmp/faces"; expect 2; one_error; says "$err" 'folders of their own'
claim "no folder is made for refused work" [ ! -e "$tmp/faces" ]
run draw a; expect 2; one_error; says "$err" '-o OUT\.png'
run draw a b -o c.png; expect 2; one_error; says "$err" '"b" is one argument too many'
run draw a -o - --json; expect 2; one_error
run models; expect 2; one_error
run models fetch; expect 2; one_error; says "$err" 'list, check and pull'
run models check nix; expect 2; one_error; says "$err" 'no model is named "nix"'
run bench; expect 2; one_error
run bench -; expect 2; one_error

# -- ends the flags: --b.jpg is a photo then, and the missing weights are what is wrong
run verify a.jpg --weights "$tmp" -- --b.jpg; expect 3; one_error; says "$err" 'weights not found'
run verify a.jpg --weights "$tmp" --b.jpg; expect 2; one_error; says "$err" 'no flag --b\.jpg'
finish
