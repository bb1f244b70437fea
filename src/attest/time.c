/* SPDX-License-Identifier: Apache-2.0 */
/* Instants as vendors write them. Own arithmetic: the C library's would follow the time zone, and
 * this room asks nothing of its environment. */
#include "attest/attest_i.h"

#include <stdio.h>

#define DAY_MS 86400000u
/* 9999-12-31T23:59:59Z: the last instant with a four-digit year. */
#define LAST_MS 253402300799000u

/* Days from 1970-01-01. Years are counted from March, so that the leap day is the last of its
 * year: 146097 days are 400 years, 719468 lie between 0000-03-01 and 1970-01-01. */
static uint64_t days_of(uint64_t year, uint64_t month, uint64_t day)
{
    uint64_t march_year = month <= 2 ? year - 1u : year;
    uint64_t day_of_year = (153u * ((month + 9u) % 12u) + 2u) / 5u + day - 1u;
    uint64_t in_era = march_year % 400u;
    uint64_t day_of_era = in_era * 365u + in_era / 4u - in_era / 100u + day_of_year;
    return march_year / 400u * 146097u + day_of_era - 719468u;
}

static uint64_t days_in_month(uint64_t year, uint64_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4u == 0 && year % 100u != 0) || year % 400u == 0;
    return days[month - 1u] + (month == 2 && is_leap ? 1u : 0u);
}

/* `count` digits; false when one is none. */
static bool digits(const char *text, size_t count, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10u + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return true;
}

bool ag_attest_time_parse(const char *text, size_t length, uint64_t *out_ms)
{
    uint64_t year;
    uint64_t month;
    uint64_t day;
    uint64_t hour;
    uint64_t minute;
    uint64_t second;
    bool is_form = length == AG_ATTEST_TIME_SIZE - 1u && text[4] == '-' && text[7] == '-' &&
                   text[10] == 'T' && text[13] == ':' && text[16] == ':' && text[19] == 'Z' &&
                   digits(text, 4, &year) && digits(text + 5, 2, &month) &&
                   digits(text + 8, 2, &day) && digits(text + 11, 2, &hour) &&
                   digits(text + 14, 2, &minute) && digits(text + 17, 2, &second);
    if (!is_form || year < 1970 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    uint64_t seconds = (hour * 60u + minute) * 60u + second;
    *out_ms = days_of(year, month, day) * DAY_MS + seconds * 1000u;
    return true;
}

void ag_attest_time_print(uint64_t instant_ms, char out[AG_ATTEST_TIME_SIZE])
{
    uint64_t seconds = (instant_ms > LAST_MS ? LAST_MS : instant_ms) / 1000u;
    uint64_t days = seconds / 86400u;
    seconds %= 86400u;
    /* The year by estimate and correction: 146097 days are 400 years. */
    uint64_t year = 1970u + days * 400u / 146097u;
    while (days_of(year, 1, 1) > days) {
        year--;
    }
    while (days_of(year + 1u, 1, 1) <= days) {
        year++;
    }
    uint64_t rest = days - days_of(year, 1, 1);
    uint64_t month = 1;
    while (rest >= days_in_month(year, month)) {
        rest -= days_in_month(year, month);
        month++;
    }
    /* Each number is reduced to its digits, which the compiler can then see. */
    (void)snprintf(out, AG_ATTEST_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ",
                   (unsigned)(year % 10000u), (unsigned)(month % 100u),
                   (unsigned)((rest + 1u) % 100u), (unsigned)(seconds / 3600u % 100u),
                   (unsigned)(seconds / 60u % 60u), (unsigned)(seconds % 60u));
}
