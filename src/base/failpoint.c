/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

/* Without the build option nothing of this file is in the program. */
#ifdef AG_FAILPOINTS

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define POINT_COUNT_MAX 16u
#define NAME_LENGTH_MAX 63u

struct point {
    char name[NAME_LENGTH_MAX + 1u];
    bool is_kill;
    uint64_t passages_left; /* acts when this reaches 0 */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct point points[POINT_COUNT_MAX];
static size_t point_count;

bool ag_failpoint_hit(const char *name)
{
    bool is_failing = false;
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < point_count; i++) {
        struct point *point = &points[i];
        if (strcmp(point->name, name) != 0 || point->passages_left == 0) {
            continue;
        }
        point->passages_left--;
        if (point->passages_left != 0) {
            continue;
        }
        if (point->is_kill) {
            /* As hard as the machine can: nothing is flushed, no handler runs. */
            kill(getpid(), SIGKILL);
            pause();
        }
        is_failing = true;
    }
    pthread_mutex_unlock(&mutex);
    return is_failing;
}

/* Parses one `name=kill@3`. */
static enum ag_err parse_point(const char *text, size_t length, struct point *out)
{
    const char *equals = memchr(text, '=', length);
    AG_ENSURE(equals != NULL, AG_ERR_TEXT);
    size_t name_length = (size_t)(equals - text);
    AG_ENSURE(name_length >= 1 && name_length <= NAME_LENGTH_MAX, AG_ERR_TEXT);
    /* Both verbs have four letters. */
    AG_ENSURE(length - name_length > 6 && equals[5] == '@', AG_ERR_TEXT);
    bool is_kill = memcmp(equals + 1, "kill", 4) == 0;
    AG_ENSURE(is_kill || memcmp(equals + 1, "fail", 4) == 0, AG_ERR_TEXT);

    struct point point = {.is_kill = is_kill};
    AG_TRY(ag_u64_parse(equals + 6, length - name_length - 6u, false, &point.passages_left));
    AG_ENSURE(point.passages_left != 0, AG_ERR_TEXT);
    memcpy(point.name, text, name_length);
    *out = point;
    return AG_OK;
}

enum ag_err ag_failpoint_configure(const char *text)
{
    struct point parsed[POINT_COUNT_MAX];
    size_t count = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        AG_ENSURE(count < POINT_COUNT_MAX, AG_ERR_TEXT);
        AG_TRY(parse_point(text, length, &parsed[count]));
        count++;
        text += length;
        if (*text == ',') {
            text++;
            AG_ENSURE(*text != '\0', AG_ERR_TEXT);
        }
    }
    pthread_mutex_lock(&mutex);
    memcpy(points, parsed, count * sizeof(parsed[0]));
    point_count = count;
    pthread_mutex_unlock(&mutex);
    return AG_OK;
}

#endif
