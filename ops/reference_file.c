#include "ops/reference_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/language.h"

#include "schema_version.h"

enum { SHA256_BYTES = 32 };

void reference_head(char *out)
{
    (void)snprintf(out, REFERENCE_HEAD_BYTES_MAX, "nianshen-reference\t%d\t%s\n", REFERENCE_FORMAT, NIANSHEN_SCHEMA_VERSION);
}

void reference_section_head(const struct reference_section *section, char *out)
{
    (void)snprintf(out, REFERENCE_HEAD_BYTES_MAX, "section\t%s\t%s\n", section->name, section->columns);
}

bool reference_end(EVP_MD_CTX *hash, int64_t rows, char *out)
{
    unsigned char digest[SHA256_BYTES];
    if (EVP_DigestFinal_ex(hash, digest, NULL) != 1) return false;
    int used = snprintf(out, REFERENCE_HEAD_BYTES_MAX, "end\t%" PRId64 "\t", rows);
    for (size_t i = 0; i < SHA256_BYTES; i++) used += snprintf(out + used, 3, "%02x", digest[i]);
    (void)snprintf(out + used, 2, "\n");
    return true;
}

EVP_MD_CTX *reference_hash_new(struct fault *fault)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1) return hash;
    EVP_MD_CTX_free(hash);
    fault_set(fault, FAULT_FATAL, EX_SOFTWARE, "sha256", language_pick("libcrypto 不支持 SHA-256", "libcrypto has no SHA-256"));
    return NULL;
}

bool reference_check_head(const char *line, struct fault *fault)
{
    static const char title[] = "nianshen-reference\t";
    char *end = NULL;
    long format = strncmp(line, title, strlen(title)) == 0 ? strtol(line + strlen(title), &end, 10) : 0;
    if (end == NULL || *end != '\t')
        return fault_set(fault, FAULT_REJECT, EX_DATAERR, "reference-file",
                         language_pick("这不是参考数据的备份：第 1 行没有说明；请给 nianshen-ops reference dump 生成的文件",
                                       "this is no reference dump: line 1 does not say so; give a file of nianshen-ops reference dump"));
    if (format != REFERENCE_FORMAT)
        return fault_set(
            fault, FAULT_REJECT, EX_DATAERR, "reference-format",
            language_pick(
                "备份的格式为 %ld，本版本只读 %d；请用生成它的版本（表结构 %.*s）恢复，再执行 migrate",
                "the dump has format %ld, this build reads %d; restore it with the release that wrote it (schema %.*s), then migrate"),
            format, REFERENCE_FORMAT, (int)strcspn(end + 1, "\t\n"), end + 1);
    return true;
}
