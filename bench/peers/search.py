"""Searching synthetic faces with other people's libraries, each through its own Python API, beside ours: CSV on standard output.

    search.py exact FACES.npy QUERIES.npy BENCH MATRIX          Faiss IndexFlatIP and `BENCH exact` by turns, answers compared
    search.py ann FACES.npy QUERIES.npy BENCH MATRIX [NAME...]   approximate indexes: the library used directly, then `BENCH ann` with the same effort; NAME: faiss or faiss:HNSW16

FACES and QUERIES come from make_faces (512 queries); BENCH is bench_search, MATRIX a file of its own. Packages: requirements-search.txt.
One thread searches (its own processor time counts), two build (build_s: what both took of the processor). ROUNDS (environment; 3): how often both take turns. alone_queries_s, exact_queries_s: our module's library by itself and our
exact search, by turns in the same process. Recall is counted against Faiss's exact ten (recall_10) and the five photos of the person asked about (recall_own).
"""
import csv
import os
import subprocess
import sys
import time

import faiss
import numpy as np

K, PHOTOS = 10, 5
ROUNDS = int(os.environ.get("ROUNDS", "3"))
RECALLS = ["r0.9", "r0.95", "r0.99"]  # the effort that our index takes for it, as it measured itself when it was built


def timed(act, runs):
    if runs > 1:
        act()  # not counted
    ms = []
    for _ in range(runs):
        begun = time.thread_time()
        act()
        ms.append(1e3 * (time.thread_time() - begun))
    return sorted(ms)[len(ms) // 2], min(ms)


def flat(faces):
    index = faiss.IndexFlatIP(faces.shape[1])
    index.add(faces)
    return index


def compare(right, bench_answers):
    """Distances of ours beside Faiss's products of the same queries and rows: float32 sums there, float64 here, so ids may change places within its rounding."""
    ours = np.fromfile(bench_answers, dtype=[("id", "<u8"), ("distance", "<f8")]).reshape(len(right[0]), K)
    worst = np.abs((1 - ours["distance"]) - right[0]).max()
    same = np.mean(ours["id"] == right[1] + 1)
    print(f"# {len(right[0])} answers beside Faiss's: {100 * same:.3f} % of places hold the same face, cosines differ by {worst:.1e} at most", flush=True)
    if worst > 2e-6:
        sys.exit("the answers differ")


def exact(faces, queries, bench, matrix):
    faiss.omp_set_num_threads(1)
    rows, dims = faces.shape
    index = flat(faces)
    right = index.search(queries[:64], K)
    print("subject,rows,dims,batch,threads,median_ms,min_ms,queries_s")
    for turn in range(2):
        for batch, runs in ((1, 9), (64, 1 if rows * dims > 2e8 else 3)):
            middle, least = timed(lambda: index.search(queries[:batch], K), runs)
            print(f"faiss {faiss.__version__} IndexFlatIP,{rows},{dims},{batch},1,{middle:.3f},{least:.3f},{1e3 * batch / middle:.1f}", flush=True)
        if turn == 0:
            out = subprocess.run([bench, "exact", str(rows), str(dims), matrix], check=True, stdout=subprocess.PIPE, text=True).stdout
            print("\n".join(out.splitlines()[1:]), flush=True)
            compare(right, matrix + ".answers")


class Hnswlib:
    name, efforts = "hnsw", (16, 32, 64, 128, 256, 512, 1024)

    def build(self, faces):
        import hnswlib
        self.index = hnswlib.Index("l2", faces.shape[1])
        self.index.init_index(len(faces), M=16, ef_construction=100)
        self.index.add_items(faces, num_threads=2)
        self.index.set_num_threads(1)

    def save(self, path):
        self.index.save_index(path)

    def search(self, query, effort):
        self.index.set_ef(effort)
        return self.index.knn_query(query, K, num_threads=1)[0][0]


class Faiss:
    def __init__(self, description, efforts, field):
        self.name, self.description, self.efforts, self.field = "faiss:" + description, description, efforts, field

    def build(self, faces):
        faiss.omp_set_num_threads(2)
        self.index = faiss.index_factory(faces.shape[1], self.description, faiss.METRIC_L2)
        self.index.train(faces[:: max(1, len(faces) // 262144)])
        self.index.add(faces)
        faiss.omp_set_num_threads(1)

    def save(self, path):
        faiss.write_index(self.index, path)

    def search(self, query, effort):
        faiss.ParameterSpace().set_index_parameter(self.index, self.field, effort)
        return self.index.search(query[None], K)[1][0]


class Usearch:
    name, efforts = "usearch bf16", (32, 128, 512)

    def build(self, faces):
        from usearch.index import Index
        self.index = Index(ndim=faces.shape[1], metric="cos", dtype="bf16", connectivity=16, expansion_add=100)
        self.index.add(np.arange(len(faces)), faces, threads=2)

    def save(self, path):
        self.index.save(path)

    def search(self, query, effort):
        self.index.expansion_search = effort
        return self.index.search(query, K, threads=1).keys


class Annoy:
    name, efforts = "annoy:trees=50", (1000, 5000, 20000)

    def build(self, faces):
        from annoy import AnnoyIndex
        self.index = AnnoyIndex(faces.shape[1], "euclidean")
        self.index.set_seed(1)
        for i, row in enumerate(faces):
            self.index.add_item(i, row)
        self.index.build(50, n_jobs=2)

    def save(self, path):
        self.index.save(path)

    def search(self, query, effort):
        return self.index.get_nns_by_vector(query, K, search_k=effort)


class Nmslib:
    name, efforts = "nmslib:M=16,ef=100", (32, 64, 128, 256, 512)

    def build(self, faces):
        import nmslib
        self.index = nmslib.init(method="hnsw", space="l2", data_type=nmslib.DataType.DENSE_VECTOR)
        self.index.addDataPointBatch(faces)
        self.index.createIndex({"M": 16, "efConstruction": 100, "indexThreadQty": 2})

    def save(self, path):
        self.index.saveIndex(path)

    def search(self, query, effort):
        if effort != getattr(self, "effort", None):
            self.index.setQueryTimeParams({"ef": effort})
            self.effort = effort
        return self.index.knnQuery(query, K)[0]


def libraries(rows):
    lists = 1024 if rows < 600000 else 2048
    return [Hnswlib(), Faiss(f"IVF{lists},Flat", (8, 32, 128), "nprobe"), Faiss("HNSW16", (64, 256), "efSearch"), Annoy(), Nmslib(), Usearch()]


def ours(library, faces, bench, matrix):
    """[fields of a row] of each effort."""
    out = subprocess.run([bench, "ann", str(faces.shape[0]), str(faces.shape[1]), matrix, library.name] + [str(e) for e in library.efforts] + RECALLS, check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return [line.rsplit(",", 11) for line in out.splitlines()[1:]]


def direct(library, queries, right, rows, dims, build, size):
    own = (np.arange(len(queries)) * (rows // PHOTOS) // len(queries))
    out = []
    for effort in library.efforts:
        best = 0
        for _ in range(3):
            begun = time.thread_time()
            answers = [library.search(q, effort) for q in queries]
            best = max(best, len(queries) / (time.thread_time() - begun))
        ten = np.mean([len(np.intersect1d(a, r)) / K for a, r in zip(answers, right)])
        mine = np.mean([np.sum(np.asarray(a, dtype=np.int64) // PHOTOS == p) / PHOTOS for a, p in zip(answers, own)])
        out.append([library.name + " directly", rows, dims, effort, f"{ten:.4f}", f"{mine:.4f}", f"{best:.0f}", f"{build:.1f}", f"{size:.1f}", "", "", ""])
    return out


def best_of(rounds):
    """The rows of the first round, each with the most queries a second of any."""
    for rows in zip(*rounds):
        row = list(rows[0])
        for place in (6, 10, 11):
            row[place] = max((r[place] for r in rows), key=lambda text: float(text or 0))
        csv.writer(sys.stdout, lineterminator="\n").writerow(row)
        sys.stdout.flush()


def approximate(faces, queries, bench, matrix, names):
    faiss.omp_set_num_threads(2)
    rows, dims = faces.shape
    right = flat(faces).search(queries, K)[1]
    print("index,rows,dims,effort,recall_10,recall_own,queries_s,build_s,bytes_face,open_ms,alone_queries_s,exact_queries_s")
    for library in libraries(rows):
        if names and not {library.name, library.name.split(":")[0].split()[0]} & set(names):
            continue
        begun = time.process_time()
        library.build(faces)
        build = time.process_time() - begun
        library.save(matrix + ".direct")
        size = os.path.getsize(matrix + ".direct") / rows
        theirs, mine = [], []
        for _ in range(ROUNDS):  # by turns, so that what else the machine does meets both
            theirs.append(direct(library, queries, right, rows, dims, build, size))
            if not isinstance(library, Usearch):
                mine.append(ours(library, faces, bench, matrix))
        library.index = None
        best_of(theirs)
        best_of([[["ours " + r[0]] + r[1:] for r in rows] for rows in mine])


def main():
    if len(sys.argv) < 6 or sys.argv[1] not in ("exact", "ann"):
        sys.exit(__doc__)
    faces, queries = np.load(sys.argv[2], mmap_mode="r"), np.load(sys.argv[3])
    faces = np.ascontiguousarray(faces)
    if sys.argv[1] == "exact":
        exact(faces, queries, sys.argv[4], sys.argv[5])
    else:
        approximate(faces, queries, sys.argv[4], sys.argv[5], sys.argv[6:])


if __name__ == "__main__":
    main()
