/*
 * A clerk's CSV file to the entries of a submission: every row checked by the rules that the worker applies, so that a file
 * is refused at the desk and not a minute later. All that is wrong is found in one pass; one bad row refuses the file.
 */
#ifndef NIANSHEN_PRODUCER_SHEET_H
#define NIANSHEN_PRODUCER_SHEET_H

#include <stdbool.h>
#include <stdio.h>

#include "core/fault.h"
#include "core/moment.h"
#include "producer/entries.h"
#include "producer/reasons.h"
#include "producer/report.h"

enum sheet_mode { SHEET_IMPORT, SHEET_LIST };

/* "import" or "list"; false for anything else. */
bool sheet_mode_of_name(const char *name, enum sheet_mode *mode);

struct sheet_rules {
    enum sheet_mode mode;
    const struct reasons *reasons;
    int reason_fallback; /* for rows that fail without a reason of their own; REASON_NONE: that is an error */
    bool allows_malformed; /* let malformed ID numbers through: the roster may hold them like that */
    date_ymd today;
};

/*
 * Reads `file`, which can be sought, and leaves `entries` sorted. False: the file as a whole is refused. Bad rows are in
 * `report`, and the entries are not to be sent when it has errors.
 */
bool sheet_read(FILE *file, const struct sheet_rules *rules, struct entries *entries, struct report *report, struct fault *fault);

#endif
