"""`deepface models pull` against a server on 127.0.0.1 that plays the official addresses (weights_server.py).

    test_pull.py DEEPFACE ROOT [unittest's arguments]
"""
import bz2
import gzip
import hashlib
import io
import json
import os
import pathlib
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zipfile

DEEPFACE, ROOT = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
sys.path[:0] = [str(ROOT / "tests" / "cli"), str(ROOT / "tools" / "weights")]
import onnx_file as o  # noqa: E402
from weights_server import Good, Server, Silent, Status, make_certificate, redirect  # noqa: E402

GITHUB = "https://github.com/serengil/deepface_models/releases/download/v1.0/arcface_weights.onnx"
HUGGING = "https://huggingface.co/serengil/deepface/resolve/main/arcface_weights.onnx"
PROTOTXT = "https://github.com/opencv/opencv/raw/3.4.0/samples/dnn/face_detector/deploy.prototxt"


def network(seed=1, side=112, dims=512, outputs=1):
    """As upstream's ArcFace goes in and out, channels last; some 600 KB."""
    step = side // 4
    tensors = [o.tensor("w", [16, 3, step, step], [((i * 7919 + seed) % 65521) / 65521 - 0.5 for i in range(48 * step * step)]),
               o.tensor("v", [256, dims], [((i * 104729 + seed) % 65521) / 65521 - 0.5 for i in range(256 * dims)])]
    nodes = [o.node("Transpose", "t", ["x"], perm=[0, 3, 1, 2]), o.node("Conv", "c", ["t", "w"], strides=[step, step]),
             o.node("Flatten", "f", ["c"]), o.node("MatMul", "y", ["f", "v"])]
    return o.model("tiny", nodes, tensors, [o.port("x", ["n", side, side, 3])], [o.port("y", ["n", dims])][:outputs])


ONE, TWO = network(1), network(2)


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Pull(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.common = tempfile.mkdtemp(prefix="df-pull-")
        cls.addClassCleanup(shutil.rmtree, cls.common)
        cls.pem = make_certificate(cls.common)

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="df-pull-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.weights = self.dir / ".deepface" / "weights"
        self.file = self.weights / "arcface_weights.onnx"
        self.server = Server(self.pem)
        self.addCleanup(self.server.__exit__)

    def environment(self, home=None, proxy=True, trust=True):
        env = {k: v for k, v in os.environ.items() if k.lower() not in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file")}
        env.update(DEEPFACE_HOME=str(home or self.dir), DEEPFACE_CACHE="off", LC_ALL="C.UTF-8")
        if proxy:
            env["https_proxy"] = self.server.url
        if trust:
            env["CURL_CA_BUNDLE"] = self.pem + ".crt"
        return env

    def start(self, *args, env=None, **more):
        command = [DEEPFACE, "models", "pull", *args]
        return subprocess.Popen(command, env=env or self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **more)

    def end(self, process, expect=0):
        out, err = (text.decode() for text in process.communicate(timeout=60))
        self.assertEqual(process.returncode, expect, f"{out}\n{err}")
        return out, err

    def pull(self, *args, expect=0, env=None, **more):
        return self.end(self.start(*args, env=env, **more), expect)

    def holds(self, data, file=None):
        """The file and its record alone: nothing of the pull is left."""
        file = file or self.file
        self.assertEqual(file.read_bytes(), data)
        self.assertEqual((file.parent / (file.name + ".sha256")).read_text(), f"{sha(data)}  {file.name}\n")
        self.assertEqual(sorted(f.name for f in file.parent.iterdir()), [file.name, file.name + ".sha256"])

    def nothing(self):
        self.assertEqual([f.name for f in self.weights.iterdir()] if self.weights.exists() else [], [])

    def addresses(self):
        return [address for address, _ in self.server.seen]

    def ranges(self):
        return [headers.get("Range") for _, headers in self.server.seen]

    # ---- official addresses, through a proxy and by TLS ----

    def test_the_official_address_and_its_record(self):
        self.server.on(GITHUB, Good(ONE))
        out, err = self.pull("ArcFace")
        self.assertIn("ArcFace: fetched, and right", out)
        self.assertIn(GITHUB, err)
        self.holds(ONE)
        self.assertEqual(self.addresses(), [GITHUB])
        out, err = self.pull("arcface")
        self.assertIn("there already, and right", out)
        self.assertEqual(self.addresses(), [GITHUB])
        shown = json.loads(self.pull("ArcFace", "--json", "-q")[0])
        self.assertEqual([shown[0][k] for k in ("name", "state", "path")], ["ArcFace", "kept", str(self.file)])

    def test_mirrors_in_order(self):
        self.server.on(HUGGING, Good(ONE))
        _, err = self.pull("ArcFace")
        self.assertEqual(self.addresses(), [GITHUB, HUGGING])
        self.assertIn("HTTP 404 Not Found", err)
        self.holds(ONE)

    def test_no_address_works(self):
        out, err = self.pull("ArcFace", expect=3)
        self.assertEqual(self.addresses(), [GITHUB, HUGGING])
        self.assertIn(f"{GITHUB}: HTTP 404 Not Found; {HUGGING}: HTTP 404 Not Found", err)
        self.assertIn("--from FILE", err)
        self.nothing()
        shown = json.loads(self.pull("ArcFace", "--json", "-q", expect=3)[0])
        self.assertEqual(shown[0]["state"], "failed")
        self.assertIn("404", shown[0]["error"])

    def test_a_certificate_that_nobody_vouches_for(self):
        self.server.on(GITHUB, Good(ONE))
        _, err = self.pull("ArcFace", expect=3, env=self.environment(trust=False))
        self.assertIn("certificate", err)
        self.assertEqual(self.addresses(), [])

    def test_a_pinned_file_in_bz2(self):
        text = (ROOT / "README.md").read_bytes()
        self.server.on("https://dlib.net/files/mmod_human_face_detector.dat.bz2", Good(bz2.compress(text)))
        _, err = self.pull("dlib-mmod", expect=3)
        self.assertIn(f"{len(text)} bytes, not the 729940", err)
        self.assertIn("make weights-test", err)
        self.nothing()

    # ---- cut off and gone on with ----

    def test_cut_off_and_resumed(self):
        url = self.server.on("/net.onnx", Good(ONE, etag='"a"', cut=300000), Good(ONE, etag='"a"', cut=320000), Good(ONE, etag='"a"'))
        _, err = self.pull("ArcFace", "--from", url)
        self.assertIn(f"cut off at byte 300000 of {len(ONE)}; try 2 of 5", err)
        self.assertEqual(self.ranges(), [None, "bytes=300000-", "bytes=320000-"])
        self.assertEqual([h.get("If-Range") for _, h in self.server.seen], [None, '"a"', '"a"'])
        self.holds(ONE)

    def test_cut_off_by_date(self):
        date = "Sat, 01 Jan 2022 00:00:00 GMT"
        url = self.server.on("/net.onnx", Good(ONE, etag='W/"weak"', modified=date, cut=300000), Good(ONE, modified=date))
        self.pull("ArcFace", "--from", url)
        self.assertEqual([h.get("If-Range") for _, h in self.server.seen], [None, date])
        self.holds(ONE)

    def test_another_file_meanwhile(self):
        url = self.server.on("/net.onnx", Good(ONE, etag='"a"', cut=300000), Good(TWO, etag='"b"'))
        self.pull("ArcFace", "--from", url)
        self.assertEqual(self.ranges(), [None, "bytes=300000-"])
        self.holds(TWO)

    def test_no_tag_and_no_hash_begin_anew(self):
        url = self.server.on("/net.onnx", Good(ONE, cut=300000), Good(TWO))
        self.pull("ArcFace", "--from", url)
        self.assertEqual(self.ranges(), [None, None])
        self.holds(TWO)

    def test_no_tag_but_a_known_hash_goes_on(self):
        self.weights.mkdir(parents=True)
        (self.weights / "arcface_weights.onnx.sha256").write_text(sha(ONE) + "\n")
        url = self.server.on("/net.onnx", Good(ONE, cut=300000), Good(ONE))
        self.pull("ArcFace", "--from", url)
        self.assertEqual(self.ranges(), [None, "bytes=300000-"])
        self.assertEqual(self.file.read_bytes(), ONE)

    def test_a_server_without_ranges(self):
        url = self.server.on("/net.onnx", Good(ONE, etag='"a"', ranges=False, cut=300000), Good(ONE, etag='"a"', ranges=False))
        self.pull("ArcFace", "--from", url)
        self.assertEqual(self.ranges(), [None, "bytes=300000-"])
        self.holds(ONE)

    def test_a_range_that_begins_elsewhere(self):
        url = self.server.on("/net.onnx", Good(ONE, etag='"a"', cut=300000), Good(ONE, etag='"a"', shift=10), Good(ONE, etag='"a"'))
        self.pull("ArcFace", "--from", url)
        self.assertEqual(self.ranges(), [None, "bytes=300000-", None])
        self.holds(ONE)

    def test_a_file_that_became_shorter(self):
        url = self.server.on("/net.onnx", Good(ONE, etag='"a"', cut=300000), Status(416), Good(TWO, etag='"b"'))
        self.pull("ArcFace", "--from", url)
        self.assertEqual(self.ranges(), [None, "bytes=300000-", None])
        self.holds(TWO)

    def test_kill_9_in_the_middle(self):
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.server.on(GITHUB, Good(ONE, etag='"a"', gate=gate), Good(ONE, etag='"a"'))
        process = self.start("ArcFace")
        part = self.weights / "arcface_weights.onnx.pull"
        deadline = time.time() + 20
        while not (part.exists() and part.stat().st_size >= len(ONE) // 2) and time.time() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertFalse(self.file.exists())
        self.assertEqual(part.stat().st_size, len(ONE) // 2)
        self.pull("ArcFace")
        self.assertEqual(self.ranges(), [None, f"bytes={len(ONE) // 2}-"])
        self.holds(ONE)

    def test_kill_9_at_any_moment(self):
        """At once, and ever later: the file is never there half, and the next pull is right."""
        self.server.on(GITHUB, Good(ONE, etag='"a"', rate=200000))
        for i in range(12):
            process = self.start("ArcFace")
            time.sleep(0.05 + 0.07 * i)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if self.file.exists():
                self.assertEqual(self.file.read_bytes(), ONE)
        self.pull("ArcFace")
        self.holds(ONE)

    def test_a_whole_part_that_was_not_looked_at_yet(self):
        self.weights.mkdir(parents=True)
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        (self.weights / "arcface_weights.onnx.pull").write_bytes(ONE)
        (self.weights / "arcface_weights.onnx.pull.about").write_text(f'deepface-pull 1\n{boot}\n{GITHUB}\n"a"\n{len(ONE)}\n')
        self.pull("ArcFace")
        self.assertEqual(self.addresses(), [])
        self.holds(ONE)

    def test_a_part_from_before_a_crash_of_the_machine(self):
        self.weights.mkdir(parents=True)
        (self.weights / "arcface_weights.onnx.pull").write_bytes(b"\0" * 300000)
        (self.weights / "arcface_weights.onnx.pull.about").write_text(f'deepface-pull 1\nanother boot\n{GITHUB}\n"a"\n{len(ONE)}\n')
        self.server.on(GITHUB, Good(ONE, etag='"a"'))
        self.pull("ArcFace")
        self.assertEqual(self.ranges(), [None])
        self.holds(ONE)

    def test_a_part_whose_note_is_damaged(self):
        for note in (b"", b"deepface-pull 1\n", b"\xff" * 5000, b"deepface-pull 1\n\n\n\nmany\n"):
            self.weights.mkdir(parents=True, exist_ok=True)
            self.file.unlink(missing_ok=True)
            (self.weights / "arcface_weights.onnx.pull").write_bytes(b"\0" * 300000)
            (self.weights / "arcface_weights.onnx.pull.about").write_bytes(note)
            self.server.on(GITHUB, Good(ONE, etag='"a"'))
            self.pull("ArcFace")
            self.holds(ONE)
        self.assertEqual(self.ranges(), [None] * 4)

    def test_what_a_kill_left_beside_the_right_file_goes(self):
        self.server.on(GITHUB, Good(ONE))
        self.pull("ArcFace")
        (self.weights / "arcface_weights.onnx.unpacked").write_bytes(b"1")
        (self.weights / "arcface_weights.onnx.pull").write_bytes(b"1")
        self.pull("ArcFace")
        self.holds(ONE)

    # ---- failures that may pass, and those that do not ----

    def test_503_then_good(self):
        url = self.server.on("/net.onnx", Status(503), Status(429, Retry_After="1"), Good(ONE))
        begin = time.time()
        _, err = self.pull("ArcFace", "--from", url)
        self.assertIn("HTTP 503 Service Unavailable; try 2 of 5 in 0.5 s", err)
        self.assertIn("HTTP 429 Too Many Requests; try 3 of 5 in 1.0 s", err)
        self.assertGreaterEqual(time.time() - begin, 1.5)
        self.holds(ONE)

    def test_503_for_ever(self):
        url = self.server.on("/net.onnx", Status(503))
        _, err = self.pull("ArcFace", "--from", url, "--retries", "2", expect=3)
        self.assertEqual(len(self.server.seen), 3)
        self.assertIn("HTTP 503", err)
        self.nothing()

    def test_a_server_that_is_gone(self):
        with Server() as gone:
            url = gone.url
        _, err = self.pull("ArcFace", "--from", url + "/net.onnx", "--retries", "1", expect=3)
        self.assertIn("try 2 of 2", err)
        self.assertIn("onnect", err.splitlines()[-1])

    def test_too_slow(self):
        url = self.server.on("/net.onnx", Good(ONE, etag='"a"', rate=100))
        _, err = self.pull("ArcFace", "--from", url, "--retries", "0", "--stall", "2", expect=3)
        self.assertIn("too slow: less than 1,000 bytes a second for 2 s", err)

    def test_never_an_answer(self):
        url = self.server.on("/net.onnx", Silent())
        _, err = self.pull("ArcFace", "--from", url, "--retries", "0", "--stall", "2", expect=3)
        self.assertIn("too slow", err)

    def test_redirections(self):
        self.server.on("/b", redirect("/c"))
        self.server.on("/c", Good(ONE))
        self.pull("ArcFace", "--from", self.server.on("/a", redirect(self.server.url + "/b")))
        self.assertEqual(self.addresses(), ["/a", "/b", "/c"])
        self.holds(ONE)

    def test_redirections_in_a_circle(self):
        _, err = self.pull("ArcFace", "--from", self.server.on("/a", redirect("/a")), expect=3)
        self.assertEqual(len(self.server.seen), 11)
        self.assertIn("edirects", err)
        self.nothing()

    def test_https_is_never_left(self):
        self.server.on("/net.onnx", Good(ONE))
        self.server.on(GITHUB, redirect(self.server.url + "/net.onnx"))
        self.server.on(HUGGING, redirect("https://github.com/elsewhere"))
        self.server.on("https://github.com/elsewhere", Good(ONE))
        _, err = self.pull("ArcFace")
        self.assertIn("leads to an address that is not https: refused", err)
        self.assertEqual(self.addresses(), [GITHUB, HUGGING, "https://github.com/elsewhere"])
        self.holds(ONE)

    def test_no_other_protocol(self):
        for to in ("file:///etc/passwd", "ftp://127.0.0.1/net.onnx"):
            _, err = self.pull("ArcFace", "--from", self.server.on("/a", redirect(to)), expect=3)
            self.assertIn("refused", err)
        _, err = self.pull("ArcFace", "--from", "ftp://127.0.0.1/net.onnx", expect=3)
        self.assertIn("refused", err)
        _, err = self.pull("ArcFace", "--from", "file:///etc/passwd", expect=3)
        self.assertIn("refused", err)
        self.nothing()

    # ---- what is not the file ----

    def test_web_pages(self):
        page = b"  <!DOCTYPE html><html>Sign in</html>"
        for answer, text in ((Good(page, kind="text/html; charset=utf-8"), "answers with a web page"), (Good(page), "a web page, not a weight file")):
            _, err = self.pull("ArcFace", "--from", self.server.on("/net.onnx", answer), expect=3)
            self.assertIn(text, err)
            self.nothing()

    def test_other_shapes(self):
        for data, text in ((network(side=96), "112 x 112"), (network(dims=128), "512"), (network(outputs=0), "output"),
                           (ONE[:300000], "arcface_weights.onnx"), (os.urandom(5000), "arcface_weights.onnx"), (b"\0", "arcface_weights.onnx")):
            _, err = self.pull("ArcFace", "--from", self.server.on("/net.onnx", Good(data)), expect=3)
            self.assertIn(text, err)
            self.nothing()

    def test_nothing_at_all(self):
        for answer in (Good(b""), Status(204), Good(b"", length="chunked")):
            _, err = self.pull("ArcFace", "--from", self.server.on("/net.onnx", answer), expect=3)
            self.assertIn("answers with", err)
            self.nothing()

    def test_lengths_that_are_not_told(self):
        for length in ("chunked", False):
            self.pull("ArcFace", "--from", self.server.on("/net.onnx", Good(ONE, length=length)))
            self.holds(ONE)
            shutil.rmtree(self.weights)

    def test_too_large(self):
        much = Good(b"a" * 2000000)
        much.length = True
        _, err = self.pull("ssd-prototxt", "--from", self.server.on("/a", much), expect=3)
        self.assertIn("has 2000000 bytes, the limit is", err)
        _, err = self.pull("ssd-prototxt", "--from", self.server.on("/a", Good(b"a" * 2000000, length="chunked")), expect=3)
        self.assertIn("has more than", err)
        _, err = self.pull("ssd-prototxt", "--from", self.server.on("/a", Good(bz2.compress(b"a" * 200000000))), expect=3)
        self.assertIn("more than 28091 bytes in it", err)
        self.nothing()

    def test_the_wrong_hash(self):
        self.server.on(PROTOTXT, Good(b"a" * 28091))
        _, err = self.pull("ssd-prototxt", expect=3)
        self.assertIn(f"its sha256 is {sha(b'a' * 28091)}, not 85abd2fe", err)
        self.nothing()

    def test_the_wrong_hash_then_the_mirror(self):
        self.weights.mkdir(parents=True)
        (self.weights / "arcface_weights.onnx.sha256").write_text(sha(ONE) + "  arcface_weights.onnx\n")
        self.server.on(GITHUB, Good(TWO, etag='"a"'))
        self.server.on(HUGGING, Good(ONE, etag='"b"'))
        self.pull("ArcFace")
        self.assertEqual(self.ranges(), [None, None])
        self.holds(ONE)

    def test_another_file_at_the_official_address(self):
        pack = io.BytesIO()
        with zipfile.ZipFile(pack, "w") as z:
            z.writestr("det_10g.onnx", ONE)
        self.server.on("https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_l.zip", Good(pack.getvalue()))
        _, err = self.pull("scrfd", expect=3)
        self.assertIn(f"another file than its project published: its sha256 is {sha(ONE)}, not 5838f7fe", err)
        self.assertFalse((self.weights / "det_10g.onnx").exists())

    def test_a_hash_that_changed_later(self):
        self.server.on(GITHUB, Good(ONE))
        self.pull("ArcFace")
        self.file.unlink()
        self.server.on(GITHUB, Good(TWO))
        self.server.on(HUGGING, Good(TWO))
        _, err = self.pull("ArcFace", expect=3)
        self.assertIn(sha(TWO), err)
        self.assertIn("first seen", err)
        self.assertFalse(self.file.exists())
        (self.weights / "arcface_weights.onnx.sha256").unlink()
        self.pull("ArcFace")
        self.holds(TWO)

    def test_a_damaged_file_is_replaced_and_kept_aside(self):
        self.server.on(GITHUB, Good(ONE))
        self.pull("ArcFace")
        damaged = bytearray(ONE)
        damaged[1000] ^= 1
        self.file.write_bytes(damaged)
        self.pull("ArcFace")
        old = self.weights / "arcface_weights.onnx.old"
        self.assertEqual(old.read_bytes(), bytes(damaged))
        old.unlink()
        self.holds(ONE)

    def test_files_placed_by_hand_are_looked_at(self):
        self.weights.mkdir(parents=True)
        self.file.write_bytes(network(dims=128))
        check = subprocess.run([DEEPFACE, "models", "check", "ArcFace"], env=self.environment(), capture_output=True, text=True)
        self.assertEqual(check.returncode, 3)
        self.assertRegex(check.stderr, "128.*512")
        self.file.write_bytes(ONE)
        subprocess.run([DEEPFACE, "models", "check", "ArcFace"], env=self.environment(), check=True, capture_output=True)
        self.holds(ONE)
        self.file.write_bytes(TWO)
        check = subprocess.run([DEEPFACE, "models", "check", "ArcFace"], env=self.environment(), capture_output=True, text=True)
        self.assertEqual(check.returncode, 3)
        self.assertIn(sha(ONE), check.stderr)
        self.assertIn("delete", check.stderr)

    def test_another_network_is_refused_under_every_name(self):
        rows = json.loads(subprocess.run([DEEPFACE, "models", "list", "--json"], env=self.environment(), capture_output=True, check=True).stdout)
        rows = [row for row in rows if not row["sha256"]]
        self.assertGreater(len(rows), 20)
        (self.dir / "other.onnx").write_bytes(network(side=40, dims=7))
        for row in rows:
            place = pathlib.Path(row["path"])
            _, err = self.pull(row["name"], "--from", str(self.dir / "other.onnx"), expect=3)
            self.assertFalse(place.exists(), row["name"])
            shutil.copy(self.dir / "other.onnx", place)
            check = subprocess.run([DEEPFACE, "models", "check", row["name"]], env=self.environment(), capture_output=True, text=True)
            self.assertEqual(check.returncode, 3, row["name"])
            self.assertIn("damaged", check.stdout)
            self.assertRegex(check.stderr + err, "input|output|size|photos", row["name"])
            self.assertFalse(pathlib.Path(row["path"] + ".sha256").exists(), row["name"])
            place.unlink()

    # ---- packed ----

    def test_packed_in_every_way(self):
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("pack/other.onnx", TWO)
            z.writestr("pack/arcface_weights.onnx", ONE)
            z.writestr("../../escape", b"1")
        for data in (bz2.compress(ONE), gzip.compress(ONE), zipped.getvalue()):
            self.pull("ArcFace", "--from", self.server.on("/a", Good(data, etag='"a"', cut=len(data) - 5000), Good(data, etag='"a"')))
            self.holds(ONE)
            shutil.rmtree(self.weights)
        self.assertFalse((self.dir.parent / "escape").exists())

    def test_packed_and_damaged(self):
        good, zipped = bz2.compress(ONE), io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as z:
            z.writestr("other.onnx", ONE)
        bad = bytearray(good)
        bad[len(bad) // 2] ^= 255
        for data, text in ((good[:-5000], "archive"), (bytes(bad), "archive"), (zipped.getvalue(), "no arcface_weights.onnx in it"), (b"PK\3\4 nonsense", "archive"),
                           (bz2.compress(b""), "archive")):
            _, err = self.pull("ArcFace", "--from", self.server.on("/a", Good(data)), expect=3)
            self.assertIn(text, err)
            self.nothing()

    # ---- --from ----

    def test_from_files(self):
        (self.dir / "my file.onnx").write_bytes(ONE)
        self.pull("ArcFace", "--from", str(self.dir / "my file.onnx"))
        self.holds(ONE)
        self.assertEqual(self.addresses(), [])
        shutil.rmtree(self.weights)
        with open(self.dir / "my file.onnx", "rb") as f:
            subprocess.run([DEEPFACE, "models", "pull", "ArcFace", "--from", "-"], stdin=f, env=self.environment(), check=True, capture_output=True)
        self.holds(ONE)
        for place, text in ((self.dir / "none", "No such file"), (os.devnull, "is empty"), (ROOT / "README.md", "arcface_weights.onnx")):
            shutil.rmtree(self.weights)
            _, err = self.pull("ArcFace", "--from", str(place), expect=3)
            self.assertIn(text, err)
            self.nothing()

    def test_from_a_folder_of_several(self):
        (self.dir / "folder").mkdir()
        (self.dir / "folder" / "arcface_weights.onnx").write_bytes(ONE)
        (self.dir / "folder" / "ghostfacenet_v1.onnx").write_bytes(TWO)
        _, err = self.pull("ArcFace", "GhostFaceNet", "--from", str(self.dir / "folder" / "arcface_weights.onnx"), expect=2)
        self.assertIn("2 models are named", err)
        self.pull("ArcFace", "GhostFaceNet", "--from", str(self.dir / "folder"))
        self.assertEqual((self.weights / "ghostfacenet_v1.onnx").read_bytes(), TWO)
        shutil.rmtree(self.weights)
        self.server.on("/mirror/arcface_weights.onnx", Good(ONE))
        self.server.on("/mirror/ghostfacenet_v1.onnx", Good(TWO))
        self.pull("ArcFace", "GhostFaceNet", "--from", self.server.url + "/mirror/")
        self.assertEqual(self.file.read_bytes(), ONE)

    def test_a_file_in_a_folder_of_its_own(self):
        address = "https://drive.google.com/uc?export=download&confirm=pbef&id=1N0GL-8ehw_bz2eZQWz2b0A5XBdXdxZhg"
        net = network(3)
        self.server.on(address, Good(net))
        self.pull("Buffalo_L", expect=0 if self.takes_channels_last("Buffalo_L", net) else 3)

    def takes_channels_last(self, name, net):
        """InsightFace's own files have planes; whether this row takes both is its recogniser's affair."""
        (self.dir / "other" / ".deepface" / "weights").mkdir(parents=True)
        (self.dir / "net").write_bytes(net)
        process = self.start(name, "--from", str(self.dir / "net"), env=self.environment(home=self.dir / "other"))
        process.communicate()
        return process.returncode == 0

    def test_what_no_address_serves(self):
        _, err = self.pull("retinaface", expect=3)
        self.assertIn("make weights-demo, or tools/weights/fetch.py retinaface", err)
        _, err = self.pull("yolov8n", expect=3)
        self.assertIn("yolo export model=yolov8n-face.pt", err)
        self.pull("nobody", expect=2)
        self.pull(expect=2)
        self.pull("ArcFace", "--stall", "0", expect=2)
        self.assertEqual(self.addresses(), [])

    # ---- two at once, disks, folders ----

    def test_two_at_once(self):
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.server.on(GITHUB, Good(ONE, gate=gate))
        first = self.start("ArcFace")
        while not self.server.seen:
            time.sleep(0.02)
        second, third = self.start("ArcFace"), self.start("ArcFace")
        time.sleep(0.5)
        self.assertIsNone(second.poll())
        gate.set()
        self.assertIn("fetched, and right", self.end(first)[0])
        for waiting in (second, third):
            out, err = self.end(waiting)
            self.assertIn("there already, and right", out)
            self.assertEqual(err.count("another pull of the same file is under way"), 1)
        self.assertEqual(len(self.server.seen), 1)
        self.holds(ONE)

    def test_many_at_once(self):
        self.server.on(GITHUB, Good(ONE))
        for process in [self.start("ArcFace") for _ in range(8)]:
            self.end(process)
        self.assertEqual(len(self.server.seen), 1)
        self.holds(ONE)

    def test_one_waits_and_the_first_is_killed(self):
        gate = threading.Event()
        self.addCleanup(gate.set)
        self.server.on(GITHUB, Good(ONE, etag='"a"', gate=gate), Good(ONE, etag='"a"'))
        first = self.start("ArcFace")
        part = self.weights / "arcface_weights.onnx.pull"
        while not (part.exists() and part.stat().st_size >= len(ONE) // 2):
            time.sleep(0.02)
        second = self.start("ArcFace")
        time.sleep(0.3)
        first.send_signal(signal.SIGKILL)
        first.communicate()
        self.end(second)
        self.assertEqual(self.ranges(), [None, f"bytes={len(ONE) // 2}-"])
        self.holds(ONE)

    def mounted(self, options):
        """A small disk of its own; as root, and where mounting is allowed."""
        place = self.dir / "disk"
        place.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True).returncode:
            self.skipTest("needs root and mount")
        self.addCleanup(subprocess.run, ["umount", "-l", str(place)], check=True)
        return place

    def test_a_disk_without_room(self):
        place = self.mounted("size=256k")
        self.server.on(GITHUB, Good(ONE))
        _, err = self.pull("ArcFace", expect=3, env=self.environment(home=place))
        self.assertIn("needs", err)
        self.assertIn("its disk has room for", err)
        self.assertEqual(list((place / ".deepface" / "weights").iterdir()), [])
        (self.dir / "net").write_bytes(ONE)
        _, err = self.pull("ArcFace", "--from", str(self.dir / "net"), expect=3, env=self.environment(home=place))
        self.assertIn("its disk has room for", err)

    def test_a_disk_that_becomes_full(self):
        place = self.mounted("size=256k")
        url = self.server.on("/a", Good(ONE, etag='"a"', length="chunked"))
        _, err = self.pull("ArcFace", "--from", url, expect=3, env=self.environment(home=place))
        self.assertIn("No space left on device", err)
        subprocess.run(["mount", "-o", "remount,size=8m", str(place)], check=True)
        self.pull("ArcFace", "--from", url, env=self.environment(home=place))
        self.assertTrue(self.ranges()[1].startswith("bytes="))
        self.assertEqual((place / ".deepface" / "weights" / "arcface_weights.onnx").read_bytes(), ONE)

    def test_a_limit_on_the_size_of_files(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))
        self.server.on(GITHUB, Good(ONE, etag='"a"'))
        _, err = self.pull("ArcFace", expect=3, preexec_fn=limit)
        self.assertIn("File too large", err)
        self.assertFalse(self.file.exists())
        self.pull("ArcFace")
        self.assertEqual(self.ranges(), [None, "bytes=200000-"])
        self.holds(ONE)

    def test_a_folder_that_may_only_be_read(self):
        place = self.mounted("size=8m")
        self.server.on(GITHUB, Good(ONE))
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        _, err = self.pull("ArcFace", expect=3, env=self.environment(home=place))
        self.assertIn("Read-only file system", err)
        subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
        self.pull("ArcFace", env=self.environment(home=place))
        record = place / ".deepface" / "weights" / "arcface_weights.onnx.sha256"
        record.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        out, _ = self.pull("ArcFace", env=self.environment(home=place))
        self.assertIn("there already, and right", out)

    def test_a_folder_that_cannot_be(self):
        (self.dir / ".deepface").write_text("a file")
        self.server.on(GITHUB, Good(ONE))
        _, err = self.pull("ArcFace", expect=3)
        self.assertIn("cannot create", err)
        self.assertEqual(self.addresses(), [])

    def test_a_home_of_any_name(self):
        home = self.dir / "Zuhause für Gewichte 家" / "nicht da"
        self.server.on(GITHUB, Good(ONE))
        out, _ = self.pull("ArcFace", env=self.environment(home=home))
        self.assertIn("家", out)
        self.holds(ONE, home / ".deepface" / "weights" / "arcface_weights.onnx")

    def test_a_bar_on_a_terminal_alone(self):
        url = self.server.on("/a", Good(ONE, rate=150000))
        self.assertNotIn("MB/s", self.pull("ArcFace", "--from", url)[1])
        shutil.rmtree(self.weights)
        leader, terminal = pty.openpty()
        process = subprocess.Popen([DEEPFACE, "models", "pull", "ArcFace", "--from", url], env=self.environment(), stdout=subprocess.DEVNULL, stderr=terminal)
        os.close(terminal)
        shown = b""
        while select.select([leader], [], [], 20)[0]:
            try:
                shown += os.read(leader, 65536)
            except OSError:
                break
        self.assertEqual(process.wait(), 0)
        os.close(leader)
        self.assertIn(f"/{len(ONE) / 1e6:.1f} MB ArcFace", shown.decode())
        self.assertIn("MB/s", shown.decode())
        self.assertTrue(all(len(line) < 600 for line in shown.decode().split("\r")))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
