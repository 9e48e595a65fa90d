/* fuzz_csv.c - the list of pairs of the command line. Fields lie inside the text, in order, and no row is endless. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cli_csv csv;
    char *fields[CLI_CSV_FIELDS], *text = malloc(size + 1);
    int n;
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (cli_csv_take(&csv, text, size)) {
        size_t rows = 0;
        while ((n = cli_csv_next(&csv, fields)) > 0) {
            if (++rows > size)
                abort();
            for (int i = 0; i < n; i++)
                if (fields[i] < text || fields[i] + strlen(fields[i]) > text + size || (i > 0 && fields[i] <= fields[i - 1]))
                    abort();
        }
    }
    cli_csv_close(&csv);
    return 0;
}
