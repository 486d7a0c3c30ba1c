#include "producer/message.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "core/code.h"

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
    struct sentence zh = {message->zh, sizeof message->zh, 0}, en = {message->en, sizeof message->en, 0};
    const struct code *known = code_find(code);
    if (known == NULL) {
        sentence_add(&zh, code, strlen(code));
        sentence_add(&en, code, strlen(code));
        return;
    }
    sentence_fill(&zh, known->zh, values);
    sentence_add(&zh, "。", strlen("。"));
    sentence_fill(&zh, known->remedy_zh, values);
    sentence_fill(&en, known->en, values);
    sentence_add(&en, "; ", 2);
    sentence_fill(&en, known->remedy_en, values);
}

bool message_fault(struct fault *fault, const char *code, const char *field)
{
    struct message message;
    struct message_values values = {.field = field};
    message_of_code(&message, code, &values);
    return fault_set(fault, FAULT_REJECT, EX_DATAERR, code, "%s\n  %s", message.zh, message.en);
}
