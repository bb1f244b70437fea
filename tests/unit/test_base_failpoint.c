/* SPDX-License-Identifier: Apache-2.0 */
/* Do failpoints act at their passage where they are built in, and cost nothing where not? */
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

static enum ag_err pass(void)
{
    AG_FAILPOINT("store.commit", AG_ERR_IO);
    return AG_OK;
}

#ifdef AG_FAILPOINTS

static void test_fail(void)
{
    CHECK_OK(pass());
    CHECK_OK(ag_failpoint_configure("other=fail@1,store.commit=fail@3"));
    CHECK_OK(pass());
    CHECK_OK(pass());
    CHECK_ERR(pass(), AG_ERR_IO);
    CHECK_OK(pass());
    CHECK_OK(ag_failpoint_configure("store.commit=fail@1"));
    CHECK_OK(ag_failpoint_configure(""));
    CHECK_OK(pass());
}

static void test_kill(void)
{
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (ag_failpoint_configure("store.commit=kill@2") != AG_OK || pass() != AG_OK) {
            _exit(1);
        }
        _exit(pass() == AG_OK ? 2 : 3);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* As many points as there may be, and the comma behind them. */
#define FOUR    "a=fail@1,a=fail@1,a=fail@1,a=fail@1,"
#define SIXTEEN FOUR FOUR FOUR FOUR

static void test_wrong_texts(void)
{
    static const char *const texts[] = {
        "x",
        "x=",
        "x=fail",
        "x=fail@",
        "x=fail@0",
        "=fail@1",
        "x=stop@1",
        "x=fail@1,",
        ",x=fail@1",
        "x=fail@-1",
        "x=fail@1x",
        "x=fail@ 1",
        "x=kill1@1",
        "x=ki@1",
        "x=fail@1;y=1",
        "a=fail@1,,b=fail@1",
        "a23456789012345678901234567890123456789012345678901234567890abcd=fail@1",
        SIXTEEN "a=fail@1",
    };
    CHECK_OK(ag_failpoint_configure("store.commit=fail@1"));
    for (size_t i = 0; i < AG_COUNT(texts); i++) {
        ag_test_check_err(ag_failpoint_configure(texts[i]), AG_ERR_TEXT, texts[i], __FILE__,
                          __LINE__);
    }
    /* A text that is refused changes nothing. */
    CHECK_ERR(pass(), AG_ERR_IO);
}

static const struct ag_test_case cases[] = {
    {"failpoint: fails at its passage", test_fail},
    {"failpoint: kills at its passage", test_kill},
    {"failpoint: wrong texts", test_wrong_texts},
};

#else

static void test_absent(void)
{
    CHECK_OK(pass());
}

static const struct ag_test_case cases[] = {
    {"failpoint: not built in", test_absent},
};

#endif

TEST_MAIN(cases)
