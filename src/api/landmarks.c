/* landmarks.c - points of a face beside the five that detectors give: MediaPipe's 468 or dlib's 68. */
#include <stdlib.h>

#include "api/pipeline.h"

df_status df__pipeline_landmarks(const df_pipeline *p, const df_photo *photo, const df_face *f, int n, df_point *out, df_arena *scratch,
                                 df_error *err)
{
    const df_face box = df__pipeline_box(p, f);
    if (n == DF_MESH_POINTS)
        return df__facemesh(p->mesh, photo->px, &box, &p->detector->dlib, out, scratch, err);
    if (df__shape_predictor_points(p->sp68) != n)
        return df__fail(err, DF_E_BAD_MODEL, "the shape predictor gives %d points, not %d", df__shape_predictor_points(p->sp68), n);
    return df__dlib_shape(photo->px, &box, &p->detector->dlib, p->sp68, scratch, out, err);
}

df_status df__faces_mark(const df_pipeline *p, const df_photo *photo, df_faces *faces, df_arena *scratch, df_error *err)
{
    df_status st = DF_OK;
    size_t n = (size_t)p->marks;
    if (n == 0 || faces->list.n == 0 || df__pipeline_no_face(p, &faces->list.items[0]))
        return DF_OK;
    faces->marks = calloc(faces->list.n, n * sizeof *faces->marks);
    if (!faces->marks)
        return df__no_memory(err, "landmarks", faces->list.n * n * sizeof *faces->marks);
    for (size_t i = 0; i < faces->list.n && st == DF_OK; i++)
        st = df__pipeline_landmarks(p, photo, &faces->list.items[i], p->marks, faces->marks + i * n, scratch, err);
    if (st != DF_OK) {
        df__prefix(err, "%s", photo->name);
        return st;
    }
    for (size_t i = 0; i < faces->list.n * n; i++)
        faces->marks[i] = df__photo_point(photo, faces->marks[i]);
    faces->n_marks = n;
    return DF_OK;
}

const df_point *df_landmarks(const df_faces *faces, size_t index, size_t *n)
{
    bool there = index < df_faces_count(faces) && faces->n_marks > 0;
    if (n)
        *n = there ? faces->n_marks : 0;
    return there ? faces->marks + index * faces->n_marks : NULL;
}
