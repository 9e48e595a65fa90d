/* status.h - errors by value: a status is returned, the message goes to the caller's df_error. */
#ifndef DF_CORE_STATUS_H
#define DF_CORE_STATUS_H

#include "deepface.h"

/* Leave through the one way out: `df_status st = DF_OK;` and a label `done:` in the same function. */
#define DF_TRY(call)                        \
    do {                                    \
        if ((st = (call)) != DF_OK)         \
            goto done;                      \
    } while (0)

#if defined(__GNUC__)
#define DF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define DF_PRINTF(fmt, args)
#endif

/* Write status and message (cut at the buffer's end, never inside a UTF-8 sequence) and return the status. */
df_status df__fail(df_error *err, df_status status, const char *format, ...) DF_PRINTF(3, 4);
/* "out of memory: WHAT (N bytes)" */
df_status df__no_memory(df_error *err, const char *what, size_t bytes);
/* Put "PREFIX: " before the message that err holds, so that an inner error names the outer thing. */
void df__prefix(df_error *err, const char *format, ...) DF_PRINTF(2, 3);

#endif
