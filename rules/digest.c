/* The digest of what the reviewer sees: SHA-256 over the campaign's salt and the canonical form of RFC 8785, by schemas/README.md. */
#include <openssl/sha.h>

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
    json_raw(out, "{");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].value != NULL) json_key_text(out, fields[i].name, fields[i].value);
    json_raw(out, "}");
}

bool digest_fill(struct desk *desk, struct submission *submission, const struct event_profile *profile)
{
    struct json_out *out = desk->out;
    out->used = 0;
    json_bytes(out, desk->campaign->salt, desk->campaign->salt_bytes);
    json_raw(out, "{\"failed\":[");
    json_raw(out, submission->failed_json != NULL ? submission->failed_json : "");
    json_raw(out, "]");
    json_key_int(out, "listed", submission->listed);
    json_key_text(out, "mode", submission->mode == EVENT_MODE_LIST ? "list" : "import");
    json_key_int(out, "passed", submission->passed);
    json_key(out, "profile");
    write_profile(out, profile);
    json_key_text(out, "submission", submission->name);
    json_key_text(out, "unit", desk->review->unit);
    json_key_int(out, "year", desk->review->year);
    json_raw(out, "}");
    if (out->is_full) return false;
    SHA256((const unsigned char *)out->text, out->used, submission->digest);
    submission->has_digest = true;
    return true;
}
