/* A file that holds these bytes, to be read from its beginning; the caller closes it. */
#ifndef NIANSHEN_TESTS_UNIT_FILE_OF_H
#define NIANSHEN_TESTS_UNIT_FILE_OF_H

#include <stdio.h>

static FILE *file_of(const char *bytes, size_t count)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    rewind(file);
    return file;
}

#endif
