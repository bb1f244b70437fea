/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_BASE_JSON_I_H
#define AG_BASE_JSON_I_H

/* json, inside: our own scanner, which goes over a text before the library does. */

#include "base/base.h"

/* From this length on, a string of plain characters does not pass through the library, which takes
 * some 14 ns for each. Most bytes of a request are the hex of one envelope. */
#define AG_JSON_LONG_STRING 128u

/* The length of the string that starts with a quote at `at`, if it is long and of plain ASCII
 * without escapes, so that its bytes are its value; 0 otherwise. */
size_t ag_json_long_string(struct ag_bytes text, size_t at);

/* Refuses with JSON what is over a limit, has a NUL, or has a number that is no integer. Counts
 * long strings. */
AG_MUST_CHECK enum ag_err ag_json_scan(struct ag_bytes text, size_t *out_long_count);

/* Copies scanned text into `arena` with a number in the place of each long string that is no key:
 * 0.5 for the first, 1.5 for the next. The scan has refused every real of the source, so one that
 * the library finds is ours. Blanks around it keep it from joining what stands beside it. */
AG_MUST_CHECK enum ag_err ag_json_shorten(struct ag_bytes text, size_t long_count,
                                          struct ag_arena *arena, struct ag_bytes *out_text,
                                          struct ag_bytes **out_strings, size_t *out_string_count);

#endif
