#include "producer/compose.h"

#include "core/json.h"

/* Takes the object over: text or NULL, the object is gone. */
static char *compose_text(json_t *data)
{
    char *text = data != NULL ? json_dumps(data, JSON_COMPACT) : NULL;
    json_decref(data);
    return text;
}

char *compose_unit_review(const char *unit, int64_t year, const char *submitted_by, const struct profile_change *changes,
                          size_t change_count)
{
    json_t *profile = json_object();
    for (size_t i = 0; i < change_count; i++)
        if (json_object_set_new(profile, changes[i].field, json_string(changes[i].value)) != 0) {
            json_decref(profile);
            return NULL;
        }
    return compose_text(
        json_pack("{s:s, s:I, s:s, s:o}", "unit", unit, "year", (json_int_t)year, "submitted_by", submitted_by, "profile", profile));
}

char *compose_decision(const struct decision *decision)
{
    /* "s*" leaves the key out where the value is NULL. */
    return compose_text(json_pack("{s:s, s:I, s:s, s:s*, s:s*, s:s*, s:s*, s:s*}", "unit", decision->unit, "year",
                                  (json_int_t)decision->year, "submission", decision->submission, "digest", decision->digest, "superior",
                                  decision->superior, "reviewer", decision->reviewer, "submitted_by", decision->submitted_by, "comment",
                                  decision->comment));
}

char *compose_chunk_frame(const struct submission *submission, int64_t chunk, int64_t chunks, int64_t entries_total)
{
    return compose_text(json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "unit", submission->unit, "year",
                                  (json_int_t)submission->year, "submission", submission->id, "unit_review", submission->unit_review,
                                  "mode", submission->mode, "submitted_by", submission->submitted_by, "chunk", (json_int_t)chunk, "chunks",
                                  (json_int_t)chunks, "entries_total", (json_int_t)entries_total));
}
