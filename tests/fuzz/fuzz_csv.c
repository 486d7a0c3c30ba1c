/*
 * The importer on any bytes. The first byte says how: the mode of the review, whether malformed numbers pass, and how long the pieces are
 * that the file is read in a second time; both readings must give the same rows and the same fault.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/csv_stream_internal.h"
#include "producer/sheet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) abort();
}

struct digest {
    uint64_t hash;
    int64_t last_row;
};

static void digest_add(struct digest *digest, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) digest->hash = (digest->hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
}

static bool digest_row(void *context, const struct csv_row *row, struct fault *fault)
{
    struct digest *digest = context;
    (void)fault;
    require(row->number > digest->last_row && row->count > 0 && row->count <= CSV_COLUMNS_MAX);
    digest->last_row = row->number;
    digest_add(digest, &row->number, sizeof row->number);
    for (size_t i = 0; i < row->count; i++) {
        require(strlen(row->values[i]) == row->lengths[i] && row->lengths[i] <= CSV_FIELD_BYTES_MAX);
        digest_add(digest, row->values[i], row->lengths[i] + 1);
    }
    return true;
}

static struct digest read_in_pieces(const char *bytes, size_t count, enum encoding encoding, size_t piece)
{
    struct csv_format format = {.encoding = encoding};
    struct fault fault = {.kind = FAULT_NONE};
    struct digest digest = {0};
    struct csv_feed *feed = csv_feed_new(&format, digest_row, &digest, &fault);
    require(feed != NULL);
    bool is_good = true;
    for (size_t at = 0; at < count && is_good; at += piece)
        is_good = csv_feed_add(feed, bytes + at, count - at < piece ? count - at : piece, &fault);
    if (is_good) is_good = csv_feed_end(feed, &fault);
    csv_feed_free(feed);
    require(is_good == (fault.kind == FAULT_NONE));
    digest_add(&digest, fault.text, strlen(fault.text));
    digest_add(&digest, &format.delimiter, 1);
    return digest;
}

static void check_splits(FILE *file, const char *bytes, size_t count, size_t piece)
{
    enum encoding encoding;
    struct fault fault = {.kind = FAULT_NONE};
    require(encoding_of_file(file, &encoding, &fault));
    struct digest whole = read_in_pieces(bytes, count, encoding, CSV_FEED_BYTES_MAX);
    struct digest pieces = read_in_pieces(bytes, count, encoding, piece);
    require(whole.hash == pieces.hash && whole.last_row == pieces.last_row);
}

static void check_sheet(FILE *file, unsigned flags)
{
    struct fault fault = {.kind = FAULT_NONE};
    struct report report;
    struct reasons reasons;
    struct entries *entries = entries_new();
    require(entries != NULL && reasons_read(&reasons, REASONS_DEFAULT, &fault));
    struct sheet_rules rules = {.mode = (flags & 1) != 0 ? SHEET_LIST : SHEET_IMPORT,
                                .reasons = &reasons,
                                .reason_fallback = (flags & 2) != 0 ? 0 : REASON_NONE,
                                .allows_malformed = (flags & 4) != 0,
                                .today = 20260301};
    report_start(&report);
    require(sheet_read(file, &rules, entries, &report, &fault) == (fault.kind == FAULT_NONE));
    report_print(&report, "row");
    report_free(&report);
    entries_free(entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    unsigned flags = data[0] % 8;
    size_t piece = 1 + data[0] / 8;
    char *bytes = malloc(size - 1);
    require(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    FILE *file = fmemopen(bytes, size - 1, "r");
    require(file != NULL);
    check_splits(file, bytes, size - 1, piece);
    check_sheet(file, flags);
    (void)fclose(file);
    free(bytes);
    return 0;
}
