/* test_cli_npy.c - .npy files as numpy 2.4 writes them, and what is none. */
#include "npy.h"
#include "test.h"

static df_error err;

static const char *file(void)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/test.npy", test_folder());
    return path;
}

/* Format 1.0: magic, version, length of the header, header, numbers. */
static void put(const char *header, const void *data, size_t bytes)
{
    FILE *f = fopen(file(), "wb");
    size_t n = strlen(header);
    CHECK(f);
    fwrite("\x93NUMPY\x01\x00", 1, 8, f);
    fputc((int)(n & 255), f);
    fputc((int)(n >> 8), f);
    fwrite(header, 1, n, f);
    fwrite(data, 1, bytes, f);
    fclose(f);
}

TEST(what_was_written_is_read_again)
{
    static const df_dtype types[] = {DF_F32, DF_F64, DF_F16, DF_U8, DF_U16, DF_U32, DF_U64, DF_I8, DF_I16, DF_I32, DF_I64, DF_BOOL};
    uint8_t data[6 * 8];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i & 1);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int rank = 0; rank <= DF_MAX_RANK; rank++) {
            df_tensor t = {.type = types[i], .rank = rank, .dims = {1, 1, 1, 1, 1, 1, 1, 1}, .data = data}, back;
            if (rank > 1)
                t.dims[0] = 3, t.dims[rank - 1] = 2;
            CHECK_OK(cli_npy_write(file(), &t, &err));
            CHECK_OK(cli_npy_read(file(), &back, &err));
            CHECK(back.type == t.type && back.rank == t.rank && memcmp(back.dims, t.dims, sizeof(int64_t) * (size_t)rank) == 0);
            assert_memory_equal(back.data, data, (size_t)cli_tensor_count(&t) * cli_type_size(t.type));
            free(back.data);
        }
}

TEST(a_file_of_numpy_is_read)
{
    df_tensor t;
    put("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }                                                          \n", (float[]){1, 2, 3, 4, 5, 6}, 24);
    CHECK_OK(cli_npy_read(file(), &t, &err));
    CHECK(t.type == DF_F32 && t.rank == 2 && t.dims[0] == 2 && t.dims[1] == 3 && ((float *)t.data)[5] == 6);
    free(t.data);
    put("{'descr': '|u1', 'fortran_order': False, 'shape': (0,), }\n", "", 0);
    CHECK_OK(cli_npy_read(file(), &t, &err));
    CHECK(t.type == DF_U8 && t.rank == 1 && t.dims[0] == 0);
    free(t.data);
}

static void refused(df_status status, const char *header, size_t bytes, const char *part)
{
    static const uint8_t zeros[64];
    df_tensor t;
    put(header, zeros, bytes);
    CHECK_STATUS(status, cli_npy_read(file(), &t, &err));
    CHECK(t.data == NULL);
    CHECK_HAS(err.message, part);
    CHECK_HAS(err.message, file());
}

TEST(what_is_none_is_told)
{
    df_tensor t;
    refused(DF_E_DECODE, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23, "24 bytes");
    refused(DF_E_DECODE, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 25, "24 bytes");
    refused(DF_E_DECODE, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24, "C order");
    refused(DF_E_DECODE, "{'descr': '<f4', 'shape': (2, 3), }", 24, "C order");
    refused(DF_E_DECODE, "{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3), }", 48, "type");
    refused(DF_E_DECODE, "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", 24, "type");
    refused(DF_E_DECODE, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }", 24, "type");
    refused(DF_E_DECODE, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3), }", 24, "shape");
    refused(DF_E_DECODE, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3", 24, "shape");
    refused(DF_E_DECODE, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4, "shape");
    refused(DF_E_DECODE, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 4, "shape");
    refused(DF_E_LIMIT, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 4, "2 GiB");
    refused(DF_E_LIMIT, "{'descr': '<f4', 'fortran_order': False, 'shape': (536870913,), }", 4, "2 GiB");
    refused(DF_E_DECODE, "", 0, "type");
    FILE *f = fopen(file(), "wb");
    fputs("\x93NUMPY\x01", f);
    fclose(f);
    CHECK_STATUS(DF_E_DECODE, cli_npy_read(file(), &t, &err));
    f = fopen(file(), "wb");
    fwrite("\x93NUMPY\x02\x00\xff\xff\xff\x7f", 1, 12, f);
    fclose(f);
    CHECK_STATUS(DF_E_LIMIT, cli_npy_read(file(), &t, &err));
    f = fopen(file(), "wb");
    fwrite("\x93NUMPY\x01\x00\x40\x00{", 1, 11, f);
    fclose(f);
    CHECK_STATUS(DF_E_DECODE, cli_npy_read(file(), &t, &err));
    CHECK_HAS(err.message, "cut off");
    CHECK_STATUS(DF_E_IO, cli_npy_read("/nowhere/at/all.npy", &t, &err));
}

TEST(what_cannot_be_written_is_told)
{
    uint16_t one = 0x3F80;
    df_tensor t = {.type = DF_BF16, .rank = 0, .data = &one};
    CHECK_STATUS(DF_E_UNSUPPORTED, cli_npy_write(file(), &t, &err));
    t.type = DF_F16;
    CHECK_STATUS(DF_E_IO, cli_npy_write("/nowhere/at/all.npy", &t, &err));
    CHECK_STATUS(DF_E_IO, cli_npy_write("/dev/full", &t, &err));
}

TEST(further_tensors_are_numbered)
{
    char name[16];
    CHECK(cli_npy_name("a/x.npy", 0, name, sizeof name));
    assert_string_equal(name, "a/x.npy");
    CHECK(cli_npy_name("a/x.npy", 2, name, sizeof name));
    assert_string_equal(name, "a/x-2.npy");
    CHECK(cli_npy_name("x", 1, name, sizeof name));
    assert_string_equal(name, "x-1");
    CHECK(!cli_npy_name("a/long/name.npy", 1, name, sizeof name));
}
