/* fuzz_ann_head.c - the head of an approximate index, as it is and with its checksum put right. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "index/ann_file.h"
#include "index/sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    uint8_t file[sizeof(df_ann_head) + 1] = {0};
    df_ann_head head;
    df_error err;
    size_t n = size < sizeof file ? size : sizeof file;
    snprintf(path, sizeof path, "/dev/shm/fuzz_ann_%ld", (long)getpid());
    memcpy(file, data, n);
    for (int sealed = 0; sealed < 2; sealed++) {
        int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
        uint64_t sum = df__sum64(0, file, offsetof(df_ann_head, head_sum));
        if (sealed)
            memcpy(file + offsetof(df_ann_head, head_sum), &sum, sizeof sum);
        if (fd < 0 || write(fd, file, n) != (ssize_t)n)
            abort();
        close(fd);
        if (df__ann_head_read(path, &head, &err) == DF_OK && (strlen(head.what) >= DF_ANN_WHAT || df__ann_data_check(path, &head, &err) == DF_OK))
            abort();
    }
    unlink(path);
    return 0;
}
