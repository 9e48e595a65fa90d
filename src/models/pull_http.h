/* pull_http.h - one try at fetching an address, by libcurl. */
#ifndef DF_MODELS_PULL_HTTP_H
#define DF_MODELS_PULL_HTTP_H

#include "models/pull_part.h"

typedef struct df_fetch {
    const char *url;        /* http or https; one that begins with https is never left for http */
    uint64_t    limit;      /* bytes at most */
    uint64_t    unpacked;   /* bytes that the disk must have room for beside it: of what is packed in it; 0: nothing */
    bool        known_hash; /* the whole will be compared with one: a part may be gone on with though the server gave no tag */
    int         stall;      /* seconds to connect, and below 1,000 bytes a second, until the try has failed */
    bool      (*tick)(void *user, uint64_t done, uint64_t total); /* false: stop */
    void       *user;
} df_fetch;

typedef enum df_fetched {
    DF_FETCH_DONE,  /* all of it is in the part */
    DF_FETCH_AGAIN, /* a failure that may pass; what came stays in the part */
    DF_FETCH_NEXT,  /* this address is of no use */
    DF_FETCH_STOP   /* no address will be: the disk, the memory, the caller */
} df_fetched;

/* One try, going on where the part ends if it is of the same file. err tells why it is not DONE, without the address.
 *   pause  seconds that the server asks to wait before the next try; 0: it says nothing */
df_fetched df__fetch(const df_fetch *fetch, df_part *part, double *pause, df_error *err);
/* Does `from` begin like an address, whatever the protocol? */
bool df__is_address(const char *from);

#endif
