#include "producer/message.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/code.h"
#include "core/language.h"

/* A text that is cut at its end rather than overrun; the cut may fall only between characters. */
struct sentence {
    char *out;
    size_t bytes, used;
};

static void sentence_add(struct sentence *sentence, const char *text, size_t length)
{
    size_t room = sentence->bytes - sentence->used - 1;
    if (length > room) {
        length = room;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) length--;
    }
    memcpy(sentence->out + sentence->used, text, length);
    sentence->used += length;
    sentence->out[sentence->used] = '\0';
}

/* Writes the value of the place that `text` begins with; returns the length of the place, 0 when there is none. */
static size_t sentence_add_value(struct sentence *sentence, const char *text, const struct message_values *values)
{
    static const char *const places[] = {"{position}", "{expected}", "{field}"};
    char number[12], expected[] = {values->expected != 0 ? values->expected : '?', '\0'};
    snprintf(number, sizeof number, "%d", values->position);
    const char *const texts[] = {number, expected, values->field != NULL ? values->field : "?"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t length = strlen(places[i]);
        if (strncmp(text, places[i], length) != 0) continue;
        sentence_add(sentence, texts[i], strlen(texts[i]));
        return length;
    }
    return 0;
}

static void sentence_fill(struct sentence *sentence, const char *pattern, const struct message_values *values)
{
    for (const char *at = pattern; *at != '\0';) {
        size_t plain = strcspn(at, "{");
        sentence_add(sentence, at, plain);
        at += plain;
        if (*at == '\0') return;
        size_t place = sentence_add_value(sentence, at, values);
        if (place == 0) sentence_add(sentence, at, 1);
        at += place != 0 ? place : 1;
    }
}

void message_of_code(struct message *message, const char *code, const struct message_values *values)
{
    struct sentence sentence = {message->text, sizeof message->text, 0};
    const struct code *known = code_find(code);
    const char *between = language_pick("。", "; ");
    if (known == NULL) {
        sentence_add(&sentence, code, strlen(code));
        return;
    }
    sentence_fill(&sentence, language_pick(known->zh, known->en), values);
    sentence_add(&sentence, between, strlen(between));
    sentence_fill(&sentence, language_pick(known->remedy_zh, known->remedy_en), values);
}

bool message_fault(struct fault *fault, const char *code, const char *field)
{
    struct message message;
    struct message_values values = {.field = field};
    message_of_code(&message, code, &values);
    return fault_set(fault, FAULT_REJECT, EX_DATAERR, code, "%s", message.text);
}
