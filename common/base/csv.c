/* csv - RFC 4180. A row is first measured, then unpacked into one piece of
 * memory; a bad row costs none. */
#include <stdbool.h>
#include "base/csv.h"

void csv_init(struct csv *c, const char *text, size_t len)
{
    *c = (struct csv){ .text = text, .len = len, .next_line = 1 };
}

static bool at_row_end(const struct csv *c, size_t p)
{
    if (p == c->len || c->text[p] == '\n')
        return true;
    return c->text[p] == '\r' && (p + 1 == c->len || c->text[p + 1] == '\n');
}

static bool at_field_end(const struct csv *c, size_t p)
{
    return at_row_end(c, p) || c->text[p] == ',';
}

/* Behind the newline of the row end at p. */
static size_t over_row_end(const struct csv *c, size_t p)
{
    if (p < c->len && c->text[p] == '\r')
        p++;
    return p < c->len ? p + 1 : p;
}

/* End of the field that starts at *p, quotes included; false when it is bad. */
static bool measure_field(const struct csv *c, size_t *p)
{
    size_t i = *p;

    if (i < c->len && c->text[i] == '"') {
        i++;
        while (i < c->len && c->text[i] != '\0') {
            if (c->text[i++] != '"')
                continue;
            if (i == c->len || c->text[i] != '"') {
                *p = i;
                return at_field_end(c, i);
            }
            i++;
        }
        return false;
    }
    while (!at_field_end(c, i) && c->text[i] != '\0')
        i++;
    *p = i;
    return at_field_end(c, i);
}

/* Where the row at pos ends; false when it is bad. */
static bool measure_row(const struct csv *c, size_t *ret_end)
{
    size_t p = c->pos;

    for (size_t n = 0; n < CSV_FIELDS_MAX; n++) {
        if (!measure_field(c, &p))
            return false;
        if (at_row_end(c, p)) {
            *ret_end = p;
            return true;
        }
        p++; /* over the comma */
    }
    return false;
}

/* Copy the measured field at *p to out, without quotes; behind its NUL. */
static char *unpack_field(const struct csv *c, size_t *p, char *out)
{
    size_t start = *p;
    size_t end = start;

    (void)measure_field(c, &end);
    *p = end;
    if (start == end || c->text[start] != '"') {
        memcpy(out, c->text + start, end - start);
        out += end - start;
    } else {
        for (size_t i = start + 1; i < end - 1; i++) {
            *out++ = c->text[i];
            if (c->text[i] == '"')
                i++; /* the second of a doubled quote */
        }
    }
    *out = '\0';
    return out + 1;
}

static void unpack_row(const struct csv *c, struct arena *a, size_t end,
                       struct csv_row *ret)
{
    /* A field never grows, and its NUL takes the place of the comma. */
    char *out = arena_alloc(a, end - c->pos + 1);
    size_t p = c->pos;

    ret->count = 0;
    for (;;) {
        ret->field[ret->count++] = out;
        out = unpack_field(c, &p, out);
        if (p >= end)
            return;
        p++;
        /* A comma just before the end leaves an empty last field. */
        if (p == end) {
            ret->field[ret->count++] = out;
            *out = '\0';
            return;
        }
    }
}

static void advance(struct csv *c, size_t to)
{
    for (; c->pos < to; c->pos++)
        c->next_line += c->text[c->pos] == '\n';
}

enum csv_result csv_next(struct csv *c, struct arena *a, struct csv_row *ret)
{
    const char *newline;
    size_t end;

    while (c->pos < c->len && at_row_end(c, c->pos))
        advance(c, over_row_end(c, c->pos));
    if (c->pos == c->len)
        return CSV_END;
    c->line = c->next_line;
    if (measure_row(c, &end)) {
        unpack_row(c, a, end, ret);
        advance(c, over_row_end(c, end));
        return CSV_ROW;
    }
    newline = memchr(c->text + c->pos, '\n', c->len - c->pos);
    advance(c, newline == NULL ? c->len : (size_t)(newline - c->text) + 1);
    return CSV_BAD;
}
