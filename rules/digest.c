/* The digest of what the reviewer sees: SHA-256 over the campaign's salt and the canonical form of RFC 8785, by schemas/README.md. */
#include "core/sha256.h"
#include "rules/desk.h"

static void write_profile(struct json_out *out, const struct event_profile *profile)
{
    const struct {
        const char *name, *value;
    } fields[] = {{"address", profile->address},
                  {"contact_mobile", profile->contact_mobile},
                  {"contact_name", profile->contact_name},
                  {"credit_code", profile->credit_code},
                  {"name", profile->name}};
    out_raw(out, "{");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].value != NULL) out_key_text(out, fields[i].name, fields[i].value);
    out_raw(out, "}");
}

bool digest_fill(struct desk *desk, struct submission *submission, const struct event_profile *profile)
{
    struct json_out *out = desk->out;
    out->used = 0;
    out_bytes(out, desk->campaign->salt, desk->campaign->salt_bytes);
    out_raw(out, "{\"failed\":[");
    out_raw(out, submission->failed_json != NULL ? submission->failed_json : "");
    out_raw(out, "]");
    out_key_int(out, "listed", submission->listed);
    out_key_text(out, "mode", submission->mode == EVENT_MODE_LIST ? "list" : "import");
    out_key_int(out, "passed", submission->passed);
    out_key(out, "profile");
    write_profile(out, profile);
    out_key_text(out, "submission", submission->name);
    out_key_text(out, "unit", desk->review->unit);
    out_key_int(out, "year", desk->review->year);
    out_raw(out, "}");
    submission->has_digest = !out->is_full && sha256_of(out->text, out->used, submission->digest);
    return submission->has_digest;
}
