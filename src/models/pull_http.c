/* pull_http.c - see pull_http.h. libcurl is loaded by the first fetch: linking it would add some 5 ms to every start.
 * The proxy is the environment's (https_proxy, http_proxy, all_proxy, no_proxy), and so are certificates of one's own (CURL_CA_BUNDLE,
 * SSL_CERT_FILE). */
#include "models/pull_http.h"

#include <string.h>

bool df__is_address(const char *from)
{
    size_t n = strspn(from, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    return n > 1 && strncmp(from + n, "://", 3) == 0;
}

#if !defined(DF_WITH_CURL)

df_fetched df__fetch(const df_fetch *fetch, df_part *part, double *pause, df_error *err)
{
    (void)fetch, (void)part;
    *pause = 0;
    df__fail(err, DF_E_UNSUPPORTED, "this build has no libcurl (DF_WITH_CURL). Fetch it by other means and use `--from FILE`");
    return DF_FETCH_STOP;
}

#else

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "core/library.h"

/* ---- libcurl ---- */

#define CALLS(X)                                                                                                          \
    X(global_init) X(easy_init) X(easy_setopt) X(easy_perform) X(easy_getinfo) X(easy_strerror) X(easy_cleanup) X(slist_append) \
    X(slist_free_all)

static struct {
#define X(name) __typeof__(&curl_##name) name;
    CALLS(X)
#undef X
} curl;

static df_status load(df_error *err)
{
    static const char *const files[] = {"libcurl.so.4", "libcurl.4.dylib", "libcurl.dylib", NULL};
#define X(name) "curl_" #name,
    static const char *const names[] = {CALLS(X) NULL};
#undef X
    static bool ready;
    df_status st = df__library_load(files, names, &curl, &ready, "libcurl4", err);
    if (st == DF_OK && curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) /* it counts */
        st = df__fail(err, DF_E_UNSUPPORTED, "libcurl does not start");
    return st;
}

/* ---- one transfer ---- */

typedef struct transfer {
    const df_fetch *fetch;
    df_part        *part;
    CURL           *handle;
    df_fetched      verdict; /* of a callback that ended the transfer */
    bool            ended, begun;
    df_error        err;
    char            etag[256], modified[64]; /* of the last answer */
    bool            ranged;
    uint64_t        range_from, range_total; /* total 0: unknown */
} transfer;

static bool end(transfer *t, df_fetched verdict)
{
    t->ended = true;
    t->verdict = verdict;
    return false;
}

/* The value of a header line of this name, without blanks around it, into out; "" when it is too long. */
static bool header(const char *line, size_t len, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);
    if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
        return false;
    for (line += n + 1, len -= n + 1; len && (*line == ' ' || *line == '\t'); line++, len--) {}
    while (len && (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == ' ' || line[len - 1] == '\t'))
        len--;
    if (len >= size)
        len = 0;
    memcpy(out, line, len);
    out[len] = '\0';
    return true;
}

/* "bytes 100-199/200"; an end without digits ("*") is unknown. */
static void read_range(transfer *t, const char *text)
{
    unsigned long long from = 0, to = 0, total = 0;
    int got = sscanf(text, "bytes %llu-%llu/%llu", &from, &to, &total);
    t->ranged = got >= 2;
    t->range_from = from;
    t->range_total = got == 3 ? total : 0;
}

static size_t on_header(char *line, size_t one, size_t len, void *user)
{
    transfer *t = user;
    char range[128];
    if (len > 5 && strncmp(line, "HTTP/", 5) == 0) { /* the next answer: of a proxy, of another address */
        t->etag[0] = t->modified[0] = '\0';
        t->ranged = false;
    }
    header(line, len, "etag", t->etag, sizeof t->etag);
    header(line, len, "last-modified", t->modified, sizeof t->modified);
    if (header(line, len, "content-range", range, sizeof range))
        read_range(t, range);
    return one * len;
}

/* What If-Range takes (RFC 9110 13.1.5): a strong entity tag, else the date. */
static const char *tag_of(const transfer *t)
{
    size_t n = strlen(t->etag);
    return n >= 2 && t->etag[0] == '"' && t->etag[n - 1] == '"' ? t->etag : t->modified;
}

/* The first byte of a body: is it what was asked for, and is there room for it? */
static bool begin(transfer *t)
{
    long code = 0;
    char *type = NULL;
    curl_off_t length = -1;
    df_part *p = t->part;
    curl.easy_getinfo(t->handle, CURLINFO_RESPONSE_CODE, &code);
    curl.easy_getinfo(t->handle, CURLINFO_CONTENT_TYPE, &type);
    curl.easy_getinfo(t->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->begun = true;
    if (type && strncasecmp(type, "text/html", 9) == 0) {
        df__fail(&t->err, DF_E_BAD_MODEL, "answers with a web page (%s), not with a file", type);
        return end(t, DF_FETCH_NEXT);
    }
    if (code == 206 && (!t->ranged || t->range_from != p->len || (p->total && t->range_total && p->total != t->range_total))) {
        df__fail(&t->err, DF_E_IO, "answers with other bytes than those from %llu on; begun anew", (unsigned long long)p->len);
        return end(t, df__part_empty(p, &t->err) == DF_OK ? DF_FETCH_AGAIN : DF_FETCH_STOP);
    }
    if (code == 206 && p->total == 0)
        p->total = t->range_total;
    if (code == 200 && df__part_begin(p, t->fetch->url, tag_of(t), length > 0 ? (uint64_t)length : 0, &t->err) != DF_OK)
        return end(t, DF_FETCH_STOP);
    if (code != 200 && code != 206) {
        df__fail(&t->err, DF_E_IO, "answers with HTTP %ld", code);
        return end(t, DF_FETCH_NEXT);
    }
    if (p->total > t->fetch->limit) {
        df__fail(&t->err, DF_E_LIMIT, "has %llu bytes, the limit is %llu", (unsigned long long)p->total,
                 (unsigned long long)t->fetch->limit);
        return end(t, DF_FETCH_NEXT);
    }
    if (df__part_room(p, (p->total > p->len ? p->total - p->len : 0) + t->fetch->unpacked, &t->err) != DF_OK)
        return end(t, DF_FETCH_STOP);
    return true;
}

static size_t on_body(char *data, size_t one, size_t len, void *user)
{
    transfer *t = user;
    len *= one;
    if (!t->begun && !begin(t))
        return 0;
    if (t->part->len + len > t->fetch->limit) {
        df__fail(&t->err, DF_E_LIMIT, "has more than %llu bytes, the limit", (unsigned long long)t->fetch->limit);
        return end(t, DF_FETCH_NEXT);
    }
    if (df__part_write(t->part, data, len, &t->err) != DF_OK)
        return end(t, DF_FETCH_STOP);
    return len;
}

static int on_time(void *user, curl_off_t total, curl_off_t done, curl_off_t up_total, curl_off_t up)
{
    transfer *t = user;
    (void)total, (void)done, (void)up_total, (void)up;
    if (t->ended || t->fetch->tick(t->fetch->user, t->part->len, t->part->total))
        return 0;
    df__fail(&t->err, DF_E_IO, "stopped by the caller");
    end(t, DF_FETCH_STOP);
    return 1;
}

/* ---- what came of it ---- */

static bool is_https(const char *url) { return strncasecmp(url, "https:", 6) == 0; }

static bool may_pass(long http)
{
    return http == 408 || http == 425 || http == 429 || http == 500 || http == 502 || http == 503 || http == 504;
}

static df_fetched http_error(transfer *t, double *pause)
{
    long code = 0;
    curl_off_t wait = 0;
    static const struct { long code; const char *text; } known[] = {
        {401, " Unauthorized"}, {403, " Forbidden"}, {404, " Not Found"}, {410, " Gone"}, {429, " Too Many Requests"},
        {500, " Internal Server Error"}, {502, " Bad Gateway"}, {503, " Service Unavailable"}, {504, " Gateway Timeout"}};
    const char *text = "";
    curl.easy_getinfo(t->handle, CURLINFO_RESPONSE_CODE, &code);
    curl.easy_getinfo(t->handle, CURLINFO_RETRY_AFTER, &wait);
    *pause = (double)wait;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].code == code)
            text = known[i].text;
    df__fail(&t->err, DF_E_IO, "HTTP %ld%s", code, text);
    if (code == 416) /* Range Not Satisfiable: it is shorter now than what is here */
        return df__part_empty(t->part, &t->err) == DF_OK ? DF_FETCH_AGAIN : DF_FETCH_STOP;
    return may_pass(code) ? DF_FETCH_AGAIN : DF_FETCH_NEXT;
}

static df_fetched verdict(transfer *t, CURLcode rc, const char *detail, double *pause)
{
    const df_part *p = t->part;
    if (t->ended)
        return t->verdict;
    if (rc == CURLE_OK && !t->begun) {
        df__fail(&t->err, DF_E_BAD_MODEL, "answers with nothing");
        return DF_FETCH_NEXT;
    }
    if ((rc == CURLE_OK && p->total && p->len != p->total) || rc == CURLE_PARTIAL_FILE) {
        df__fail(&t->err, DF_E_IO, "cut off at byte %llu of %llu", (unsigned long long)p->len, (unsigned long long)p->total);
        return DF_FETCH_AGAIN;
    }
    if (rc == CURLE_HTTP_RETURNED_ERROR)
        return http_error(t, pause);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        df__fail(&t->err, DF_E_IO, "too slow: less than 1,000 bytes a second for %d s", t->fetch->stall);
    else
        df__fail(&t->err, DF_E_IO, "%s", *detail ? detail : curl.easy_strerror(rc));
    switch (rc) {
    case CURLE_OK:
        return DF_FETCH_DONE;
    case CURLE_OUT_OF_MEMORY:
        t->err.status = DF_E_NO_MEMORY;
        return DF_FETCH_STOP;
    case CURLE_UNSUPPORTED_PROTOCOL: /* of a redirection, or of the address itself */
        df__fail(&t->err, DF_E_IO, "leads to an address that is not %s: refused", is_https(t->fetch->url) ? "https" : "http or https");
        return DF_FETCH_NEXT;
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return DF_FETCH_NEXT;
    default:
        return DF_FETCH_AGAIN;
    }
}

static const char *certificates(void)
{
    const char *file = getenv("CURL_CA_BUNDLE");
    if (!file || !*file)
        file = getenv("SSL_CERT_FILE");
    return file && *file ? file : NULL;
}

/* False: this libcurl is older than 7.85 and cannot be told which protocols are allowed. */
static bool set_up(transfer *t, char detail[CURL_ERROR_SIZE])
{
    const df_fetch *f = t->fetch;
    CURL *h = t->handle;
    const char *protocols = is_https(f->url) ? "https" : "http,https";
    curl.easy_setopt(h, CURLOPT_URL, f->url);
    bool bound = curl.easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
                 curl.easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, protocols) == CURLE_OK;
    curl.easy_setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
    curl.easy_setopt(h, CURLOPT_MAXREDIRS, 10L);
    curl.easy_setopt(h, CURLOPT_FAILONERROR, 1L);
    curl.easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(h, CURLOPT_CONNECTTIMEOUT, (long)f->stall);
    curl.easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1000L);
    curl.easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)f->stall);
    curl.easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
    curl.easy_setopt(h, CURLOPT_USERAGENT, "deepface");
    curl.easy_setopt(h, CURLOPT_ERRORBUFFER, detail);
    curl.easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    curl.easy_setopt(h, CURLOPT_HEADERDATA, t);
    curl.easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl.easy_setopt(h, CURLOPT_WRITEDATA, t);
    curl.easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    curl.easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_time);
    curl.easy_setopt(h, CURLOPT_XFERINFODATA, t);
    if (certificates())
        curl.easy_setopt(h, CURLOPT_CAINFO, certificates());
    return bound;
}

/* May the transfer begin behind what is here? Not where nothing would tell another file of the same length from it. */
static bool goes_on(const df_fetch *f, const df_part *p)
{
    return p->len > 0 && strcmp(p->url, f->url) == 0 && (f->known_hash || (p->tag[0] && p->same_boot));
}

df_fetched df__fetch(const df_fetch *fetch, df_part *part, double *pause, df_error *err)
{
    transfer t = {.fetch = fetch, .part = part};
    char detail[CURL_ERROR_SIZE] = "", range[32], if_range[sizeof part->tag + 16];
    struct curl_slist *headers = NULL;
    df_fetched result = DF_FETCH_STOP;
    *pause = 0;
    if (load(err) != DF_OK || (!goes_on(fetch, part) && df__part_empty(part, err) != DF_OK))
        return DF_FETCH_STOP;
    if (part->total && part->len == part->total)
        return DF_FETCH_DONE; /* a former process was ended before it looked at it */
    t.handle = curl.easy_init();
    if (!t.handle) {
        df__no_memory(err, "a transfer", 0);
        return DF_FETCH_STOP;
    }
    bool bound = set_up(&t, detail);
    if (part->len > 0) {
        snprintf(range, sizeof range, "%llu-", (unsigned long long)part->len);
        curl.easy_setopt(t.handle, CURLOPT_RANGE, range);
    }
    if (part->len > 0 && part->tag[0]) {
        snprintf(if_range, sizeof if_range, "If-Range: %s", part->tag);
        headers = curl.slist_append(NULL, if_range);
        curl.easy_setopt(t.handle, CURLOPT_HTTPHEADER, headers);
    }
    if (!bound)
        df__fail(&t.err, DF_E_UNSUPPORTED, "libcurl is older than 7.85");
    else if (part->len > 0 && part->tag[0] && !headers)
        df__no_memory(&t.err, "a header", sizeof if_range);
    else
        result = verdict(&t, curl.easy_perform(t.handle), detail, pause);
    if (result != DF_FETCH_DONE && err)
        *err = t.err;
    curl.slist_free_all(headers);
    curl.easy_cleanup(t.handle);
    return result;
}

#endif
