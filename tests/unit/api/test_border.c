/* With `border` the faces are those of deepface for Python with align=True, to the pixel (tests/golden/border_faces.csv); without, the detector
 * sees the photo alone. */
#include "../../golden/golden.h"
#include "photos.h"

TEST(faces_inside_a_border_are_upstreams)
{
    df_error err;
    df_engine *df = engine_or_skip(0);
    df_opts o = df_opts_default();
    golden g = golden_open("border_faces.csv");
    size_t rows = 0, moved = 0;
    o.detector = "opencv", o.align = "eyes";
    for (; golden_row(&g); rows++) {
        df_faces *faces, *alone;
        o.border = true;
        CHECK_OK(df_detect(df, photo(g.fields[0]), &o, &faces, &err));
        o.border = false;
        CHECK_OK(df_detect(df, photo(g.fields[0]), &o, &alone, &err));
        const df_face *f = df_faces_at(faces, 0), *h = df_faces_at(alone, 0);
        const float got[8] = {f->x, f->y, f->w, f->h, f->left_eye.x, f->left_eye.y, f->right_eye.x, f->right_eye.y};
        for (size_t i = 0; i < 8; i++)
            if ((int)got[i] != golden_int(&g, 1 + i))
                fail_msg("%s: number %zu is %g, not %s", g.fields[0], i + 1, (double)got[i], g.fields[1 + i]);
        moved += h->x != f->x;
        df_faces_free(faces), df_faces_free(alone);
    }
    CHECK(rows == 4 && moved > 0);
    df_engine_free(df);
}
