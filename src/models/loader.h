/* loader.h - from a row of the catalogue to checked bytes and a net. */
#ifndef DF_MODELS_LOADER_H
#define DF_MODELS_LOADER_H

#include "core/bytes.h"
#include "core/log.h"
#include "models/catalogue.h"
#include "nn/net.h"

typedef struct df_loader {
    const char  *dir; /* the weights folder */
    df_log       log;
    df_precision precision; /* of what a stage opens */
    const df_weights *tried; /* NULL, or the row whose file is looked for at `tried_at`: what was fetched is opened before it gets its name. */
    const char       *tried_at; /* Nothing is remembered of it */
} df_loader;

/* The one path rule: `dir`/`file`, malloc. */
df_status df__weights_path(const df_loader *loader, const char *file, char **out, df_error *err);
/* Weights folder of a process: $DEEPFACE_HOME/.deepface/weights, else $HOME/.deepface/weights. malloc. */
df_status df__weights_dir(char **out, df_error *err);
/* Map a weight file and check size and sha256. DF_E_NO_MODEL names the path, the size, the licence and the command that fetches it;
 * DF_E_BAD_MODEL names both hashes; where the row has none, that of the file's first use counts. A large file that was checked before and has not changed since is not read again (stamp.h). */
df_status df__weights_open(const df_loader *loader, const char *name, df_bytes *out, df_error *err);
/* Read every byte, whatever was remembered. Errors: those of df__weights_open. */
df_status df__weights_check(const df_loader *loader, const char *name, df_error *err);
/* The net of a weight file (ONNX or dlib; for Caffe the prototxt's row is `name` + "-prototxt"). Packed weights come from the cache folder and
 * go there after the first run. */
df_status df__weights_net(const df_loader *loader, const char *name, df_precision precision, df_net **out, df_error *err);
/* The same, handed out only when `check` finds it to be what it should be. A file whose sha256 nobody could pin is then the one that is expected
 * from now on (first_seen.h). */
typedef df_status (*df_net_check)(const df_net *net, df_error *err);
df_status df__weights_net_checked(const df_loader *loader, const char *name, df_precision precision, df_net_check check, df_net **out,
                                  df_error *err);
/* DF_E_BAD_MODEL, with both shapes, where a network is not the recogniser that a row describes. */
df_status df__ports_check(const df_model_info *info, const df_net *net, df_error *err);
/* The net of an .onnx file that is in no catalogue; external data are taken from its own folder. */
df_status df__file_net(const df_loader *loader, const char *path, df_precision precision, df_net **out, df_error *err);

/* Folder of caches, malloc: $DEEPFACE_CACHE, else "cache" beside a weights folder named "weights" and inside any other; NULL where
 * $DEEPFACE_CACHE is "off". It need not exist. */
df_status df__cache_dir(const df_loader *loader, char **out, df_error *err);

#endif
