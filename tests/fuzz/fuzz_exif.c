/* fuzz_exif.c - EXIF blocks. */
#include "image/decoders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int orientation = df__exif_orientation(data, len);
    if (orientation < 1 || orientation > 8)
        __builtin_trap();
    return 0;
}
