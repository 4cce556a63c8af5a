/* catalog_import - see catalog_import.h. The rules come from real till rolls:
 * a shop's list holds postage, fees and discounts under codes of letters only
 * (POST, DOT, M, D, PADS), corrections as negative quantities, and notes of
 * the stockroom where a name should be ("?", "damaged", "check"). */
#include "catalog/catalog_import.h"
#include "base/utf8.h"

#define SKU_MIN         4
#define SKU_MAX         64
#define DESCRIPTION_MAX 2000
#define CATEGORY_MAX    80
#define IMAGE_MAX       300

/* ---- one row ----------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool sku_byte(char c)
{
    return is_digit(c) || is_upper(c) || is_lower(c) || c == '.' || c == '_' ||
           c == '-';
}

static const char *check_sku(const char *sku)
{
    size_t len = strlen(sku);
    bool digit = false;

    if (len == 0)
        return "the product code is missing";
    if (strchr(sku, ' '))
        return "not a product code: it holds a space";
    if (len > SKU_MAX)
        return "the product code has more than 64 characters";
    for (size_t i = 0; i < len; i++) {
        if (!sku_byte(sku[i]))
            return "the product code may hold A-Z a-z 0-9 . _ - only";
        digit = digit || is_digit(sku[i]);
    }
    if (!digit)
        return "not a product code: it has no digit, like postage, fees and "
               "discounts";
    return len < SKU_MIN ? "not a product code: fewer than 4 characters" : NULL;
}

static bool has_control(const char *s, const char *allowed)
{
    for (; *s; s++) {
        if (((unsigned char)*s < 0x20 || *s == 0x7f) && !strchr(allowed, *s))
            return true;
    }
    return false;
}

/* Letters beyond ASCII count as letters and as capitals: their case is not
 * worth a table, and the notes are in plain letters. */
static const char *check_name(const char *name)
{
    bool letter = false, capital = false;

    if (!*name)
        return "the name is missing";
    if (strlen(name) > CATALOG_NAME_MAX)
        return "the name has more than 200 bytes";
    if (has_control(name, ""))
        return "the name holds a control character";
    for (const char *c = name; *c; c++) {
        letter = letter || is_lower(*c) || is_upper(*c) || (*c & 0x80);
        capital = capital || is_upper(*c) || (*c & 0x80);
    }
    if (!letter || *name == '?' || strstr(name, "??"))
        return "not a name: a question or signs only";
    return capital ? NULL : "not a name: a note in small letters";
}

static const char *check_quantity(const char *text)
{
    bool minus = *text == '-';
    const char *digits = text + (minus ? 1 : 0);
    size_t n = strspn(digits, "0123456789");

    if (n == 0 || digits[n] || n > 12)
        return "the quantity is not a whole number";
    if (minus || strspn(digits, "0") == n)
        return "the quantity is zero or negative: a cancellation or correction";
    return NULL;
}

static const char *check_price(const struct import_row *row, const char *price,
                               int64_t *ret)
{
    if (!row->currency || money_exponent(row->currency) < 0)
        return "the currency is not three capital letters";
    if (!*price)
        return "the price is missing";
    if (!money_parse(price, row->currency, ret) || *ret > MONEY_MAX)
        return "the price can't be read";
    return *ret > 0 ? NULL : "the price is zero or negative";
}

static const char *check_rest(const struct product *p)
{
    if (strlen(p->description) > DESCRIPTION_MAX ||
        has_control(p->description, "\t\r\n"))
        return "the description has more than 2000 bytes or control characters";
    if (strlen(p->category) > CATEGORY_MAX || has_control(p->category, ""))
        return "the category has more than 80 bytes or control characters";
    /* It becomes a link in a page: our own, or over TLS. */
    if (*p->image && strncmp(p->image, "https://", 8) != 0 &&
        (*p->image != '/' || p->image[1] == '/'))
        return "the image must begin with / or https://";
    if (strlen(p->image) > IMAGE_MAX || has_control(p->image, ""))
        return "the image has more than 300 bytes or control characters";
    return NULL;
}

static const char *trimmed(struct arena *a, const char *s)
{
    static const char blank[] = " \t\r\n";

    if (!s)
        return "";
    s += strspn(s, blank);
    size_t len = strlen(s);
    while (len > 0 && strchr(blank, s[len - 1]))
        len--;
    return arena_strndup(a, s, len);
}

static bool row_utf8(const struct import_row *row)
{
    const char *const all[] = { row->sku,         row->name,     row->price,
                                row->description, row->category, row->image };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i] && !utf8_ok(all[i], strlen(all[i])))
            return false;
    }
    return true;
}

const char *import_check(struct arena *a, const struct import_row *row,
                         struct product *ret)
{
    struct product p = { 0 };
    const char *why = NULL;

    if (!row_utf8(row))
        return "not UTF-8; is it latin1?";
    p.sku = trimmed(a, row->sku);
    p.name = trimmed(a, row->name);
    p.description = trimmed(a, row->description);
    p.category = trimmed(a, row->category);
    p.image = trimmed(a, row->image);
    if (row->quantity)
        why = check_quantity(trimmed(a, row->quantity));
    if (!why)
        why = check_sku(p.sku);
    if (!why)
        why = check_name(p.name);
    if (!why)
        why = check_price(row, trimmed(a, row->price), &p.price);
    if (!why)
        why = check_rest(&p);
    if (why)
        return why;
    p.currency = arena_strdup(a, row->currency);
    *ret = p;
    return NULL;
}

/* ---- all rows ---------------------------------------------------------- */

void import_init(struct import *im, struct arena *a)
{
    *im = (struct import){ .arena = a, .slot_count = 1024 };
    im->slots = arena_calloc(a, im->slot_count, sizeof(*im->slots));
}

/* Room for one more of `size` bytes each; what was there moves along. */
static void *room(struct arena *a, void *at, size_t count, size_t *cap,
                  size_t size)
{
    if (count < *cap)
        return at;
    *cap = *cap ? 2 * *cap : 256;
    void *more = arena_calloc(a, *cap, size);
    if (count)
        memcpy(more, at, count * size);
    return more;
}

static void note(struct import *im, int64_t line, const char *sku,
                 const char *reason)
{
    im->notes = room(im->arena, im->notes, im->note_count, &im->note_room,
                     sizeof(*im->notes));
    im->notes[im->note_count++] =
        (struct import_note){ line, arena_strdup(im->arena, sku), reason };
}

void import_reject(struct import *im, int64_t line, const char *sku,
                   const char *reason)
{
    im->rows++;
    im->rejected++;
    note(im, line, sku, reason);
}

static size_t hash(const char *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return (size_t)(h ^ (h >> 32));
}

/* The slot of the item with this sku, or the empty one where it would be. */
static uint32_t *slot_of(struct import *im, const char *sku)
{
    size_t i = hash(sku) % im->slot_count;

    while (im->slots[i] && strcmp(im->items[im->slots[i] - 1].sku, sku) != 0)
        i = (i + 1) % im->slot_count;
    return &im->slots[i];
}

static void grow_slots(struct import *im)
{
    if (2 * im->count < im->slot_count)
        return;
    im->slot_count *= 2;
    im->slots = arena_calloc(im->arena, im->slot_count, sizeof(*im->slots));
    for (size_t i = 0; i < im->count; i++)
        *slot_of(im, im->items[i].sku) = (uint32_t)i + 1;
}

static void keep(struct import *im, int64_t line, const struct product *p)
{
    struct arena *a = im->arena;
    size_t lines_room = im->item_room;

    im->lines = room(a, im->lines, im->count, &lines_room, sizeof(*im->lines));
    im->items =
        room(a, im->items, im->count, &im->item_room, sizeof(*im->items));
    im->lines[im->count] = line;
    im->items[im->count++] = (struct product){
        .sku = arena_strdup(a, p->sku),
        .name = arena_strdup(a, p->name),
        .description = arena_strdup(a, p->description),
        .category = arena_strdup(a, p->category),
        .image = arena_strdup(a, p->image),
        .price = p->price,
        .currency = arena_strdup(a, p->currency),
    };
}

static void meet_again(struct import *im, int64_t line, size_t first,
                       const struct product *p)
{
    const struct product *is = &im->items[first];

    if (!strcmp(is->name, p->name) && is->price == p->price &&
        !strcmp(is->currency, p->currency)) {
        im->duplicates++;
        return;
    }
    im->differs++;
    note(im, line, p->sku,
         arena_printf(im->arena, "differs from line %lld, ignored",
                      (long long)im->lines[first]));
}

void import_add(struct import *im, struct arena *a, int64_t line,
                const struct import_row *row)
{
    struct product p;
    const char *why = import_check(a, row, &p);

    if (why) {
        bool readable = row->sku && utf8_ok(row->sku, strlen(row->sku));

        import_reject(im, line, readable ? row->sku : NULL, why);
        return;
    }
    im->rows++;
    grow_slots(im);
    uint32_t *slot = slot_of(im, p.sku);
    if (*slot) {
        meet_again(im, line, *slot - 1, &p);
    } else {
        keep(im, line, &p);
        *slot = (uint32_t)im->count;
    }
}
