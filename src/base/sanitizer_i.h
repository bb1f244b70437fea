/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AG_BASE_SANITIZER_I_H
#define AG_BASE_SANITIZER_I_H

/* sanitizer, inside: which of them this build has, for gcc and clang say it differently. */

#if defined(__SANITIZE_ADDRESS__)
#define AG_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AG_HAS_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define AG_HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define AG_HAS_TSAN 1
#endif
#endif

#endif
