/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to the process before it holds a secret, shown by starting this test again. */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_crypto_ground.h"

/* What a coverage build collects; in others it is not there. The name is gcc's own.
 * NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
extern void __gcov_dump(void) __attribute__((weak));

/* ---- the child: hardens itself and tells what it sees ---------------------------------------- */

/* Without the exit handlers of the checkers, which have nothing to say about a child. */
static _Noreturn void leave(int status)
{
    (void)fflush(stdout);
    if (__gcov_dump != NULL) {
        __gcov_dump();
    }
    _exit(status);
}

static void drop_right_to_lock(void)
{
    const struct rlimit small = {65536, 65536};
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (setrlimit(RLIMIT_MEMLOCK, &small) != 0 || syscall(SYS_capset, &header, data) != 0) {
        leave(9);
    }
}

/* A limit that the process may raise itself. */
static void lower_limit(void)
{
    struct rlimit limit = {0};
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        leave(9);
    }
    limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max / 2 : 65536;
    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        leave(9);
    }
}

static _Noreturn void child(int argc, char **argv)
{
    const char *mode = argv[2];
    bool is_locked = false;
    struct rlimit core = {1, 1};
    if (strcmp(mode, "start") == 0) {
        printf("start %s\n", ag_err_name(ag_crypto_start()));
        leave(0);
    }
    if (strcmp(mode, "unlocked") == 0) {
        drop_right_to_lock();
    }
    if (strcmp(mode, "lowered") == 0) {
        lower_limit();
    }
    enum ag_harden level = strcmp(mode, "client") == 0 ? AG_HARDEN_CLIENT : AG_HARDEN_NODE;
    enum ag_err err = ag_crypto_harden(level, argv, &is_locked);
    (void)getrlimit(RLIMIT_CORE, &core);
    printf("%s argc=%d last=%s locked=%d core=%d dumpable=%d env=", ag_err_name(err), argc,
           argv[argc - 1], (int)is_locked, (int)core.rlim_max, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        printf("%s;", *variable);
    }
    /* Under a lock of all future memory, the limit must not stop this. */
    void *memory = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf(" map=%d\n", (int)(memory != MAP_FAILED));
    leave(0);
}

#if defined(__SANITIZE_ADDRESS__)
#define IS_DUMPABLE "1" /* for the leak checker's sake, in such builds alone */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_DUMPABLE "1"
#endif
#endif
#ifndef IS_DUMPABLE
#define IS_DUMPABLE "0"
#endif

/* ---- the parent ------------------------------------------------------------------------------ */

#define ANSWER_SIZE 1024u

/* Starts this program as a child with exactly this environment; `out` gets what it prints. */
static void run_child(const char *mode, char *const *env, char out[ANSWER_SIZE])
{
    int ends[2];
    char mode_copy[16] = {0};
    (void)snprintf(mode_copy, sizeof(mode_copy), "%s", mode);
    char name[] = "test_crypto_start";
    char flag[] = "--child";
    char last[] = "kept argument";
    char *const argv[] = {name, flag, mode_copy, last, NULL};
    CHECK(pipe(ends) == 0);
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        execve("/proc/self/exe", argv, env);
        _exit(8);
    }
    (void)close(ends[1]);
    size_t size = 0;
    ssize_t got = 0;
    while (size < ANSWER_SIZE - 1 &&
           (got = read(ends[0], out + size, ANSWER_SIZE - 1 - size)) > 0) {
        size += (size_t)got;
    }
    out[size] = '\0';
    (void)close(ends[0]);
    int status = 0;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void check_answer(const char *answer, const char *wanted)
{
    if (strstr(answer, wanted) == NULL) {
        ag_test_note("wanted %s in: %s", wanted, answer);
    }
    CHECK(strstr(answer, wanted) != NULL);
}

static char ia32cap[] = "OPENSSL_ia32cap=~0x200000200000000";
static char conf[] = "OPENSSL_CONF=/nonexistent";
static char keylog[] = "SSLKEYLOGFILE=/nonexistent";
static char tunables[] = "GLIBC_TUNABLES=glibc.malloc.check=0";
static char home[] = "HOME=/nonexistent";
static char term[] = "TERM=dumb";
static char marker[] = "AEGIS_CLEAN_ENVIRONMENT=1";

static void test_node(void)
{
    char *const env[] = {home, ia32cap, conf, term, NULL};
    char answer[ANSWER_SIZE];
    run_child("node", env, answer);
    check_answer(answer, "OK argc=4 last=kept argument");
    check_answer(answer, "core=0 dumpable=" IS_DUMPABLE " env= map=1");
}

static void test_node_clean(void)
{
    char *const env[] = {NULL};
    char answer[ANSWER_SIZE];
    run_child("node", env, answer);
    check_answer(answer, "OK argc=4");
    check_answer(answer, "env= ");
}

static void test_client(void)
{
    char *const env[] = {conf, home, keylog, tunables, term, ia32cap, NULL};
    char answer[ANSWER_SIZE];
    run_child("client", env, answer);
    check_answer(answer, "OK argc=4 last=kept argument locked=0 core=0 dumpable=" IS_DUMPABLE);
    check_answer(answer, "env=HOME=/nonexistent;TERM=dumb; ");
}

/* Somebody puts variables back: refused instead of started for ever. */
static void test_loop(void)
{
    char *const node[] = {marker, home, NULL};
    char *const client[] = {conf, marker, NULL};
    char *const only_marker[] = {marker, NULL};
    char answer[ANSWER_SIZE];
    run_child("node", node, answer);
    check_answer(answer, "ARGUMENT argc=4");
    run_child("client", client, answer);
    check_answer(answer, "ARGUMENT argc=4");
    run_child("node", only_marker, answer);
    check_answer(answer, "OK argc=4");
    check_answer(answer, "env= ");
}

/* Where memory may not be locked the process says so and works. */
static void test_unlocked(void)
{
    char *const env[] = {NULL};
    char answer[ANSWER_SIZE];
    run_child("unlocked", env, answer);
    check_answer(answer, "OK argc=4");
    check_answer(answer, "locked=0");
    check_answer(answer, "map=1");
}

/* Whether it may be raised to what is needed or not, nothing that is allocated later fails. */
static void test_lowered(void)
{
    char *const env[] = {NULL};
    char answer[ANSWER_SIZE];
    run_child("lowered", env, answer);
    check_answer(answer, "OK argc=4");
    check_answer(answer, "map=1");
}

/* The capabilities come from the environment: start sees that libcrypto has heard it. */
static void test_capabilities(void)
{
    char *const masked[] = {ia32cap, NULL};
    char *const plain[] = {home, NULL};
    char answer[ANSWER_SIZE];
    run_child("start", masked, answer);
    check_answer(answer, "start CPU");
    run_child("start", plain, answer);
    check_answer(answer, "start OK");
}

static void test_levels(void)
{
    bool is_locked = true;
    CHECK_ERR(ag_crypto_harden((enum ag_harden)7, NULL, &is_locked), AG_ERR_ARGUMENT);
    CHECK(is_locked);
}

static const struct ag_test_case cases[] = {
    {"a node has no environment and no dumps", test_node},
    {"a clean node is not started again", test_node_clean},
    {"a client loses what libraries read", test_client},
    {"no endless restart", test_loop},
    {"memory that may not be locked", test_unlocked},
    {"a limit that may be raised", test_lowered},
    {"masked instructions are refused", test_capabilities},
    {"unknown levels are refused", test_levels},
};

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--child") == 0) {
        child(argc, argv);
    }
    return ag_test_main(argc, argv, cases, AG_COUNT(cases));
}
