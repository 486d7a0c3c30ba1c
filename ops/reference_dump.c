/*
 * nianshen-ops reference dump: the reference data of one moment, on stdout. Full ID numbers: it is noted who dumps.
 *
 *     nianshen-reference  FORMAT  SCHEMA-VERSION                   fields are separated by tabs
 *     section  NAME  COLUMNS
 *     …                                                            rows in COPY's text format, which never begin with "\."
 *     \.
 *     end  ROWS  SHA-256 of all the lines above, in hex
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/language.h"

#include "ops/commands.h"
#include "ops/reference.h"
#include "ops/reference_file.h"
#include "ops/session.h"

struct dumping {
    struct session *session;
    EVP_MD_CTX *hash;
    int64_t rows;
};

static bool put(struct dumping *dumping, const char *bytes, size_t count)
{
    struct fault *fault = &dumping->session->fault;
    if (EVP_DigestUpdate(dumping->hash, bytes, count) != 1)
        return fault_set(fault, FAULT_FATAL, EX_SOFTWARE, "sha256", language_pick("libcrypto 不支持 SHA-256", "libcrypto has no SHA-256"));
    return fwrite(bytes, 1, count, stdout) == count ||
           fault_set(fault, FAULT_FATAL, EX_IOERR, "output", language_pick("标准输出：%s；备份不完整", "stdout: %s; the dump is cut off"),
                     strerror(errno));
}

static bool put_text(struct dumping *dumping, const char *text)
{
    return put(dumping, text, strlen(text));
}

static bool dump_section(struct dumping *dumping, const struct reference_section *section)
{
    struct session *session = dumping->session;
    char head[REFERENCE_HEAD_BYTES_MAX];
    const char *line;
    size_t bytes;
    reference_section_head(section, head);
    if (!put_text(dumping, head) || !reference_read(session->database, section, &session->fault)) return false;
    for (;; dumping->rows++) {
        if (!database_copy_read(session->database, &line, &bytes, &session->fault)) return false;
        if (bytes == 0) return put_text(dumping, REFERENCE_SECTION_END);
        if (!put(dumping, line, bytes)) return false;
    }
}

static bool dump_sections(struct dumping *dumping)
{
    char text[REFERENCE_HEAD_BYTES_MAX];
    reference_head(text);
    if (!put_text(dumping, text)) return false;
    for (const struct reference_section *section = reference_sections; section->name != NULL; section++)
        if (!dump_section(dumping, section)) return false;
    if (!reference_end(dumping->hash, dumping->rows, text)) return false;
    return fputs(text, stdout) != EOF;
}

/* Before the first row leaves, so that nobody dumps unseen; then one snapshot for all sections. */
static bool dump(struct dumping *dumping)
{
    struct session *session = dumping->session;
    session_ask(session, "SELECT nianshen.audit('reference-dump', NULL, 'reference data with full ID numbers')");
    if (!session_run(session, NULL) ||
        !database_run_script(session->database,
                             "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ROLE nianshen_owner; "
                             "SELECT nianshen.reference_dump_start()",
                             &session->fault))
        return false;
    if (!dump_sections(dumping)) return false;
    fprintf(stderr,
            language_pick("已备份 %" PRId64 " 行。文件中有完整证件号码与摘要所用的盐：请像数据库一样妥善保管\n",
                          "%" PRId64
                          " rows dumped. The file holds full ID numbers and the salts of the digests: keep it as the database itself\n"),
            dumping->rows);
    return true;
}

int reference_dump_run(const struct config *config)
{
    struct session session;
    session_begin(&session, config);
    session.role = "nianshen_owner";
    struct dumping dumping = {.session = &session, .hash = reference_hash_new(&session.fault)};
    if (isatty(STDOUT_FILENO))
        fault_set(
            &session.fault, FAULT_REJECT, EX_USAGE, "usage",
            language_pick("备份含完整证件号码，不能输出到终端；请重定向到文件：nianshen-ops reference dump >FILE",
                          "the dump holds full ID numbers and is not for a terminal; redirect it: nianshen-ops reference dump >FILE"));
    else if (dumping.hash != NULL && session_open(&session))
        dump(&dumping);
    EVP_MD_CTX_free(dumping.hash);
    return session_close(&session);
}
