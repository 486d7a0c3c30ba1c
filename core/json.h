/* Jansson's home: whoever makes or reads JSON includes this. What comes from outside is read by core/json_guard.h. */
#ifndef NIANSHEN_CORE_JSON_H
#define NIANSHEN_CORE_JSON_H

#include <jansson.h>

#endif
