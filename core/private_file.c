#include "core/private_file.h"
#include "core/language.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

FILE *private_file_new(const char *path, struct fault *fault)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (file != NULL) return file;
    if (errno == EEXIST)
        fault_set(fault, FAULT_REJECT, EX_CANTCREAT, "output-exists",
                  language_pick("文件 %s 已存在，不会覆盖；请换一个文件名，或先删除它",
                                "%s exists already and is not overwritten; choose another name, or remove it first"),
                  path);
    fault_set(fault, FAULT_FATAL, EX_CANTCREAT, "output-failed", language_pick("无法写入文件 %s：%s", "%s can not be written: %s"), path,
              strerror(errno));
    if (descriptor >= 0) close(descriptor);
    return NULL;
}

FILE *private_file_temporary(struct fault *fault)
{
    const char *folder = getenv("TMPDIR");
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/nianshen-XXXXXX", folder != NULL && *folder != '\0' ? folder : P_tmpdir);
    int descriptor = mkostemp(path, O_CLOEXEC); /* of a name that is cut off it makes nothing */
    if (descriptor >= 0) unlink(path);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w+") : NULL;
    if (file == NULL)
        fault_set(fault, FAULT_FATAL, EX_CANTCREAT, "spool-failed",
                  language_pick("无法创建临时文件（%s）；请把 TMPDIR 设为有空间的文件夹",
                                "no temporary file (%s); set TMPDIR to a folder with room"),
                  strerror(errno));
    if (file == NULL && descriptor >= 0) close(descriptor);
    return file;
}
