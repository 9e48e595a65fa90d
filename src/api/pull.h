/* pull.h - whether a file is the network that its row tells of: asked by a pull and by df_model_check. */
#ifndef DF_API_PULL_H
#define DF_API_PULL_H

#include "models/pull.h"

/* df_pull_job's `fits`; `user` is the job itself. */
df_status df__model_fits(void *user, const char *path, df_error *err);

#endif
