/* process.h - the faces of a photo and all that was wanted of them. */
#ifndef DF_API_PROCESS_H
#define DF_API_PROCESS_H

#include "api/pipeline.h"

struct df_results {
    size_t         n;
    unsigned       want;
    df_family      family;     /* of the networks of attributes */
    df_face       *faces;      /* [n] */
    df_attributes *attributes; /* [n] */
    df_embeddings *e;          /* NULL: none wanted */
};

#endif
