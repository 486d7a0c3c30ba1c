/* Bytes as lower-case hexadecimal digits. Pure. */
#ifndef NIANSHEN_RULES_HEX_H
#define NIANSHEN_RULES_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two digits a byte and a NUL. */
void hex_write(const uint8_t *bytes, size_t count, char *out);
/* False: `text` is not exactly `count` bytes in lower-case digits. */
bool hex_read(const char *text, uint8_t *bytes, size_t count);

#endif
