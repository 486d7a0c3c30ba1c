/* Small pure functions on UTF-8 text: validity, masking, width on a terminal. No allocation. */
#ifndef NIANSHEN_CORE_TEXT_H
#define NIANSHEN_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What text_next returns for a byte that begins no valid character. */
#define TEXT_BAD UINT32_MAX

/* The code point at text[*at], `*at` < `length`; moves `*at` behind it, or behind the one byte that is TEXT_BAD. */
uint32_t text_next(const char *text, size_t length, size_t *at);

/* U+0000–001F, U+007F–009F. */
bool text_is_control(uint32_t code_point);

/* U+202A–202E, U+2066–2069: embeddings, overrides and isolates, with which a text looks other than it is. */
bool text_is_bidi_control(uint32_t code_point);

/* Spaces of every width, tab and line breaks, and what can't be seen: zero-width characters, direction and byte-order marks. */
bool text_is_blank(uint32_t code_point);

/* Moves `text` and `length` past what text_is_blank on both sides. */
void text_trim(const char **text, size_t *length);

/* Strict UTF-8 (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF). */
bool text_is_utf8(const char *text, size_t length);

/* Nothing but blanks, or nothing at all. */
bool text_is_all_blank(const char *text, size_t length);

/* True when valid UTF-8, 1..bytes_max bytes, without control characters and bidirectional controls. */
bool text_is_name(const char *text, size_t length, size_t bytes_max);

/*
 * Masks one ID number, well formed or not, for display: of 15 characters and more the first 3 and the last 4 stay, of fewer
 * only the first and the last; at most 40 characters come out. Control characters, bidirectional ones too, become '?'. Always
 * NUL-terminates `out`.
 */
void text_mask_id(const char *id_number, size_t length, char *out, size_t out_bytes);

/* Masks a mobile: 181****8457. Anything that is not 11 characters is masked as text_mask_id does. */
void text_mask_mobile(const char *mobile, size_t length, char *out, size_t out_bytes);

/*
 * Copies `text` masking every run that could be an ID number (15 or more of [0-9Xx]) or a mobile (exactly 11 digits that
 * start with 1, or these behind 86); full-width characters count like the plain ones. For free text: logs, error messages,
 * dead-letter listings. What comes out is UTF-8: bad bytes, bidirectional controls and control characters other than tab and newline become
 * '?'. Truncates at a character boundary.
 */
void text_mask_digits(const char *text, size_t length, char *out, size_t out_bytes);

/* Columns that the text takes on a terminal (East Asian wide characters take two). */
size_t text_width(const char *text);

#endif
