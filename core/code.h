/* The table of codes: what each means and what to do, in Chinese and English. Generated from schemas/codes.tsv, the one source. */
#ifndef NIANSHEN_CORE_CODE_H
#define NIANSHEN_CORE_CODE_H

struct code {
    const char *name; /* stable, kebab-case */
    const char *kind; /* dead-letter | rejection | row | warning | decision | waiting | file | roster | setup */
    const char *zh, *en; /* what is wrong, a sentence; may hold {position} {expected} {field} */
    const char *remedy_zh, *remedy_en; /* what to do */
};

/* NULL when there is no such code. */
const struct code *code_find(const char *name);
extern const struct code code_table[]; /* ends with a NULL name */

#endif
