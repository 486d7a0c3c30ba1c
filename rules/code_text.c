#include "rules/code_text.h"

#include <string.h>

#include "core/code.h"

static void write_position(struct json_out *out, const struct code_place *place)
{
    if (place->position > 0)
        out_int(out, place->position);
    else
        out_raw(out, "?");
}

static const char *field_of(const struct code_place *place)
{
    return place->field != NULL ? place->field : "?";
}

static bool is_placeholder(const char **text, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(*text, name, length) != 0) return false;
    *text += length;
    return true;
}

static void fill(struct json_out *out, const char *text, const struct code_place *place)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "{");
        out_inner(out, text, length);
        text += length;
        if (is_placeholder(&text, "{position}"))
            write_position(out, place);
        else if (is_placeholder(&text, "{expected}"))
            out_inner(out, place->expected != 0 ? &place->expected : "?", 1);
        else if (is_placeholder(&text, "{field}"))
            out_inner(out, field_of(place), strlen(field_of(place)));
        else if (*text != '\0')
            out_inner(out, text++, 1);
    }
}

static void write_language(struct json_out *out, const char *name, const char *text, const char *joint, const char *remedy,
                           const struct code_place *place)
{
    out_key(out, name);
    out_raw(out, "\"");
    fill(out, text, place);
    out_raw(out, joint);
    fill(out, remedy, place);
    out_raw(out, "\"");
}

void code_texts_write(struct json_out *out, const char *code, struct code_place place)
{
    static const struct code unknown = {"", "", "?", "?", "?", "?"};
    const struct code *found = code_find(code);
    if (found == NULL) found = &unknown;
    write_language(out, "zh", found->zh, "；", found->remedy_zh, &place);
    write_language(out, "en", found->en, "; ", found->remedy_en, &place);
}

void code_write(struct json_out *out, const char *code, struct code_place place)
{
    out_key_text(out, "code", code);
    code_texts_write(out, code, place);
}
