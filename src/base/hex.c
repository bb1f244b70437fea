/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex_i.h"

#if defined(__x86_64__)
#include <tmmintrin.h>

__attribute__((target("ssse3"))) static void encode_block(const uint8_t *bytes, char *out)
{
    const __m128i digits = _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b',
                                         'c', 'd', 'e', 'f');
    const __m128i mask = _mm_set1_epi8(15);
    __m128i in = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    __m128i high = _mm_and_si128(_mm_srli_epi16(in, 4), mask);
    __m128i low = _mm_and_si128(in, mask);
    __m128i first = _mm_shuffle_epi8(digits, _mm_unpacklo_epi8(high, low));
    __m128i second = _mm_shuffle_epi8(digits, _mm_unpackhi_epi8(high, low));
    _mm_storeu_si128((__m128i *)(void *)out, first);
    _mm_storeu_si128((__m128i *)(void *)(out + 16), second);
}

/* Sixteen digits to their values; bytes of `*bad` are set where a character is no digit. */
__attribute__((target("ssse3"))) static __m128i values_of(const char *text, __m128i *bad)
{
    __m128i in = _mm_loadu_si128((const __m128i *)(const void *)text);
    /* Unsigned ranges by saturating subtraction: x - base is at most `span` only inside. */
    __m128i number = _mm_sub_epi8(in, _mm_set1_epi8('0'));
    __m128i letter = _mm_sub_epi8(_mm_or_si128(in, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    __m128i zero = _mm_setzero_si128();
    __m128i is_number = _mm_cmpeq_epi8(_mm_subs_epu8(number, _mm_set1_epi8(9)), zero);
    __m128i is_letter = _mm_cmpeq_epi8(_mm_subs_epu8(letter, _mm_set1_epi8(5)), zero);
    *bad = _mm_or_si128(*bad, _mm_cmpeq_epi8(_mm_or_si128(is_number, is_letter), zero));
    return _mm_or_si128(_mm_and_si128(is_number, number),
                        _mm_and_si128(is_letter, _mm_add_epi8(letter, _mm_set1_epi8(10))));
}

__attribute__((target("ssse3"))) static void decode_block(const char *text, uint8_t *out,
                                                          __m128i *bad)
{
    const __m128i weights = _mm_set1_epi16(0x0110); /* sixteen times the first, once the second */
    __m128i first = _mm_maddubs_epi16(values_of(text, bad), weights);
    __m128i second = _mm_maddubs_epi16(values_of(text + 16, bad), weights);
    _mm_storeu_si128((__m128i *)(void *)out, _mm_packus_epi16(first, second));
}

__attribute__((target("ssse3"))) static size_t decode_all(const char *text, size_t size,
                                                          uint8_t *out, bool *is_valid)
{
    __m128i bad = _mm_setzero_si128();
    size_t done = 0;
    for (; size - done >= 16; done += 16) {
        decode_block(text + 2 * done, out + done, &bad);
    }
    if (_mm_movemask_epi8(bad) != 0) {
        *is_valid = false;
    }
    return done;
}

size_t ag_base_hex_encode_blocks(const uint8_t *bytes, size_t size, char *out)
{
    size_t done = 0;
    if (!__builtin_cpu_supports("ssse3")) {
        return 0;
    }
    for (; size - done >= 16; done += 16) {
        encode_block(bytes + done, out + 2 * done);
    }
    return done;
}

size_t ag_base_hex_decode_blocks(const char *text, size_t size, uint8_t *out, bool *is_valid)
{
    return __builtin_cpu_supports("ssse3") ? decode_all(text, size, out, is_valid) : 0;
}

#else

size_t ag_base_hex_encode_blocks(const uint8_t *bytes, size_t size, char *out)
{
    (void)bytes;
    (void)size;
    (void)out;
    return 0;
}

size_t ag_base_hex_decode_blocks(const char *text, size_t size, uint8_t *out, bool *is_valid)
{
    (void)text;
    (void)size;
    (void)out;
    (void)is_valid;
    return 0;
}

#endif
