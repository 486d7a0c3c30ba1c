#include "ops-next/stall.h"

bool stall_is_suspect(const struct stall_look *look)
{
    return !look->is_halted && look->end_offset > look->next_offset && (look->still_ms < 0 || look->still_ms >= STALL_STILL_MS);
}

bool stall_is_sure(const struct stall_look *before, const struct stall_look *after)
{
    return stall_is_suspect(before) && stall_is_suspect(after) && before->next_offset == after->next_offset;
}

bool stall_is_of_transaction(const struct stall_look *look)
{
    return look->stable_offset >= 0 && look->stable_offset <= look->next_offset && look->end_offset > look->next_offset;
}
