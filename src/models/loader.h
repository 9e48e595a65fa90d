/* loader.h - from a row of the catalogue to checked bytes and a net. */
#ifndef DF_MODELS_LOADER_H
#define DF_MODELS_LOADER_H

#include "core/bytes.h"
#include "core/log.h"
#include "models/catalogue.h"
#include "nn/net.h"

typedef struct df_loader { const char *dir; df_log log; } df_loader; /* the weights folder */

/* The one path rule: `dir`/`file`, malloc. */
df_status df__weights_path(const df_loader *loader, const char *file, char **out, df_error *err);
/* Weights folder of a process: $DEEPFACE_HOME/.deepface/weights, else $HOME/.deepface/weights. malloc. */
df_status df__weights_dir(char **out, df_error *err);
/* Map a weight file and check size and sha256. DF_E_NO_MODEL names the path, the size, the licence and the command that fetches it;
 * DF_E_BAD_MODEL names both hashes. */
df_status df__weights_open(const df_loader *loader, const char *name, df_bytes *out, df_error *err);
/* The net of a weight file (ONNX or dlib; for Caffe the prototxt's row is `name` + "-prototxt"). */
df_status df__weights_net(const df_loader *loader, const char *name, df_net **out, df_error *err);

#endif
