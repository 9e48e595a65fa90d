// hnsw.cpp - graphs by hnswlib (Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small
// World graphs", 2016). Distances are computed by the library that asks, for the processor at hand; the number of candidates comes with each search, as
// hnswlib's own setEf is one for all threads.
#include "shim.h"

#include <hnswlib/hnswlib.h>

namespace {

struct Space : hnswlib::SpaceInterface<float> {
    size_t dims;
    df_ann_l2 l2;
    struct Param { size_t dims; df_ann_l2 l2; } param;
    Space(uint32_t d, df_ann_l2 f) : dims(d), l2(f), param{d, f} {}
    static float distance(const void *a, const void *b, const void *p)
    {
        const Param *param = static_cast<const Param *>(p);
        return param->l2(static_cast<const float *>(a), static_cast<const float *>(b), param->dims);
    }
    size_t get_data_size() override { return dims * sizeof(float); }
    hnswlib::DISTFUNC<float> get_dist_func() override { return distance; }
    void *get_dist_func_param() override { return &param; }
};

struct Graph {
    Space space;
    hnswlib::HierarchicalNSW<float> *graph = nullptr;
    Graph(uint32_t dims, df_ann_l2 l2) : space(dims, l2) {}
    ~Graph() { delete graph; }
};

void *make(uint32_t dims, size_t rows, const char *parameters, df_ann_l2 l2, char *message)
{
    Graph *g = nullptr;
    Parameter p[] = {{"M", 16, 4, 96}, {"ef", 100, 8, 2000}};
    if (guarded(message, [&] {
            take_parameters(parameters, p);
            g = new Graph(dims, l2);
            g->graph = new hnswlib::HierarchicalNSW<float>(&g->space, rows ? rows : 1, static_cast<size_t>(p[0].value), static_cast<size_t>(p[1].value));
        }) == 0)
        return g;
    delete g;
    return nullptr;
}

int add(void *self, const float *rows, const uint64_t *labels, size_t n, char *message)
{
    Graph *g = static_cast<Graph *>(self);
    return guarded(message, [&] {
        for (size_t i = 0; i < n; i++)
            g->graph->addPoint(rows + i * g->space.dims, labels[i]);
    });
}

int save(void *self, const char *path, char *message)
{
    return guarded(message, [&] { static_cast<Graph *>(self)->graph->saveIndex(path); });
}

void *load(const char *path, uint32_t dims, df_ann_l2 l2, char *message)
{
    Graph *g = nullptr;
    if (guarded(message, [&] {
            g = new Graph(dims, l2);
            g->graph = new hnswlib::HierarchicalNSW<float>(&g->space, path);
            if (g->graph->cur_element_count && g->graph->label_offset_ - g->graph->offsetData_ != g->space.get_data_size())
                throw std::runtime_error("vectors of another size");
        }) == 0)
        return g;
    delete g;
    return nullptr;
}

int exact(void *) { return 1; }

double least(void *) { return 16; }

// Algorithm 5 of the paper: down the layers to the nearest, then `ef` candidates in the lowest one.
int search(void *self, const float *query, size_t k, double effort, uint64_t *labels, size_t *found, char *message)
{
    Graph *g = static_cast<Graph *>(self);
    auto *h = g->graph;
    *found = 0;
    return guarded(message, [&] {
        if (h->cur_element_count == 0)
            return;
        size_t ef = effort > 0 ? static_cast<size_t>(effort) : 128;
        hnswlib::tableint at = h->enterpoint_node_;
        float best = h->fstdistfunc_(query, h->getDataByInternalId(at), h->dist_func_param_);
        for (int level = h->maxlevel_; level > 0; level--)
            for (bool changed = true; changed;) {
                changed = false;
                unsigned int *list = h->get_linklist(at, level);
                int n = h->getListCount(list);
                for (int i = 1; i <= n; i++) {
                    float d = h->fstdistfunc_(query, h->getDataByInternalId(list[i]), h->dist_func_param_);
                    if (d < best)
                        best = d, at = list[i], changed = true;
                }
            }
        auto top = h->searchBaseLayerST<false, false>(at, query, ef > k ? ef : k);
        while (top.size() > k)
            top.pop();
        for (; !top.empty(); top.pop())
            labels[(*found)++] = h->getExternalLabel(top.top().second);
    });
}

void free_graph(void *self) { delete static_cast<Graph *>(self); }

const df_ann_module module = {DF_ANN_MODULE_VERSION, "hnsw", 1, make, nullptr, add, nullptr, save, load, exact, least, search, free_graph};

} // namespace

extern "C" __attribute__((visibility("default"))) const df_ann_module *df_ann_module_of(void);
extern "C" const df_ann_module *df_ann_module_of(void) { return &module; }
