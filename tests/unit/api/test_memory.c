/* Ten thousand calls: memory stays flat (deepface issues 141, 697, 819: it grows with every call). */
#include <unistd.h>

#include "photos.h"

static size_t resident_kb(void)
{
    size_t pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%zu %zu", &all, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

TEST(ten_thousand_calls_leave_memory_flat)
{
    df_error err;
    df_image *img, *face;
    df_chips *chips;
#if defined(DF_SANITIZED)
    skip(); /* sanitizers hold freed memory back */
#endif
    df_engine *df = engine_or_skip(1);
    /* a chip of 150 pixels: small, so that all stages of many calls fit in a test's time */
    CHECK_OK(df_image_load(df, photo("obama.jpg"), &img, &err));
    df_opts o = df_opts_default();
    o.expand = 60;
    CHECK_OK(df_extract_image(df, img, &o, &chips, &err));
    const df_image *chip = df_chips_image(chips, 0);
    CHECK_OK(df_image_from_rgb(df_image_width(chip), df_image_height(chip), df_image_stride(chip), df_image_pixels(chip), &face, &err));
    df_chips_free(chips);
    df_image_free(img);
    o = df_opts_default();
    o.enforce = false;
    o.flip = false;
    const size_t calls = 10000, settled = 1000;
    size_t before = 0;
    for (size_t i = 0; i < calls; i++) {
        df_embeddings *e;
        CHECK_OK(df_represent_image(df, face, &o, &e, &err));
        df_embeddings_free(e);
        if (i == settled)
            before = resident_kb();
    }
    size_t after = resident_kb();
    print_message("resident after %zu calls %zu kB, after %zu calls %zu kB\n", settled, before, calls, after);
    CHECK(after <= before + 1024); /* allocators move by pages; a leak of 128 bytes a call would show */
    df_image_free(face);
    df_engine_free(df);
}
