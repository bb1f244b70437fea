/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_BASE_HOST_I_H
#define AG_BASE_HOST_I_H

/* host, inside: the checks over a random source, apart from the source, so that a test can hand in
 * a broken one. */

#include "base/base.h"

#include <sys/types.h>

#define AG_RANDOM_PROBE_SIZE 32u

/* Like getrandom: returns the count of bytes written, or -1 and errno. */
typedef ssize_t ag_random_source(void *out, size_t size, unsigned flags);

/* Fills `out` from `source`. `last_probe` carries the previous probe from call to call. */
AG_MUST_CHECK enum ag_err ag_random_checked(ag_random_source *source,
                                            uint8_t last_probe[AG_RANDOM_PROBE_SIZE],
                                            struct ag_buf out);

#endif
