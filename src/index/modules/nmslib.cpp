// nmslib.cpp - the graphs of NMSLIB (Boytsov and Naidan, "Engineering Efficient and Effective Non-Metric Space Library", 2013), whose hnsw is the first of its
// kind. It builds from all rows at once, on threads of its own.
#include "shim.h"

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include <knnquery.h>
#include <knnqueue.h>
#include <logging.h>
#include <method/hnsw.h>
#include <params.h>
#include <space/space_lp.h>
#include <nmslib_level.h> // by tools/setup/nmslib.py: what its library is compiled for

namespace similarity {
int defaultRandomSeed = 0; // init.cc, which has it, refers to every method there is
}

namespace {

struct Held {
    similarity::SpaceLp<float> space{2};
    similarity::ObjectVector rows; // the graph refers to them while it is built
    std::unique_ptr<similarity::Hnsw<float>> graph;
    uint32_t dims;
    long m = 16, ef = 100;
    size_t effort = 0;      // what the graph is set to
    std::shared_mutex lock; // its number of candidates is one for all searches
    explicit Held(uint32_t d) : dims(d) {}
    ~Held()
    {
        graph.reset();
        for (const similarity::Object *o : rows)
            delete o;
    }
};

void check_processor()
{
#if defined(NMSLIB_NEEDS_AVX2)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        throw std::runtime_error("NMSLIB was compiled for processors with AVX2, which this one has not: tools/setup/nmslib.py compiles it anew");
#endif
}

void *make(uint32_t dims, size_t rows, const char *parameters, df_ann_l2, char *message)
{
    Held *h = nullptr;
    Parameter p[] = {{"M", 16, 4, 96}, {"ef", 100, 8, 2000}};
    if (guarded(message, [&] {
            check_processor();
            take_parameters(parameters, p);
            h = new Held(dims);
            h->m = p[0].value, h->ef = p[1].value;
            h->rows.reserve(rows);
        }) == 0)
        return h;
    delete h;
    return nullptr;
}

int add(void *self, const float *rows, const uint64_t *labels, size_t n, char *message)
{
    Held *h = static_cast<Held *>(self);
    return guarded(message, [&] {
        for (size_t i = 0; i < n; i++) {
            if (labels[i] > INT32_MAX)
                throw std::runtime_error("NMSLIB numbers no more than 2147483647 rows");
            h->rows.push_back(new similarity::Object(static_cast<similarity::IdType>(labels[i]), -1, h->dims * sizeof(float), rows + i * h->dims));
        }
    });
}

int finish(void *self, int threads, char *message)
{
    Held *h = static_cast<Held *>(self);
    return guarded(message, [&] {
        h->graph = std::make_unique<similarity::Hnsw<float>>(false, h->space, h->rows);
        similarity::AnyParams p;
        p.AddChangeParam("M", h->m);
        p.AddChangeParam("efConstruction", h->ef);
        p.AddChangeParam("indexThreadQty", threads);
        h->graph->CreateIndex(p);
    });
}

int save(void *self, const char *path, char *message)
{
    return guarded(message, [&] { static_cast<Held *>(self)->graph->SaveIndex(path); });
}

void *load(const char *path, uint32_t dims, df_ann_l2, char *message)
{
    Held *h = nullptr;
    if (guarded(message, [&] {
            check_processor();
            h = new Held(dims);
            h->graph = std::make_unique<similarity::Hnsw<float>>(false, h->space, h->rows);
            h->graph->LoadIndex(path);
        }) == 0)
        return h;
    delete h;
    return nullptr;
}

int exact(void *) { return 1; }

double least(void *) { return 16; }

int search(void *self, const float *query, size_t k, double effort, uint64_t *labels, size_t *found, char *message)
{
    Held *h = static_cast<Held *>(self);
    *found = 0;
    return guarded(message, [&] {
        size_t ef = effort > 0 ? static_cast<size_t>(effort) : 128;
        ef = ef > k ? ef : k;
        std::shared_lock<std::shared_mutex> reading(h->lock);
        while (h->effort != ef) {
            reading.unlock();
            {
                std::unique_lock<std::shared_mutex> writing(h->lock);
                similarity::AnyParams p;
                p.AddChangeParam("ef", ef);
                h->graph->SetQueryTimeParams(p);
                h->effort = ef;
            }
            reading.lock();
        }
        similarity::Object object(-1, -1, h->dims * sizeof(float), query);
        similarity::KNNQuery<float> asked(h->space, &object, static_cast<unsigned>(k));
        h->graph->Search(&asked, -1);
        std::unique_ptr<similarity::KNNQueue<float>> nearest(asked.Result()->Clone());
        for (; !nearest->Empty(); nearest->Pop())
            labels[(*found)++] = static_cast<uint64_t>(nearest->TopObject()->id());
    });
}

void free_held(void *self) { delete static_cast<Held *>(self); }

const df_ann_module module = {DF_ANN_MODULE_VERSION, "nmslib", 0, make, nullptr, add, finish, save, load, exact, least, search, free_held};

} // namespace

extern "C" __attribute__((visibility("default"))) const df_ann_module *df_ann_module_of(void);
extern "C" const df_ann_module *df_ann_module_of(void)
{
    InitializeLogger(LIB_LOGNONE); // it tells standard error of every step otherwise
    return &module;
}
