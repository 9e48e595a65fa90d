/* photos.h - how the commands that take several photos print one of them. */
#ifndef CLI_PHOTOS_H
#define CLI_PHOTOS_H

#include "cli.h"

/* {"path": ..., "faces": ...} or, with `err`, {"path": ..., "error": {"status", "code", "message"}}, one line. */
void cli_photo_json(const char *path, const char *faces, const df_error *err);
/* A photo failed: an error line for people, or the object above when JSON of several photos was asked for. The worse of the two codes. */
int cli_photo_failed(const cli_args *args, const char *path, const df_error *err, int code);
/* JSON of one photo's faces: the list alone for one photo, an object a line for several. Frees `json`. */
void cli_photo_faces(const cli_args *args, const char *path, char *json);
/* The object of a face, keys as deepface for Python has them, without the braces. */
void cli_face_json(const df_face *face);

/* -o of a command that makes a picture, whose name `verb` is: an exit code; CLI_OK when it may be written. */
int cli_picture_out(const cli_args *args, const char *verb, bool *to_stdout);

#endif
