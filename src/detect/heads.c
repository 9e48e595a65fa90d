/* heads.c - see heads.h. */
#include "detect/heads.h"

#include <math.h>
#include <stdio.h>

/* ---- the file ---- */

static void write_shape(const df_tensor *t, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "%s", df__dtype_name(t->type));
    if (t->rank < 0 && at < size)
        snprintf(out + at, size - at, " of any shape");
    for (int i = 0; i < t->rank && at < size; i++)
        at += t->dims[i] < 0 ? (size_t)snprintf(out + at, size - at, "[any]") : (size_t)snprintf(out + at, size - at, "[%lld]", (long long)t->dims[i]);
}

df_status df__head_takes(const df_net *net, const char *file, bool last, df_error *err)
{
    if (df__net_inputs(net) != 1)
        return df__fail(err, DF_E_BAD_MODEL, "%s: %zu inputs, not one picture", file, df__net_inputs(net));
    const df_port *in = df__net_input(net, 0);
    int64_t channels = in->shape.rank == 4 ? in->shape.dims[last ? 3 : 1] : 0;
    char shape[128];
    if (in->shape.type == DF_F32 && (in->shape.rank < 0 || channels == 3 || channels < 0))
        return DF_OK;
    write_shape(&in->shape, shape, sizeof shape);
    return df__fail(err, DF_E_BAD_MODEL, "%s: input \"%s\" is %s, not float32%s", file, in->name, shape, last ? "[n][height][width][3]" : "[n][3][height][width]");
}

df_status df__head_declares(const df_net *net, const char *file, size_t i, int axis, int64_t channels, df_error *err)
{
    const df_port *out = df__net_output(net, i);
    if (!out)
        return df__fail(err, DF_E_BAD_MODEL, "%s: %zu outputs; output %zu is lacking", file, df__net_outputs(net), i);
    if (out->shape.rank < 0 && out->shape.type == DF_F32)
        return DF_OK;
    int at = axis < 0 ? out->shape.rank + axis : axis;
    if (out->shape.type == DF_F32 && at >= 0 && at < out->shape.rank && (out->shape.dims[at] < 0 || out->shape.dims[at] == channels))
        return DF_OK;
    char shape[128];
    write_shape(&out->shape, shape, sizeof shape);
    return df__fail(err, DF_E_BAD_MODEL, "%s: output %zu \"%s\" is %s, not float32 of %lld numbers a place", file, i, out->name, shape, (long long)channels);
}

df_status df__head_gave(const df_net *net, const char *file, size_t i, const df_tensor *out, int rank, const int64_t *dims, const df_tensor *input,
                        df_error *err)
{
    int skip = out->rank == rank - 1 && dims[0] == 1;
    bool right = out->type == DF_F32 && out->rank == rank - skip;
    for (int d = skip; d < rank && right; d++)
        right = out->dims[d - skip] == dims[d];
    if (right)
        return DF_OK;
    df_tensor wanted = {.type = DF_F32, .rank = rank};
    for (int d = 0; d < rank; d++)
        wanted.dims[d] = dims[d];
    char have[128], want[128], given[128];
    write_shape(out, have, sizeof have);
    write_shape(&wanted, want, sizeof want);
    write_shape(input, given, sizeof given);
    return df__fail(err, DF_E_BAD_MODEL, "%s: output %zu \"%s\" is %s, not %s for the input %s", file, i, df__net_output(net, i)->name, have, want, given);
}

/* ---- candidates ---- */

void df__head_points(df_face *face, const double xy[10])
{
    df_point *const to[5] = {&face->right_eye, &face->left_eye, &face->nose, &face->mouth_right, &face->mouth_left};
    for (int i = 0; i < 5; i++)
        *to[i] = (df_point){(float)xy[2 * i], (float)xy[2 * i + 1]};
    face->has |= DF_HAS_EYES | DF_HAS_NOSE | DF_HAS_MOUTH;
}

static bool finite_point(df_point p) { return isfinite(p.x) && isfinite(p.y); }

df_status df__head_add(df_face_list *list, const df_face *f, df_error *err)
{
    bool good = isfinite(f->x) && isfinite(f->y) && isfinite(f->w) && isfinite(f->h) && f->w > 0 && f->h > 0 && isfinite(f->confidence);
    if (f->has)
        good = good && finite_point(f->right_eye) && finite_point(f->left_eye) && finite_point(f->nose) && finite_point(f->mouth_right) &&
               finite_point(f->mouth_left);
    return good ? df__face_list_add(list, f, err) : DF_OK;
}

df_status df__head_suppress(df_face_list *list, size_t from, const df_suppression *rule, df_error *err)
{
    df_status st = df__face_list_sort(list, from, err);
    return st == DF_OK ? df__face_list_suppress(list, from, rule, err) : st;
}

static df_point mapped(df_point p, const df_head_map *m)
{
    return (df_point){(float)((p.x - m->left) * m->scale_x), (float)((p.y - m->top) * m->scale_y)};
}

void df__head_to_photo(df_face_list *list, size_t from, const df_head_map *m)
{
    for (size_t i = from; i < list->n; i++) {
        df_face *f = &list->items[i];
        df_point corner = mapped((df_point){f->x, f->y}, m);
        f->x = corner.x, f->y = corner.y, f->w = (float)(f->w * m->scale_x), f->h = (float)(f->h * m->scale_y);
        f->right_eye = mapped(f->right_eye, m), f->left_eye = mapped(f->left_eye, m), f->nose = mapped(f->nose, m);
        f->mouth_right = mapped(f->mouth_right, m), f->mouth_left = mapped(f->mouth_left, m);
    }
}
