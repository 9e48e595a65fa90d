// shim.h - what the modules share: nothing leaves a module but numbers and a message.
#ifndef DF_INDEX_MODULES_SHIM_H
#define DF_INDEX_MODULES_SHIM_H

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
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

struct Parameter {
    const char *name;
    long value; // unless told
    long least, most;
};

// "M=16,ef=200" into the values of those that are known; what is none of them, or beyond its bounds, is an exception.
template <size_t N> void take_parameters(const char *text, Parameter (&known)[N])
{
    bool more = *text != '\0';
    for (size_t n; more; text += n + 1) {
        n = std::strcspn(text, ",");
        more = text[n] != '\0';
        bool taken = false;
        for (Parameter &p : known) {
            size_t name = std::strlen(p.name);
            if (std::strncmp(text, p.name, name) != 0 || text[name] != '=' || text[name + 1] < '0' || text[name + 1] > '9')
                continue;
            char *end;
            long v = std::strtol(text + name + 1, &end, 10);
            taken = end == text + n && v >= p.least && v <= p.most;
            p.value = taken ? v : p.value;
        }
        if (taken)
            continue;
        std::string what = "\"" + std::string(text, n < 40 ? n : 40) + "\" is none of";
        for (const Parameter &p : known)
            what += std::string(&p == known ? " " : ", ") + p.name + "=" + std::to_string(p.least) + ".." + std::to_string(p.most);
        throw std::invalid_argument(what);
    }
}

#endif
