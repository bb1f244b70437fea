/* SPDX-License-Identifier: Apache-2.0 */
#include <ag/err.h>

enum ag_err ag_fault_set(struct ag_fault *fault, enum ag_err err, const char *field)
{
    if (fault != NULL) {
        *fault = (struct ag_fault){.err = err, .field = field};
    }
    return err;
}

enum ag_err ag_fault_limit(struct ag_fault *fault, enum ag_err err, const char *field,
                           uint64_t limit, uint64_t got)
{
    if (fault != NULL) {
        *fault = (struct ag_fault){
            .err = err, .field = field, .has_limit = true, .limit = limit, .got = got};
    }
    return err;
}

/* Each switch below has a default: a code may come from a peer or from a newer version, and then it
 * is a number without a name rather than a bug. */

const char *ag_err_name(enum ag_err err)
{
    switch (err) {
    case AG_OK:
        return "OK";
#define X(code, name, class, text)                                                                 \
    case AG_ERR_##name:                                                                            \
        return #name;
        AG_ERR_TABLE(X)
#undef X
    default:
        return "UNKNOWN";
    }
}

const char *ag_err_text(enum ag_err err)
{
    switch (err) {
    case AG_OK:
        return "done";
#define X(code, name, class, text)                                                                 \
    case AG_ERR_##name:                                                                            \
        return text;
        AG_ERR_TABLE(X)
#undef X
    default:
        return "an error that this version does not know";
    }
}

enum ag_err_class ag_err_class(enum ag_err err)
{
    switch (err) {
    case AG_OK:
        return AG_CLASS_OK;
#define X(code, name, class, text)                                                                 \
    case AG_ERR_##name:                                                                            \
        return AG_CLASS_##class;
        AG_ERR_TABLE(X)
#undef X
    default:
        /* Nobody can tell the sender to change something or to retry: it is ours to look at. */
        return AG_CLASS_HOST;
    }
}

const char *ag_err_class_name(enum ag_err_class class)
{
    switch (class) {
    case AG_CLASS_OK:
        return "ok";
    case AG_CLASS_INPUT:
        return "input";
    case AG_CLASS_DENIED:
        return "denied";
    case AG_CLASS_LIMIT:
        return "limit";
    case AG_CLASS_HOST:
        return "host";
    case AG_CLASS_CORRUPT:
        return "corrupt";
    case AG_CLASS_UNSUPPORTED:
        return "unsupported";
    default:
        return "unknown";
    }
}
