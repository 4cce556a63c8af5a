#include <assert.h>
#include "base/buf.h"
#include "io/pg.h"

const char *pg_str(const struct pg_rows *rows, int row, int column)
{
    assert(row >= 0 && row < rows->count);
    assert(column >= 0 && column < rows->columns);
    return rows->cells[row * rows->columns + column];
}

int64_t pg_int(const struct pg_rows *rows, int row, int column)
{
    const char *s = pg_str(rows, row, column);
    return s ? strtoll(s, NULL, 10) : 0;
}

bool pg_bool(const struct pg_rows *rows, int row, int column)
{
    const char *s = pg_str(rows, row, column);
    return s && *s == 't';
}

/* PostgreSQL 15 documentation, section 8.15.6: within quotes only '"' and '\'
 * are escaped, and only the bare word NULL is one. */
const char *pg_text_array(struct req *r, const char *const *items, size_t n)
{
    struct buf b;
    buf_init(&b, r->arena);
    buf_char(&b, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(&b, ',');
        if (items[i] == NULL) {
            buf_str(&b, "NULL");
            continue;
        }
        buf_char(&b, '"');
        for (const char *p = items[i]; *p; p++) {
            if (*p == '"' || *p == '\\')
                buf_char(&b, '\\');
            buf_char(&b, *p);
        }
        buf_char(&b, '"');
    }
    buf_char(&b, '}');
    return b.data;
}

const char *pg_int_array(struct req *r, const int64_t *items, size_t n)
{
    struct buf b;
    buf_init(&b, r->arena);
    buf_char(&b, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(&b, ',');
        buf_int(&b, items[i]);
    }
    buf_char(&b, '}');
    return b.data;
}
