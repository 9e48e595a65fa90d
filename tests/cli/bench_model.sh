#!/bin/sh
# bench model: times, layers and answers of small networks (the seeds of fuzz_onnx).
. "$(dirname "$0")/lib.sh"
seeds=$root/tests/fuzz/corpus/onnx
export DEEPFACE_CACHE="$tmp/cache"

# what is wrong
run bench model; expect 2; one_error; says "$err" 'needs one file, 0 given'
run bench model a.onnx b.onnx; expect 2; one_error; says "$err" 'needs one file, 2 given'
run bench model "$tmp/nix.onnx"; expect 2; one_error; says "$err" 'nix\.onnx'
run bench model "$root/README.md"; expect 2; one_error; says "$err" 'README\.md'
run bench model "$seeds/conv.onnx"; expect 2; one_error; says "$err" 'x: .*give --size WxH'
for size in 12 0x3 3x 3x-1 3x4x5 axb 99999999x1; do
  run bench model "$seeds/conv.onnx" --size "$size"; expect 2; one_error; says "$err" "$size is no WxH"
done
run bench model "$seeds/matmul.onnx" --batch 3; expect 2; one_error; says "$err" 'x: .*fixed: --batch'
run bench model "$seeds/conv.onnx" --input x.npy --batch 2; expect 2; one_error; says "$err" 'shape of its own'
run bench model "$seeds/conv.onnx" --input "$tmp/nix.npy"; expect 2; one_error; says "$err" 'nix\.npy'
run bench model "$seeds/conv.onnx" --size 8x8 --precision exact; expect 2; one_error; says "$err" 'none of: strict, fast, int8'
run bench model "$seeds/conv.onnx" --size 8x8 --batch 0; expect 2; one_error
run bench a.jpg --batch 2; expect 2; one_error; says "$err" 'bench model'
run verify a b --precision exact; expect 2; one_error; says "$err" '"exact" is none of: strict, fast, int8'

# text
run bench model "$seeds/conv.onnx" --size 64x48 --runs 3 --threads 1; expect 0; silent "$err"
says "$out" 'conv\.onnx  input 1x3x48x64, fast, 1 thread$'; says "$out" 'median [0-9.]+ ms, least [0-9.]+, .*\(3 runs\)'; says "$out" 'load [0-9.]+ ms, without a cache [0-9.]+'
says "$out" 'Conv '; says "$out" 'GFLOP/s'
claim "a cache was left" [ -n "$(find "$tmp/cache" -name '*conv*' 2>/dev/null)" ]
run bench model "$seeds/conv.onnx" --size 64x48 --runs 1 -q; expect 0; silent "$out"; silent "$err"
run bench model "$seeds/conv.onnx" --size 64x48 --runs 1 -v; expect 0; says "$err" 'precision fast'

# JSON
for precision in strict fast int8; do
  run bench model "$seeds/conv.onnx" --size 20x10 --batch 4 --precision $precision --threads 2 --runs 5 --json; expect 0; silent "$err"
  json "$out" "d['model'].endswith('conv.onnx') and d['precision'] == '$precision' and d['threads'] == 2 and d['batch'] == 4 and d['inputs'] == ['4x3x10x20'] and d['runs'] == 5"
  json "$out" "0 < d['min_ms'] <= d['median_ms'] <= d['p90_ms'] and d['load_ms'] > 0 and d['cold_load_ms'] > 0 and abs(d['images_per_s'] * d['median_ms'] / 4000 - 1) < 0.05"
  json "$out" "d['cpu_ms'] > 0 and 'resident_mb' in d and d['peak_gflop_per_s'] > 0 and any(l['op'] == 'Conv' and l['kernel'] and l['name'] and l['ms'] >= 0 for l in d['layers'])"
done
run bench model "$seeds/branch.onnx" --size 4x4 --runs 2 --json; expect 0
json "$out" 'd["layers"] == [] and d["median_ms"] > 0'

# answers for a given input
python3 - "$tmp/x.npy" <<'END'
import struct, sys
head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 6), }"
head += b" " * (-(10 + len(head) + 1) % 64) + b"\n"
open(sys.argv[1], "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + struct.pack("<12f", *[i / 8 for i in range(12)]))
import struct, sys
head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 6), }"
head += b" " * (-(10 + len(head) + 1) % 64) + b"\n"
open(sys.argv[1], "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + struct.pack("<12f", *[i / 8 for i in range(12)]))
END
run bench model "$seeds/matmul.onnx" --input "$tmp/x.npy" --output "$tmp/y.npy" --runs 1 --precision strict --json; expect 0
run bench model "$seeds/matmul.onnx" --input "$tmp/x.npy" --output "$tmp/z.npy" --runs 2 --precision strict --threads 2 -q; expect 0
claim "the answer does not depend on threads and runs" cmp -s "$tmp/y.npy" "$tmp/z.npy"
claim "the answer is a normalised layer of 2 x 4" python3 - "$tmp/y.npy" <<'END'
import struct, sys
b = open(sys.argv[1], "rb").read()
n = struct.unpack("<H", b[8:10])[0]
assert b[:6] == b"\x93NUMPY" and b"(2, 4,)" in b[10:10 + n] and b"<f4" in b[10:10 + n]
y = struct.unpack("<8f", b[10 + n:])
assert all(v == v for v in y) and len(set(y)) > 4, y
END
run bench model "$seeds/move.onnx" --size 8x8 --output "$tmp/m.npy" --runs 1 -q; expect 0
claim "further outputs have names of their own" [ -s "$tmp/m.npy" -a -s "$tmp/m-1.npy" ]
run bench model "$seeds/matmul.onnx" --input "$tmp/y.npy" --runs 1; expect 2; one_error; says "$err" '2x4.* 2x6'
run bench model "$seeds/matmul.onnx" --output "$tmp/no/such.npy" --runs 1; expect 3; one_error; says "$err" 'no/such\.npy'
finish
