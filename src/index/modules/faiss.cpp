// faiss.cpp - whatever Faiss's index_factory makes of a description (Johnson, Douze and Jegou, "Billion-scale similarity search with GPUs", 2017). Debian's
// library is compiled for any processor: its distance of two vectors, which lists and graphs spend their time in, is replaced by that of the
// library that asks, for the processor at hand (CMakeLists.txt: --wrap).
#include "faiss_graph.h"
#include "shim.h"

#include <faiss/AutoTune.h>
#include <faiss/Index.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/impl/FaissException.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>
#include <omp.h>

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <vector>

// Where the linear algebra is OpenBLAS's, whose threads wait for one another in a loop that eats a core each.
extern "C" void openblas_set_num_threads(int) __attribute__((weak));

static std::atomic<df_ann_l2> distance{nullptr};

extern "C" float __wrap__ZN5faiss10fvec_L2sqrEPKfS1_m(const float *a, const float *b, size_t dims);
extern "C" float __wrap__ZN5faiss10fvec_L2sqrEPKfS1_m(const float *a, const float *b, size_t dims)
{
    return distance.load(std::memory_order_relaxed)(a, b, dims); // set by whoever has an index: make, load
}

namespace {

const size_t WORTH_THREADS = 50000; // rows
const int CANDIDATES = 128;         // of a graph, unless told

void set_threads(size_t rows)
{
    omp_set_num_threads(rows < WORTH_THREADS ? 1 : omp_get_num_procs());
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
}

struct Held {
    faiss::Index *index = nullptr;
    std::unique_ptr<FaissGraph> graph; // where it is searched here
    uint32_t dims = 0;
    double effort = 0;            // what the index is set to
    std::shared_mutex lock;       // its number of probes is one for all searches
    ~Held() { delete index; }
};

// Of "Error in FUNCTION at FILE.cpp:LINE: REASON" and of "... Error: 'CONDITION' failed: REASON" the reason.
std::string reason(const std::string &text)
{
    size_t at = text.rfind(" failed: "), file = text.find(".cpp:");
    if (at == std::string::npos && file != std::string::npos)
        at = text.find(": ", file);
    at = at == std::string::npos ? 0 : text.find(": ", at) + 2;
    return text.substr(at);
}

template <typename F> int told(char *message, F &&act)
{
    return guarded(message, [&] {
        try {
            act();
        } catch (const faiss::FaissException &e) {
            throw std::runtime_error(reason(e.msg));
        }
    });
}

// About twice the root of the rows, which balances finding lists with reading them; a power of two.
std::string lists_for(size_t rows)
{
    size_t lists = 1;
    while (lists * lists < 2 * rows)
        lists *= 2;
    return "IVF" + std::to_string(lists) + ",Flat";
}

// A gallery that is small for its description is no reason to print a warning.
void keep_quiet(faiss::Index *index)
{
    if (auto *map = dynamic_cast<faiss::IndexIDMap *>(index))
        return keep_quiet(map->index);
    if (auto *pre = dynamic_cast<faiss::IndexPreTransform *>(index))
        return keep_quiet(pre->index);
    if (auto *ivf = dynamic_cast<faiss::IndexIVF *>(index))
        ivf->cp.min_points_per_centroid = 1;
}

void *make(uint32_t dims, size_t rows, const char *parameters, df_ann_l2 l2, char *message)
{
    Held *h = nullptr;
    distance.store(l2, std::memory_order_relaxed);
    if (told(message, [&] {
            h = new Held;
            h->dims = dims;
            h->index = new faiss::IndexIDMap2(faiss::index_factory(static_cast<int>(dims), *parameters ? parameters : lists_for(rows).c_str(), faiss::METRIC_L2));
            keep_quiet(h->index);
            static_cast<faiss::IndexIDMap2 *>(h->index)->own_fields = true;
            h->graph = FaissGraph::of(h->index, l2);
        }) == 0)
        return h;
    delete h;
    return nullptr;
}

int train(void *self, const float *rows, size_t n, char *message)
{
    Held *h = static_cast<Held *>(self);
    set_threads(n);
    return told(message, [&] { h->index->train(static_cast<faiss::Index::idx_t>(n), rows); });
}

int add(void *self, const float *rows, const uint64_t *labels, size_t n, char *message)
{
    Held *h = static_cast<Held *>(self);
    set_threads(n);
    return told(message, [&] {
        std::vector<faiss::Index::idx_t> ids(labels, labels + n);
        h->index->add_with_ids(static_cast<faiss::Index::idx_t>(n), rows, ids.data());
    });
}

int save(void *self, const char *path, char *message)
{
    return told(message, [&] { faiss::write_index(static_cast<Held *>(self)->index, path); });
}

void *load(const char *path, uint32_t dims, df_ann_l2 l2, char *message)
{
    Held *h = nullptr;
    distance.store(l2, std::memory_order_relaxed);
    if (told(message, [&] {
            h = new Held;
            h->dims = dims;
            h->index = faiss::read_index(path);
            if (h->index->d != static_cast<int>(dims))
                throw std::runtime_error("vectors of another size");
            h->graph = FaissGraph::of(h->index, l2);
        }) == 0)
        return h;
    delete h;
    return nullptr;
}

// nprobe of an inverted file, efSearch of a graph.
void set_effort(faiss::Index *index, double effort)
{
    if (auto *map = dynamic_cast<faiss::IndexIDMap *>(index))
        return set_effort(map->index, effort);
    if (auto *pre = dynamic_cast<faiss::IndexPreTransform *>(index))
        return set_effort(pre->index, effort);
    if (auto *ivf = dynamic_cast<faiss::IndexIVF *>(index))
        ivf->nprobe = static_cast<size_t>(effort > 0 ? effort : 16);
    else if (auto *graph = dynamic_cast<faiss::IndexHNSW *>(index))
        graph->hnsw.efSearch = effort > 0 ? static_cast<int>(effort) : CANDIDATES;
}

// Whole vectors, in lists or a graph. (One of compressed vectors that ranks anew does so with the k alone.)
bool is_exact(const faiss::Index *index)
{
    if (auto *map = dynamic_cast<const faiss::IndexIDMap *>(index))
        return is_exact(map->index);
    return dynamic_cast<const faiss::IndexFlat *>(index) || dynamic_cast<const faiss::IndexIVFFlat *>(index) || dynamic_cast<const faiss::IndexHNSWFlat *>(index);
}

int exact(void *self) { return is_exact(static_cast<Held *>(self)->index); }

// One list of an inverted file, some candidates of a graph.
double least_of(faiss::Index *index)
{
    if (auto *map = dynamic_cast<faiss::IndexIDMap *>(index))
        return least_of(map->index);
    if (auto *pre = dynamic_cast<faiss::IndexPreTransform *>(index))
        return least_of(pre->index);
    return dynamic_cast<faiss::IndexIVF *>(index) ? 1 : 16;
}

double least(void *self) { return least_of(static_cast<Held *>(self)->index); }

int search(void *self, const float *query, size_t k, double effort, uint64_t *labels, size_t *found, char *message)
{
    Held *h = static_cast<Held *>(self);
    *found = 0;
    return told(message, [&] {
        if (h->graph) {
            *found = h->graph->search(query, k, effort > 0 ? static_cast<size_t>(effort) : static_cast<size_t>(CANDIDATES), labels);
            return;
        }
        std::vector<float> distances(k);
        std::vector<faiss::Index::idx_t> ids(k);
        omp_set_num_threads(1); // queries run side by side, each on a thread of the caller's
        std::shared_lock<std::shared_mutex> reading(h->lock);
        double wanted = effort > 0 ? effort : -1;
        while (h->effort != wanted) {
            reading.unlock();
            {
                std::unique_lock<std::shared_mutex> writing(h->lock);
                set_effort(h->index, effort);
                h->effort = wanted;
            }
            reading.lock();
        }
        h->index->search(1, query, static_cast<faiss::Index::idx_t>(k), distances.data(), ids.data());
        for (size_t i = 0; i < k; i++)
            if (ids[i] >= 0)
                labels[(*found)++] = static_cast<uint64_t>(ids[i]);
    });
}

void free_held(void *self) { delete static_cast<Held *>(self); }

const df_ann_module module = {DF_ANN_MODULE_VERSION, "faiss", 0, make, train, add, nullptr, save, load, exact, least, search, free_held};

} // namespace

extern "C" __attribute__((visibility("default"))) const df_ann_module *df_ann_module_of(void);
extern "C" const df_ann_module *df_ann_module_of(void) { return &module; }
