/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_PIECE 65536u

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* Reads what is left of `fd`. The size that the system reports is not asked: files of /sys and
 * /proc report none or a wrong one. */
static enum ag_err read_all(int fd, size_t limit, struct ag_vec *out)
{
    uint8_t piece[READ_PIECE];
    for (;;) {
        ssize_t got = read(fd, piece, sizeof(piece));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        AG_ENSURE(got >= 0, AG_ERR_IO);
        if (got == 0) {
            return AG_OK;
        }
        AG_ENSURE((size_t)got <= limit, AG_ERR_ARGUMENT);
        limit -= (size_t)got;
        AG_TRY(ag_vec_append(out, ag_bytes_of(piece, (size_t)got)));
    }
}

enum ag_err ag_file_read(const char *path, size_t limit, struct ag_vec *out)
{
    int fd AG_SCOPED(close_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? AG_ERR_NOT_FOUND : AG_ERR_IO;
    }
    size_t size_before = out->size;
    enum ag_err err = read_all(fd, limit, out);
    if (err != AG_OK) {
        out->size = size_before;
    }
    return err;
}

static enum ag_err write_all(int fd, struct ag_bytes bytes)
{
    while (bytes.size != 0) {
        ssize_t done = write(fd, bytes.data, bytes.size);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        AG_ENSURE(done > 0, AG_ERR_IO);
        bytes = ag_bytes_tail(bytes, (size_t)done);
    }
    return AG_OK;
}

/* Makes the directory entry of `path` durable. */
static enum ag_err sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    AG_ENSURE(length < sizeof(directory), AG_ERR_ARGUMENT);
    if (slash == NULL) {
        strcpy(directory, ".");
    } else if (length == 0) {
        strcpy(directory, "/");
    } else {
        memcpy(directory, path, length);
        directory[length] = '\0';
    }
    int fd AG_SCOPED(close_fd) = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AG_ENSURE(fd >= 0, AG_ERR_IO);
    AG_ENSURE(fsync(fd) == 0, AG_ERR_IO);
    return AG_OK;
}

/* Writes and syncs a new file that nobody else has open. */
static enum ag_err write_new(const char *path, struct ag_bytes bytes, unsigned mode)
{
    /* What an interrupted run left under the temporary name is worthless. */
    if (unlink(path) != 0 && errno != ENOENT) {
        return AG_ERR_IO;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    AG_ENSURE(fd >= 0, AG_ERR_IO);
    enum ag_err err = write_all(fd, bytes);
    /* The mode is exact, whatever the umask. */
    if (err == AG_OK && (fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0)) {
        err = AG_ERR_IO;
    }
    /* Some file systems report a full disk only here. */
    if (close(fd) != 0 && err == AG_OK) {
        err = AG_ERR_IO;
    }
    return err;
}

enum ag_err ag_file_write(const char *path, struct ag_bytes bytes, unsigned mode)
{
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof(temporary), "%s.tmp", path);
    AG_ENSURE(length > 4 && (size_t)length < sizeof(temporary), AG_ERR_ARGUMENT);

    enum ag_err err = write_new(temporary, bytes, mode);
    if (err == AG_OK && rename(temporary, path) != 0) {
        err = AG_ERR_IO;
    }
    if (err != AG_OK) {
        unlink(temporary);
        return err;
    }
    return sync_directory(path);
}
