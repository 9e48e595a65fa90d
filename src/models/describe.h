/* describe.h - a recogniser that is in no catalogue: an ONNX file and, beside it, a description in JSON of what the file does not say
 * (docs/adding-a-model.md). */
#ifndef DF_MODELS_DESCRIBE_H
#define DF_MODELS_DESCRIBE_H

#include "core/bytes.h"
#include "models/catalogue.h"

/* Read a description: *out is a row like those of the catalogue, which df__recogniser_release frees.
 * Errors: DF_E_IO, DF_E_LIMIT (64 KiB), DF_E_BAD_MODEL, which names the file, the key, its value and what is allowed. */
df_status df__describe_open(const char *path, const df_recogniser **out, df_error *err);
/* The same of bytes; `path` names them, and its folder is that of the ONNX file. */
df_status df__describe_parse(const df_bytes *text, const char *path, const df_recogniser **out, df_error *err);

/* Rows of the catalogue need neither. */
void df__recogniser_retain(const df_recogniser *row);
void df__recogniser_release(const df_recogniser *row); /* NULL is fine */

#endif
