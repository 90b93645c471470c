/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/macro.h"

static const char *hex(const uint8_t *data, size_t n)
{
        static char text[129];

        for (size_t i = 0; i < n; i++)
                snprintf(text + 2 * i, 3, "%02x", data[i]);
        return text;
}

static void crc32c_is_the_same_with_and_without_the_instruction(void **state)
{
        uint8_t data[64];

        for (size_t i = 0; i < sizeof data; i++)
                data[i] = (uint8_t)(i * 37);
        for (size_t n = 0; n <= sizeof data; n++)
                assert_int_equal(crc32c(7, data, n), crc32c_portable(7, data, n));
}

static void crc32c_gives_the_check_value_of_rfc_3720(void **state)
{
        uint8_t zeros[32] = { 0 };

        assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
        assert_int_equal(crc32c(0, zeros, sizeof zeros), 0x8a9136aa);
        assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static void sha1_gives_the_vectors_of_fips_180(void **state)
{
        uint8_t digest[SHA1_SIZE];

        sha1(&(HashPart){ "abc", 3 }, 1, digest);
        assert_string_equal(hex(digest, sizeof digest), "a9993e364706816aba3e25717850c26c9cd0d89d");
        sha1(NULL, 0, digest);
        assert_string_equal(hex(digest, sizeof digest), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        sha1((const HashPart[]){ { "abcdbcdecdefdefgefghfghighij", 28 }, { "hijkijkljklmklmnlmnomnopnopq", 28 } }, 2,
             digest);
        assert_string_equal(hex(digest, sizeof digest), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

static void sha256_gives_the_vectors_of_fips_180(void **state)
{
        uint8_t digest[SHA256_SIZE];

        sha256(&(HashPart){ "abc", 3 }, 1, digest);
        assert_string_equal(hex(digest, sizeof digest),
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        sha256((const HashPart[]){ { "abcdbcdecdefdefgefghfghighij", 28 }, { "hijkijkljklmklmnlmnomnopnopq", 28 } },
               2, digest);
        assert_string_equal(hex(digest, sizeof digest),
                            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void hmac_sha256_gives_the_vectors_of_rfc_4231(void **state)
{
        uint8_t digest[SHA256_SIZE], key[131];

        hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
        assert_string_equal(hex(digest, sizeof digest),
                            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        memset(key, 0xaa, sizeof key);
        hmac_sha256(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, digest);
        assert_string_equal(hex(digest, sizeof digest),
                            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void siphash24_gives_the_vectors_of_its_authors(void **state)
{
        const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
        uint8_t data[15];

        for (size_t i = 0; i < sizeof data; i++)
                data[i] = (uint8_t)i;
        assert_true(siphash24(data, 0, key) == 0x726fdb47dd0e0e31);
        assert_true(siphash24(data, 8, key) == 0x93f5f5799a932462);
        assert_true(siphash24(data, sizeof data, key) == 0xa129ca6149be45e5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(crc32c_gives_the_check_value_of_rfc_3720),
                cmocka_unit_test(crc32c_is_the_same_with_and_without_the_instruction),
                cmocka_unit_test(sha1_gives_the_vectors_of_fips_180),
                cmocka_unit_test(sha256_gives_the_vectors_of_fips_180),
                cmocka_unit_test(hmac_sha256_gives_the_vectors_of_rfc_4231),
                cmocka_unit_test(siphash24_gives_the_vectors_of_its_authors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
