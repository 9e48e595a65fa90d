// faiss_graph.cpp - Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World graphs", 2016,
// algorithms 2 and 5, over the lists of faiss::HNSW.
#include "faiss_graph.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>

#include <algorithm>
#include <iterator>

namespace {

const size_t LINE = 64; // bytes
const size_t AHEAD = 8; // rows that are on their way from memory while one is measured: 2 and 4 are slower, so is everything at once

struct Near {
    float distance;
    int32_t row;
};

// Heaps of the standard library have the greatest on top.
struct NearestOnTop {
    bool operator()(const Near &a, const Near &b) const { return a.distance > b.distance; }
};
struct FarthestOnTop {
    bool operator()(const Near &a, const Near &b) const { return a.distance < b.distance; }
};

template <typename Order> void push(std::vector<Near> &heap, Near n)
{
    heap.push_back(n);
    std::push_heap(heap.begin(), heap.end(), Order());
}

template <typename Order> Near pop(std::vector<Near> &heap)
{
    std::pop_heap(heap.begin(), heap.end(), Order());
    Near n = heap.back();
    heap.pop_back();
    return n;
}

const float *row_of(const faiss::IndexHNSWFlat &index, int32_t row)
{
    return static_cast<const faiss::IndexFlat *>(index.storage)->get_xb() + static_cast<size_t>(row) * static_cast<size_t>(index.d);
}

void fetch(const void *from, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += LINE)
        __builtin_prefetch(static_cast<const char *>(from) + at);
}

// Where the list of the rows that `row` is linked with on a level lies.
struct Place {
    const int32_t *first;
    size_t n;
    Place(const faiss::HNSW &graph, int32_t row, int level)
    {
        size_t begin, end;
        graph.neighbor_range(row, level, &begin, &end);
        first = graph.neighbors.data() + begin, n = end - begin;
    }
    size_t taken() const { return static_cast<size_t>(std::find(first, first + n, -1) - first); } // -1 ends a list that is not full
};

} // namespace

struct FaissGraph::Scratch {
    std::vector<uint8_t> seen; // of each row: the number of the last search that came by
    uint8_t number = 0;
    std::vector<Near> candidates, best;
    std::vector<int32_t> fresh;

    void begin(size_t rows)
    {
        if (seen.size() < rows || ++number == 0) {
            seen.assign(rows, 0);
            number = 1;
        }
        candidates.clear(), best.clear();
    }
    bool first_time(int32_t row)
    {
        bool first = seen[static_cast<size_t>(row)] != number;
        seen[static_cast<size_t>(row)] = number;
        return first;
    }
};

FaissGraph::FaissGraph(const faiss::IndexHNSWFlat &i, const std::vector<int64_t> *map, df_ann_l2 f) : index(i), ids(map), l2(f) {}
FaissGraph::~FaissGraph() = default;

std::unique_ptr<FaissGraph> FaissGraph::of(const faiss::Index *index, df_ann_l2 l2)
{
    auto *map = dynamic_cast<const faiss::IndexIDMap *>(index);
    auto *graph = dynamic_cast<const faiss::IndexHNSWFlat *>(map ? map->index : index);
    if (!graph || graph->metric_type != faiss::METRIC_L2 || !dynamic_cast<const faiss::IndexFlat *>(graph->storage))
        return nullptr;
    return std::unique_ptr<FaissGraph>(new FaissGraph(*graph, map ? &map->id_map : nullptr, l2));
}

std::unique_ptr<FaissGraph::Scratch> FaissGraph::take()
{
    std::lock_guard<std::mutex> hold(lock);
    if (idle.empty())
        return std::make_unique<Scratch>();
    std::unique_ptr<Scratch> s = std::move(idle.back());
    idle.pop_back();
    return s;
}

void FaissGraph::give(std::unique_ptr<Scratch> s)
{
    std::lock_guard<std::mutex> hold(lock);
    idle.push_back(std::move(s));
}

// each(row, its distance from the query) for one row after the other.
template <typename Each> void FaissGraph::measure(const float *query, const int32_t *rows, size_t n, Each &&each) const
{
    size_t dims = static_cast<size_t>(index.d), bytes = dims * sizeof(float);
    for (size_t i = 0; i < n && i < AHEAD; i++)
        fetch(row_of(index, rows[i]), bytes);
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            fetch(row_of(index, rows[i + AHEAD]), bytes);
        each(rows[i], l2(query, row_of(index, rows[i]), dims));
    }
}

// Down the levels above the lowest, on each to the row whose neighbours are all farther.
int32_t FaissGraph::descend(const float *query, float &distance) const
{
    const faiss::HNSW &graph = index.hnsw;
    int32_t at = graph.entry_point;
    distance = l2(query, row_of(index, at), static_cast<size_t>(index.d));
    for (int level = graph.max_level; level > 0; level--)
        for (int32_t before = -1; before != at;) {
            Place links(graph, before = at, level);
            measure(query, links.first, links.taken(), [&](int32_t row, float d) {
                if (d < distance)
                    distance = d, at = row;
            });
        }
    return at;
}

// The lowest level: the nearest candidate's neighbours become candidates, until the nearest one is farther than the `ef` best.
void FaissGraph::spread(Scratch &s, const float *query, size_t ef, int32_t from, float distance) const
{
    const faiss::HNSW &graph = index.hnsw;
    s.begin(static_cast<size_t>(index.ntotal));
    s.first_time(from);
    push<NearestOnTop>(s.candidates, {distance, from});
    push<FarthestOnTop>(s.best, {distance, from});
    while (!s.candidates.empty()) {
        Near next = pop<NearestOnTop>(s.candidates);
        if (s.best.size() >= ef && next.distance > s.best.front().distance)
            break;
        Place links(graph, next.row, 0);
        if (!s.candidates.empty()) { // the next one, unless a nearer one turns up
            Place soon(graph, s.candidates.front().row, 0);
            fetch(soon.first, soon.n * sizeof *soon.first);
        }
        s.fresh.clear();
        std::copy_if(links.first, links.first + links.taken(), std::back_inserter(s.fresh), [&](int32_t row) { return s.first_time(row); });
        measure(query, s.fresh.data(), s.fresh.size(), [&](int32_t row, float d) {
            if (s.best.size() >= ef && !(d < s.best.front().distance))
                return;
            push<NearestOnTop>(s.candidates, {d, row});
            push<FarthestOnTop>(s.best, {d, row});
            if (s.best.size() > ef)
                pop<FarthestOnTop>(s.best);
        });
    }
}

size_t FaissGraph::search(const float *query, size_t k, size_t ef, uint64_t *labels)
{
    if (index.ntotal == 0 || index.hnsw.entry_point < 0)
        return 0;
    float distance;
    int32_t from = descend(query, distance);
    std::unique_ptr<Scratch> s = take();
    spread(*s, query, std::max(ef, k), from, distance);
    size_t n = std::min(k, s->best.size());
    std::nth_element(s->best.begin(), s->best.begin() + static_cast<std::ptrdiff_t>(n), s->best.end(), FarthestOnTop());
    for (size_t i = 0; i < n; i++)
        labels[i] = static_cast<uint64_t>(ids ? (*ids)[static_cast<size_t>(s->best[i].row)] : s->best[i].row);
    give(std::move(s));
    return n;
}
