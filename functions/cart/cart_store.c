/* cart_store - see cart_store.h. */
#include "cart/cart_store.h"

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)

/* How long it is remembered that an order was taken out of its cart; events
 * come again for hours at most. */
#define PAID_KEPT_S 2592000

#define KEY_CAP (sizeof("cart:") + ID_TOKEN_LEN)

bool cart_sku_ok(const char *sku)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz"
                                  "0123456789._-";
    size_t len = strspn(sku, allowed);

    return len >= 1 && len <= 64 && sku[len] == '\0';
}

/* Ids we made are the only ones asked for: a foreign one is not worth a round
 * trip, and cannot name another key. */
static enum err key_of(struct req *r, const char *id, char key[KEY_CAP])
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz"
                                  "0123456789_-";

    if (strspn(id, allowed) != ID_TOKEN_LEN || id[ID_TOKEN_LEN] != '\0')
        return fail(r, ERR_NOT_FOUND, "no such cart");
    memcpy(key, "cart:", 5);
    memcpy(key + 5, id, ID_TOKEN_LEN + 1);
    return OK;
}

static struct redis_lua create_lua = {
    .source = "redis.call('HSET', KEYS[1], '', '0') "
              "return redis.call('EXPIRE', KEYS[1], ARGV[1])"
};

enum err cart_store_create(struct req *r, int64_t ttl_s,
                           char ret_id[ID_TOKEN_LEN + 1])
{
    char key[KEY_CAP];

    id_token(ret_id);
    TRY(key_of(r, ret_id, key));
    return redis_script(r, NULL, &create_lua, 1, "si", key, ttl_s);
}

/* EXPIRE says 0 when there is no such key, which saves an EXISTS. The line too
 * many is known only once it is in: whether it is new is HSET's own answer. */
static struct redis_lua set_lua = {
    .source =
        "if redis.call('EXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end "
        "if redis.call('HSET', KEYS[1], ARGV[2], ARGV[3]) == 1 "
        "and redis.call('HLEN', KEYS[1]) > " TEXT_OF(
            CART_LINES_MAX) " + 1 then redis.call('HDEL', KEYS[1], ARGV[2]) "
                            "return -1 end "
                            "return 1"
};

enum err cart_store_set(struct req *r, const char *id, int64_t ttl_s,
                        const char *sku, int64_t quantity)
{
    char key[KEY_CAP];
    struct redis_val v;

    TRY(key_of(r, id, key));
    TRY(redis_script(r, &v, &set_lua, 1, "sisi", key, ttl_s, sku, quantity));
    if (v.num == 0)
        return fail(r, ERR_NOT_FOUND, "no such cart");
    if (v.num < 0)
        return fail(r, ERR_INVALID, "a cart holds at most %d lines",
                    CART_LINES_MAX);
    return OK;
}

static struct redis_lua remove_lua = {
    .source =
        "if redis.call('EXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end "
        "redis.call('HDEL', KEYS[1], ARGV[2]) return 1"
};

enum err cart_store_remove(struct req *r, const char *id, int64_t ttl_s,
                           const char *sku)
{
    char key[KEY_CAP];
    struct redis_val v;

    TRY(key_of(r, id, key));
    TRY(redis_script(r, &v, &remove_lua, 1, "sis", key, ttl_s, sku));
    return v.num ? OK : fail(r, ERR_NOT_FOUND, "no such cart");
}

static void read_lines(struct req *r, const struct redis_val *hash,
                       struct cart_lines *ret)
{
    ret->count = 0;
    ret->items = arena_calloc(r->arena, hash->count / 2, sizeof(*ret->items));
    for (size_t i = 0; i + 1 < hash->count; i += 2) {
        if (hash->items[i].len == 0)
            continue; /* the field that lets an empty cart exist */
        ret->items[ret->count++] =
            (struct cart_line){ hash->items[i].str,
                                strtoll(hash->items[i + 1].str, NULL, 10) };
    }
}

enum err cart_store_lines(struct req *r, const char *id, int64_t ttl_s,
                          struct cart_lines *ret)
{
    char key[KEY_CAP];
    struct redis_val v[2];

    TRY(key_of(r, id, key));
    /* Two plain commands in one write cost Redis less than a script. */
    struct redis_batch *b = redis_batch(r);
    redis_add(b, "ss", "HGETALL", key);
    redis_add(b, "ssi", "EXPIRE", key, ttl_s);
    TRY(redis_run(b, v, 2));
    if (v[0].count == 0)
        return fail(r, ERR_NOT_FOUND, "no such cart");
    read_lines(r, &v[0], ret);
    return OK;
}

/* ARGV[2] holds "sku quantity" pairs. What the shopper added since the order
 * stays; a line that was made smaller since goes. */
static struct redis_lua paid_lua = {
    .source = "if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[1]) then"
              " return 0 end "
              "for sku, n in string.gmatch(ARGV[2], '(%S+) (%d+)') do "
              "local have = tonumber(redis.call('HGET', KEYS[1], sku) or 0) "
              "if have > tonumber(n) then"
              " redis.call('HINCRBY', KEYS[1], sku, '-' .. n) "
              "else redis.call('HDEL', KEYS[1], sku) end end "
              "return 1"
};

enum err cart_store_paid(struct req *r, const struct order_paid_data *paid)
{
    char key[KEY_CAP];
    struct redis_val v;
    struct buf lines;

    TRY(key_of(r, paid->cart_id, key));
    buf_init(&lines, r->arena);
    for (size_t i = 0; i < paid->line_count; i++)
        buf_printf(&lines, "%s %lld ", paid->lines[i].sku,
                   (long long)paid->lines[i].quantity);
    TRY(redis_script(r, &v, &paid_lua, 2, "ssis", key,
                     arena_printf(r->arena, "cart:paid:%s", paid->order_id),
                     (int64_t)PAID_KEPT_S, lines.data));
    note_str(r, "lines", v.num ? "dropped" : "dropped before");
    return OK;
}
