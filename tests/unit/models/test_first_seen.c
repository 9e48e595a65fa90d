/* Weight files that no row can pin: what a first use remembers, and what is refused afterwards. */
#include "core/bytes.h"
#include "models/first_seen.h"
#include "temp_dir.h"

static df_error err;
static const char one[] = "1111111111111111111111111111111111111111111111111111111111111111";
static const char two[] = "2222222222222222222222222222222222222222222222222222222222222222";

TEST(a_hash_is_kept_as_sha256sum_writes_it)
{
    temp_dir dir = temp_dir_new();
    const char *path = temp_path(&dir, "net.onnx");
    bool known = true;
    df_bytes record = {0};
    CHECK_OK(df__first_seen_check(path, one, &known, &err));
    CHECK(!known);
    CHECK_OK(df__first_seen_keep(path, one, &err));
    CHECK_OK(df__first_seen_check(path, one, &known, &err));
    CHECK(known);
    CHECK_OK(df__read_file(temp_path(&dir, "net.onnx.sha256"), 1000, &record, &err));
    CHECK(record.len == 64 + 2 + 8 + 1 && memcmp(record.data, one, 64) == 0 && memcmp(record.data + 64, "  net.onnx\n", 11) == 0);
    df__bytes_free(&record);
}

TEST(another_file_is_refused_with_both_hashes_and_the_way_out)
{
    temp_dir dir = temp_dir_new();
    const char *path = temp_path(&dir, "net.onnx");
    CHECK_OK(df__first_seen_keep(path, one, &err));
    CHECK_STATUS(DF_E_BAD_MODEL, df__first_seen_check(path, two, NULL, &err));
    CHECK_HAS(err.message, one);
    CHECK_HAS(err.message, two);
    CHECK_HAS(err.message, "delete ");
    CHECK_HAS(err.message, "net.onnx.sha256");
}

TEST(a_record_that_is_none_is_refused)
{
    static const char *const texts[] = {"", "1111", "111111111111111111111111111111111111111111111111111111111111111G\n",
                                        "11111111111111111111111111111111111111111111111111111111111111111\n"};
    temp_dir dir = temp_dir_new();
    const char *path = temp_path(&dir, "net.onnx"), *record = temp_path(&dir, "net.onnx.sha256");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK_OK(df__write_file(record, texts[i], strlen(texts[i]), &err));
        CHECK_STATUS(DF_E_BAD_MODEL, df__first_seen_check(path, one, NULL, &err));
        CHECK_HAS(err.message, "net.onnx.sha256");
    }
    char *longer = calloc(1, 5000);
    CHECK_OK(df__write_file(record, longer, 5000, &err));
    CHECK_STATUS(DF_E_LIMIT, df__first_seen_check(path, one, NULL, &err));
    free(longer);
    CHECK_STATUS(DF_E_IO, df__first_seen_keep("/nowhere/at/all.onnx", one, &err));
}

TEST(every_allocation_may_fail)
{
    temp_dir dir = temp_dir_new();
    const char *path = temp_path(&dir, "net.onnx");
    for (int keep = 1; keep >= 0; keep--)
        for (size_t i = 1;; i++) {
            test_alloc_fail_at(i);
            df_status st = keep ? df__first_seen_keep(path, one, &err) : df__first_seen_check(path, one, NULL, &err);
            test_alloc_fail_at(0);
            if (st == DF_OK) {
                CHECK(i > 1);
                break;
            }
            CHECK_STATUS(DF_E_NO_MEMORY, st);
        }
}
