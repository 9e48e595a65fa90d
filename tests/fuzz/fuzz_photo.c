/* fuzz_photo.c - image files of one format (FUZZ_FORMAT, a df_format; one target each): what does not begin like one is left to the
 * other targets. Limits are small so that memory is not the finding. */
#include "image/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const df_limits lim = {1 << 20, 4000000};
    df_error      err;
    df_pixels     px;
    df_photo_info info;
    if (df__sniff(data, len) != FUZZ_FORMAT)
        return 0;
    df_status st = df__photo_info(data, len, &lim, &info, &err);
    if (df__photo_decode(data, len, &lim, len & 1 ? 64 : 0, &px, &err) == DF_OK && (st != DF_OK || px.width > info.width))
        __builtin_trap();
    df__pixels_free(&px);
    return 0;
}
