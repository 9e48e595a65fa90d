// shim.h - what the modules share: nothing leaves a module but numbers and a message.
#ifndef DF_INDEX_MODULES_SHIM_H
#define DF_INDEX_MODULES_SHIM_H

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include "index/ann_module.h"

static inline void say(char *message, const char *what) { std::snprintf(message, DF_ANN_MESSAGE, "%s", what); }

// 0, or 1 with the exception's text.
template <typename F> static int guarded(char *message, F &&act)
{
    try {
        act();
        return 0;
    } catch (const std::exception &e) {
        say(message, e.what());
    } catch (...) {
        say(message, "an unknown exception");
    }
    return 1;
}

// The number after "NAME=" in "M=16,ef=200", or `otherwise`.
static inline long parameter(const char *text, const char *name, long otherwise, long least, long most)
{
    size_t n = std::strlen(name);
    for (const char *at = text; at && *at;) {
        if (std::strncmp(at, name, n) == 0 && at[n] == '=') {
            long v = std::strtol(at + n + 1, nullptr, 10);
            return v < least ? least : v > most ? most : v;
        }
        at = std::strchr(at, ',');
        at += at != nullptr;
    }
    return otherwise;
}

#endif
