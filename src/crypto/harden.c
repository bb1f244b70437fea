/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crypto/crypto_i.h"

/* harden: what is done to the process before it holds a secret. The environment comes from the
 * host. libcrypto's constructor reads it before main, and so does the loader, so clearing it is not
 * enough: the process starts itself once more without it. */

/* Marks the second start. A host that sets it himself gains nothing: any other variable beside it
 * is then refused instead of cleared. */
static char marker[] = "AEGIS_CLEAN_ENVIRONMENT=1";

/* What the loader, the allocator and libcrypto or libssl read. Client tools lose these and keep the
 * rest; a node keeps nothing. */
static const char *const read_by_libraries[] = {
    "OPENSSL_",    "OSSL_",    "SSL_CERT_", "SSLKEYLOGFILE=",  "RANDFILE=",
    "CTLOG_FILE=", "QLOGDIR=", "LD_",       "GLIBC_TUNABLES=", "MALLOC_",
};

static bool is_marker(const char *variable)
{
    return strcmp(variable, marker) == 0;
}

static bool is_unwanted(enum ag_harden level, const char *variable)
{
    if (level == AG_HARDEN_NODE) {
        return true;
    }
    for (size_t i = 0; i < AG_COUNT(read_by_libraries); i++) {
        if (strncmp(variable, read_by_libraries[i], strlen(read_by_libraries[i])) == 0) {
            return true;
        }
    }
    return false;
}

struct environment {
    size_t kept_count;
    size_t unwanted_count;
    bool has_marker;
};

static struct environment survey(enum ag_harden level)
{
    struct environment found = {0};
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        if (is_marker(*variable)) {
            found.has_marker = true;
        } else if (is_unwanted(level, *variable)) {
            found.unwanted_count++;
        } else {
            found.kept_count++;
        }
    }
    return found;
}

/* Starts this very file again with what may stay and the marker. Comes back only on failure. */
static enum ag_err start_again(enum ag_harden level, char **argv, size_t kept_count)
{
    char **kept AG_SCOPED(ag_free_cleanup) = ag_alloc_array(kept_count + 2, sizeof(*kept));
    AG_ENSURE(kept != NULL, AG_ERR_NO_MEMORY);
    size_t count = 0;
    for (char **variable = environ; *variable != NULL && count < kept_count; variable++) {
        if (!is_marker(*variable) && !is_unwanted(level, *variable)) {
            kept[count++] = *variable;
        }
    }
    kept[count++] = marker;
    kept[count] = NULL;
    (void)execve("/proc/self/exe", argv, kept);
    return AG_ERR_IO;
}

/* By hand, since unsetenv is not for a process with threads, and this costs nothing to prove. */
static void forget_marker(void)
{
    char **to = environ;
    for (char **from = environ; *from != NULL; from++) {
        if (!is_marker(*from)) {
            *to++ = *from;
        }
    }
    *to = NULL;
}

static enum ag_err clean_environment(enum ag_harden level, char **argv)
{
    struct environment found = survey(level);
    if (found.unwanted_count != 0) {
        /* The second start has nothing to clear, so here somebody puts variables back. */
        AG_ENSURE(!found.has_marker, AG_ERR_ARGUMENT);
        return start_again(level, argv, found.kept_count);
    }
    if (found.has_marker) {
        forget_marker();
    }
    return AG_OK;
}

/* ---- core files, debuggers, swap ---- */

/* The leak checker of a test build traces its own process. Such a build is never released. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_LEAK_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_LEAK_CHECKED 1
#endif
#endif
#ifndef IS_LEAK_CHECKED
#define IS_LEAK_CHECKED 0
#endif

static enum ag_err forbid_dumps(void)
{
    const struct rlimit none = {0, 0};
    AG_ENSURE(setrlimit(RLIMIT_CORE, &none) == 0, AG_ERR_IO);
    /* Also hands /proc/self to root and refuses ptrace by the same user. */
    AG_ENSURE(IS_LEAK_CHECKED || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, AG_ERR_IO);
    return AG_OK;
}

/* Keeps private writable memory that exists now out of a dump by other means (a kernel crash, a
 * debugger of the host's). What is mapped later for secrets says so itself (ag_secret_alloc). */
static void exclude_from_dumps(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL) {
        return; /* dumps are off; this is the second lock on that door */
    }
    char line[512];
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *end = NULL;
        unsigned long first = strtoul(line, &end, 16);
        if (*end != '-') {
            continue;
        }
        unsigned long last = strtoul(end + 1, &end, 16);
        bool is_writable = strncmp(end, " rw-p", 5) == 0 || strncmp(end, " rw-s", 5) == 0;
        if (is_writable && last > first) {
            /* An address from the kernel's own text. NOLINTNEXTLINE(performance-no-int-to-ptr) */
            (void)madvise((void *)first, last - first, MADV_DONTDUMP);
        }
    }
    (void)fclose(maps);
}

static bool may_lock_everything(void)
{
    struct rlimit limit = {0};
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        return false;
    }
    if (limit.rlim_cur != limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_MEMLOCK, &limit);
    }
    if (limit.rlim_cur == RLIM_INFINITY) {
        return true;
    }
    /* With CAP_IPC_LOCK the limit does not count. */
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capget, &header, data) == 0 &&
           (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK)) != 0;
}

/* Pages are locked as they are first touched, so that a map of the store, much larger than memory,
 * is not read in whole. Under a limit, MCL_FUTURE would let later allocations fail, so it is all or
 * nothing; single secrets are locked by ag_secret_alloc either way. */
static bool lock_memory(void)
{
    return may_lock_everything() && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

enum ag_err ag_crypto_harden(enum ag_harden level, char **argv, bool *out_locked)
{
    AG_ENSURE(level == AG_HARDEN_NODE || level == AG_HARDEN_CLIENT, AG_ERR_ARGUMENT);
    AG_TRY(clean_environment(level, argv));
    exclude_from_dumps();
    AG_TRY(forbid_dumps());
    bool is_locked = level == AG_HARDEN_NODE && lock_memory();
    if (out_locked != NULL) {
        *out_locked = is_locked;
    }
    return AG_OK;
}
