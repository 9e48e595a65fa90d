// annoy.cpp - forests of random hyperplanes by Annoy (E. Bernhardsson, Spotify). Items without a row (removed before the build) take up room and are
// never answered: they lie at the origin, and who asks drops them.
#include "shim.h"

#include <cstdint>
#include <vector>

#include <annoylib.h>
#include <kissrandom.h>

namespace {

using Forest = Annoy::AnnoyIndex<int32_t, float, Annoy::Euclidean, Annoy::Kiss64Random, Annoy::AnnoyIndexMultiThreadedBuildPolicy>;

struct Held {
    Forest forest;
    int trees;
    explicit Held(uint32_t dims, int t) : forest(static_cast<int>(dims)), trees(t) { forest.set_seed(1); }
};

[[noreturn]] void fail(char *text)
{
    std::string what = text ? text : "Annoy failed";
    std::free(text);
    throw std::runtime_error(what);
}

void *make(uint32_t dims, size_t, const char *parameters, df_ann_l2, char *message)
{
    Held *h = nullptr;
    Parameter trees[] = {{"trees", 50, 1, 1000}};
    guarded(message, [&] {
        take_parameters(parameters, trees);
        h = new Held(dims, static_cast<int>(trees[0].value));
    });
    return h;
}

int add(void *self, const float *rows, const uint64_t *labels, size_t n, char *message)
{
    Held *h = static_cast<Held *>(self);
    return guarded(message, [&] {
        char *error = nullptr;
        for (size_t i = 0; i < n; i++)
            if (!h->forest.add_item(static_cast<int32_t>(labels[i]), rows + i * static_cast<size_t>(h->forest.get_f()), &error))
                fail(error);
    });
}

int finish(void *self, int threads, char *message)
{
    Held *h = static_cast<Held *>(self);
    return guarded(message, [&] {
        char *error = nullptr;
        if (!h->forest.build(h->trees, threads, &error))
            fail(error);
    });
}

int save(void *self, const char *path, char *message)
{
    Held *h = static_cast<Held *>(self);
    return guarded(message, [&] {
        char *error = nullptr;
        if (!h->forest.save(path, false, &error))
            fail(error);
    });
}

void *load(const char *path, uint32_t dims, df_ann_l2, char *message)
{
    Held *h = nullptr;
    if (guarded(message, [&] {
            char *error = nullptr;
            h = new Held(dims, 0);
            if (!h->forest.load(path, false, &error))
                fail(error);
        }) == 0)
        return h;
    delete h;
    return nullptr;
}

int exact(void *) { return 1; }

double least(void *) { return 100; } // candidates

int search(void *self, const float *query, size_t k, double effort, uint64_t *labels, size_t *found, char *message)
{
    Held *h = static_cast<Held *>(self);
    *found = 0;
    return guarded(message, [&] {
        std::vector<int32_t> items;
        h->forest.get_nns_by_vector(query, k, effort > 0 ? static_cast<int>(effort) : -1, &items, nullptr);
        for (int32_t item : items)
            labels[(*found)++] = static_cast<uint64_t>(item);
    });
}

void free_held(void *self) { delete static_cast<Held *>(self); }

const df_ann_module module = {DF_ANN_MODULE_VERSION, "annoy", 0, make, nullptr, add, finish, save, load, exact, least, search, free_held};

} // namespace

extern "C" __attribute__((visibility("default"))) const df_ann_module *df_ann_module_of(void);
extern "C" const df_ann_module *df_ann_module_of(void) { return &module; }
