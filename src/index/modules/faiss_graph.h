// faiss_graph.h - searching Faiss's graphs of whole vectors. Debian's library measures the neighbours of a row one after the other while each is on its way
// from memory, clears a table of all rows for every query and finds its next candidate by walking a list; here neither is done. The graph, its building
// and its file stay Faiss's.
#ifndef DF_INDEX_MODULES_FAISS_GRAPH_H
#define DF_INDEX_MODULES_FAISS_GRAPH_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "index/ann_module.h"

namespace faiss {
struct Index;
struct IndexHNSWFlat;
}

// Threads: any number may search one at once, while nobody adds to its index.
class FaissGraph {
public:
    struct Scratch; // what one search needs and the next one takes again

    // Of an index that is one, under a map of ids or not; it is borrowed. nullptr: Faiss itself is to search it.
    static std::unique_ptr<FaissGraph> of(const faiss::Index *index, df_ann_l2 l2);
    ~FaissGraph();
    // The labels of up to k rows, in no order, the nearest of max(ef, k) candidates. Returns how many.
    size_t search(const float *query, size_t k, size_t ef, uint64_t *labels);

private:
    FaissGraph(const faiss::IndexHNSWFlat &index, const std::vector<int64_t> *ids, df_ann_l2 l2);
    std::unique_ptr<Scratch> take();
    void give(std::unique_ptr<Scratch> s);
    template <typename Each> void measure(const float *query, const int32_t *rows, size_t n, Each &&each) const;
    int32_t descend(const float *query, float &distance) const;
    void spread(Scratch &s, const float *query, size_t ef, int32_t from, float distance) const;

    const faiss::IndexHNSWFlat &index;
    const std::vector<int64_t> *ids; // nullptr: labels are numbers of rows
    df_ann_l2 l2;
    std::mutex lock;                 // of idle
    std::vector<std::unique_ptr<Scratch>> idle;
};

#endif
