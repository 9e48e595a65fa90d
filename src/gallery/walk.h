/* walk.h - the photos of a folder and of those inside it, as far as their names and the system tell. */
#ifndef DF_GALLERY_WALK_H
#define DF_GALLERY_WALK_H

#include "core/arena.h"
#include "core/status.h"

typedef struct df_walked {
    const char *path;     /* from the folder on */
    uint64_t    size;
    int64_t     modified; /* ns since 1970 */
} df_walked;

typedef struct df_walk {
    df_arena   texts;
    df_walked *files; /* in the order of their paths' bytes */
    size_t     n, cap;
} df_walk; /* {0} is empty */

/* Is it called like a photo that the decoders know: .jpg, .jpeg, .png, .webp, .gif, .bmp, .tif, .tiff, in any case? */
bool df__walk_is_photo(const char *name);
/* Regular files called like photos, those behind links among them. Links to folders are not followed, and what is hidden (a name that begins with
 * a dot) is passed over, as are folders that may not be read and those more than 64 deep. DF_E_IO: the folder itself cannot be read. */
df_status df__walk(const char *folder, df_walk *out, df_error *err);
void      df__walk_free(df_walk *w);

#endif
