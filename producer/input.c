#include "producer/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "core/language.h"
#include "core/private_file.h"

static bool spool_copy(FILE *from, FILE *spool, struct fault *fault)
{
    char block[64 * 1024];
    int64_t copied_bytes = 0;
    for (size_t count; (count = fread(block, 1, sizeof block, from)) > 0;) {
        copied_bytes += (int64_t)count;
        if (copied_bytes > INPUT_SPOOL_BYTES_MAX)
            return fault_set(fault, FAULT_REJECT, EX_DATAERR, "too-large",
                             language_pick("标准输入超过 %" PRId64 " 字节；请改用文件，或分几次发送",
                                           "standard input is larger than %" PRId64 " bytes; give a file instead, or send it in parts"),
                             INPUT_SPOOL_BYTES_MAX);
        if (fwrite(block, 1, count, spool) != count) break;
    }
    if (ferror(from) || ferror(spool) || fflush(spool) != 0)
        return fault_set(
            fault, FAULT_FATAL, EX_IOERR, "spool-failed",
            language_pick(
                "标准输入无法存入临时文件（%s）；请把 TMPDIR 设为有空间的文件夹，或改用文件",
                "standard input can not be kept in a temporary file (%s); set TMPDIR to a folder with room, or give a file instead"),
            strerror(errno));
    rewind(spool);
    return true;
}

static FILE *input_spool(FILE *from, struct fault *fault)
{
    FILE *spool = private_file_temporary(fault);
    if (spool == NULL || spool_copy(from, spool, fault)) return spool;
    fclose(spool);
    return NULL;
}

FILE *input_open(const char *path, struct fault *fault)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        fault_set(fault, FAULT_REJECT, EX_NOINPUT, "no-input", language_pick("打不开文件 %s：%s", "%s can not be opened: %s"), path,
                  strerror(errno));
    } else if (S_ISDIR(status.st_mode)) {
        fault_set(fault, FAULT_REJECT, EX_NOINPUT, "no-input",
                  language_pick("%s 是文件夹；请给其中的一个文件", "%s is a folder; name a file in it"), path);
    } else {
        /* Even a file on standard input is copied: it may be appended to, and its position belongs to the shell. */
        FILE *input = S_ISREG(status.st_mode) && !is_stdin ? file : input_spool(file, fault);
        if (input != file && !is_stdin) fclose(file);
        return input;
    }
    if (file != NULL && !is_stdin) fclose(file);
    return NULL;
}

uint64_t input_bytes(FILE *input)
{
    struct stat status;
    return fstat(fileno(input), &status) == 0 && status.st_size > 0 ? (uint64_t)status.st_size : 0;
}
