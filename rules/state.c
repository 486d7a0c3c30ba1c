#include "rules/state.h"

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {"waiting", "accepted", "rejected"};
    return names[verdict];
}

const char *submission_state_name(enum submission_state state)
{
    static const char *const names[] = {"receiving", "waiting", "pending", "rejected", "returned", "withdrawn", "approved"};
    return names[state];
}

const char *decision_kind_name(enum decision_kind kind)
{
    static const char *const names[] = {"approved", "returned", "withdrawn"};
    return names[kind];
}
