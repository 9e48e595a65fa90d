/* log.h - what the library has to say goes to the engine's callback, nowhere else. */
#ifndef DF_CORE_LOG_H
#define DF_CORE_LOG_H

#include "core/status.h"

typedef struct df_log { df_log_fn fn; void *user; } df_log; /* {0}: silent */

void df__log(const df_log *log, df_log_level level, const char *format, ...) DF_PRINTF(3, 4);

#endif
