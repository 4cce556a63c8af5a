/* csv - fuzz target: every text comes to an end, rows are in order, and no
 * field is longer than the text. */
#include <stdint.h>
#include "base/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fact)
{
    if (!fact)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(0);
    enum csv_result r;
    struct csv_row row;
    struct csv c;
    size_t line = 0;
    size_t pos = 0;

    csv_init(&c, (const char *)data, size);
    while ((r = csv_next(&c, a, &row)) != CSV_END) {
        size_t bytes = 0;

        must(c.line > line && c.pos > pos && c.pos <= size);
        line = c.line;
        if (r == CSV_ROW) {
            must(row.count >= 1 && row.count <= CSV_FIELDS_MAX);
            for (size_t i = 0; i < row.count; i++)
                bytes += strlen(row.field[i]);
            must(bytes <= c.pos - pos);
        }
        pos = c.pos;
        arena_reset(a);
    }
    arena_free(a);
    return 0;
}
