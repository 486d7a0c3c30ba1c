#include "rules/finding.h"

#include "core/text.h"
#include "rules/code_text.h"
#include "rules/json_write.h"
#include "rules/lookup.h"
#include "rules/review.h"

enum { MASKED_BYTES = 4 * 40 + 1 }; /* 40 characters */

static const char *const list_names[] = {[EVENT_LIST_FAILED] = "failed", [EVENT_LIST_PASSED] = "passed"};

bool findings_add(struct findings *findings, struct arena *arena, const struct finding *finding)
{
    if (findings->total++ >= FINDINGS_MAX) return true;
    struct finding *list = list_grow(arena, findings->list, findings->count, &findings->room, sizeof *list);
    if (list == NULL) return false;
    list[findings->count++] = *finding;
    findings->list = list;
    return true;
}

/* A number, or null where it is below `least`. */
static void write_int(struct json_out *out, const char *name, int64_t value, int64_t least)
{
    out_key(out, name);
    if (value < least)
        out_raw(out, "null");
    else
        out_int(out, value);
}

static void write_number(struct json_out *out, const struct finding *finding)
{
    char text[ID_KEY_TEXT_BYTES], masked[MASKED_BYTES];
    const char *shown = finding->masked;
    if (shown == NULL && finding->has_number) {
        size_t length = id_key_write(finding->key, text);
        text_mask_id(text, length, masked, sizeof masked);
        shown = masked;
    }
    out_key_text(out, "id_number", shown);
}

static void write_finding(struct json_out *out, const struct finding *finding)
{
    const char expected[] = {finding->expected, '\0'};
    out_comma(out);
    out_raw(out, "{");
    write_int(out, "chunk", finding->chunk, 1);
    out_key_text(out, "list", finding->list < 0 ? NULL : list_names[finding->list]);
    write_int(out, "index", finding->list < 0 ? -1 : finding->index, 0);
    out_key_text(out, "code", finding->code);
    write_number(out, finding);
    out_key_text(out, "member_no", finding->member_no);
    write_int(out, "position", finding->position, 1);
    out_key_text(out, "expected", finding->expected != 0 ? expected : NULL);
    code_texts_write(out, finding->code, (struct code_place){.position = finding->position, .expected = finding->expected});
    out_raw(out, "}");
}

const char *findings_json(const struct findings *findings, struct arena *arena)
{
    struct json_out out = {.arena = arena};
    out_raw(&out, "[");
    for (size_t i = 0; i < findings->count; i++) write_finding(&out, &findings->list[i]);
    out_raw(&out, "]");
    return out_copy(&out);
}
