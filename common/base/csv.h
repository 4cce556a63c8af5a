/* csv - RFC 4180 reader: quoted fields, doubled quotes, CRLF or LF. The whole
 * text is in memory (a route's body limit bounds it); rows are made on demand
 * so that one row costs one row's memory. */
#ifndef BODEGA_BASE_CSV_H
#define BODEGA_BASE_CSV_H

#include <stddef.h>
#include "base/arena.h"

#define CSV_FIELDS_MAX 64

struct csv {
    const char *text;
    size_t len;
    size_t pos;
    size_t line; /* of the row last returned, 1-based, counting newlines */
    size_t next_line; /* of pos */
};

struct csv_row {
    const char *field[CSV_FIELDS_MAX]; /* NUL-terminated, in the arena */
    size_t count;
};

enum csv_result { CSV_ROW, CSV_END, CSV_BAD };

void csv_init(struct csv *c, const char *text, size_t len);
/* CSV_BAD: an unclosed quote, text after a closing quote, a NUL byte or more
 * than CSV_FIELDS_MAX fields; the reader then stands behind the first newline
 * of the bad row, so that one stray quote cannot swallow the rest. An empty
 * line is skipped. A quote inside an unquoted field is an ordinary byte. */
enum csv_result csv_next(struct csv *c, struct arena *a, struct csv_row *ret);

#endif
