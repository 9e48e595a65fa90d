"""What the tests that kill -9 share: commands, one of them killed at a random moment, what a gallery is made of afterwards.

The command and the project's folder are the arguments; DF_KILL_ROUNDS says how often something is killed."""
import csv, json, os, random, signal, subprocess, sys, time

deepface, root = sys.argv[1:3]
photos = os.environ.get("DF_TEST_PHOTOS") or os.path.join(root, "build/photos")
rounds = int(os.environ.get("DF_KILL_ROUNDS", "6"))


def needs(*models):
    if not os.path.exists(os.path.join(photos, "obama.jpg")) or subprocess.run([deepface, "models", "check", *models, "-q"], stderr=subprocess.DEVNULL).returncode:
        print("no photos or no weights here: make weights-test")
        sys.exit(77)


def run(*args, code=0):
    r = subprocess.run([deepface, *args], capture_output=True, text=True)
    assert r.returncode == code, (args, r.returncode, r.stdout, r.stderr)
    return r.stdout


def timed(*args):
    """Seconds that it takes undisturbed."""
    began = time.time()
    run(*args)
    return time.time() - began


def killed(took, *args):
    """Kill it at some moment of the `took` seconds that it takes. True: it had ended before."""
    p = subprocess.Popen([deepface, *args, "-q"])
    time.sleep(random.random() * took)
    p.send_signal(signal.SIGKILL)
    code = p.wait()
    assert code in (0, -signal.SIGKILL), (args, code)
    return code == 0


def check(db):
    assert json.loads(run("gallery", "check", "--db", db, "--json"))["faults"] == 0


def export(db, tmp):
    """Rows of a gallery, by path, without what differs from one registering to another."""
    run("gallery", "export", os.path.join(tmp, "out.csv"), "--db", db, "-q")
    with open(os.path.join(tmp, "out.csv"), newline="") as f:
        rows = {r["path"]: {k: v for k, v in r.items() if k != "added"} for r in csv.DictReader(f)}
    assert len(rows) == json.loads(run("gallery", "stats", "--db", db, "--json"))["faces"]
    return rows
