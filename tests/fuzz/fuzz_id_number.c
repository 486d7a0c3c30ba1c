/* The ID check on any bytes: it ends, stays in its bounds, keeps its promises to those who call it, and accepts what it has normalised. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/code.h"
#include "core/id_number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const date_ymd today = 20260301;

static void require(int holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char key[ID_KEY_BYTES_MAX + 1];
    const char *text = (const char *)data;
    struct id_verdict verdict = id_number_check(text, size, today);
    require((verdict.level == ID_OK) == (verdict.code == NULL));
    require(verdict.code == NULL || code_find(verdict.code) != NULL);
    require(verdict.position >= 0 && (size_t)verdict.position <= size + 1);
    require((verdict.level == ID_ERROR) == (verdict.normalised[0] == '\0'));

    size_t key_bytes = id_number_key(text, size, &verdict, key);
    require(key_bytes <= ID_KEY_BYTES_MAX && strlen(key) == key_bytes);
    for (size_t i = 0; i < key_bytes; i++) require((unsigned char)key[i] >= 0x20);
    if (verdict.level == ID_ERROR) return 0;

    struct id_verdict again = id_number_check(verdict.normalised, strlen(verdict.normalised), today);
    require(strcmp(key, verdict.normalised) == 0);
    require(again.level != ID_ERROR && strcmp(again.normalised, verdict.normalised) == 0);
    return 0;
}
