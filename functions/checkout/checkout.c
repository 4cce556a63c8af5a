/* checkout - from a cart to an order with a payment page. Owns schema checkout
 * (idempotency keys). Calls cart, catalog, inventory, order and payment; tells
 * nobody itself: order does. Every step is idempotent by the order id that was
 * chosen with the key, so a broken attempt is simply taken up again. */
#include "cart/cart_client.h"
#include "catalog/catalog_client.h"
#include "checkout/checkout_store.h"
#include "inventory/inventory_client.h"
#include "order/order_client.h"
#include "payment/payment_client.h"

#define CHECKOUT_MS 10000
#define LEASE_S     15 /* longer than any attempt can run */

static const char *token_key;
static int64_t hold_s;

struct checkout_in {
    const char *cart_id;
    const char *email;
    const char *name;
    const char *address;
};
static const struct json_field in_fields[] = {
    JSON_STR(struct checkout_in, cart_id, .required = true, .min = 1,
             .max = 64),
    JSON_STR(struct checkout_in, email, .required = true, .max = 254,
             .format = "email", .one_line = true),
    JSON_STR(struct checkout_in, name, .required = true, .min = 1, .max = 200,
             .one_line = true),
    JSON_STR(struct checkout_in, address, .required = true, .min = 1,
             .max = 1000),
    JSON_END
};

struct checkout_order {
    const char *id;
    const char *status;
    int64_t total;
    const char *currency;
};
struct checkout_out {
    struct checkout_order *order;
    const char *order_token;
    const char *payment_url;
};
static const struct json_field order_fields[] = {
    JSON_STR(struct checkout_order, id, .required = true, .format = "uuid"),
    JSON_STR(struct checkout_order, status, .required = true),
    JSON_INT(struct checkout_order, total, .required = true,
             .help = "minor units"),
    JSON_STR(struct checkout_order, currency, .required = true), JSON_END
};
static const struct json_field out_fields[] = {
    JSON_OBJ(struct checkout_out, order, struct checkout_order, order_fields,
             .required = true),
    JSON_STR(struct checkout_out, order_token, .required = true,
             .help = "bearer token of /api/orders/{id}"),
    JSON_STR(struct checkout_out, payment_url,
             .help = "hosted payment page; absent with 202: it will appear on "
                     "the order"),
    JSON_END
};

/* One attempt: what the steps below hand on. */
struct attempt {
    const struct checkout_in *in;
    const char *order_id;
    bool again;
    struct cart_lines cart;
    struct price_list prices;
    struct order_create create;
    struct order_info order;
    bool have_order;
    const char *payment_url;
};

/* ---- the steps
 * --------------------------------------------------------------- */

/* An attempt before this one may have come as far as the order. */
static enum err step_resume(struct req *r, struct attempt *a)
{
    if (!a->again)
        return OK;
    enum err e = order_get(r, a->order_id, &a->order);
    a->have_order = e == OK;
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err step_cart(struct req *r, struct attempt *a)
{
    enum err e = cart_get(r, a->in->cart_id, &a->cart);

    if (e == ERR_NOT_FOUND)
        return fail_at(r, ERR_INVALID, "/cart_id", "no such cart");
    TRY(e);
    if (a->cart.count == 0)
        return fail_at(r, ERR_INVALID, "/cart_id", "the cart is empty");
    return OK;
}

static const struct product_price *price_of(const struct price_list *prices,
                                            const char *sku)
{
    for (size_t i = 0; i < prices->count; i++) {
        if (!strcmp(prices->items[i].sku, sku))
            return &prices->items[i];
    }
    return NULL;
}

/* The price is catalog's of this moment, whatever the client has seen. */
static enum err step_price(struct req *r, struct attempt *a)
{
    struct sku_list skus = { .count = a->cart.count };

    skus.items = arena_calloc(r->arena, skus.count, sizeof(*skus.items));
    for (size_t i = 0; i < skus.count; i++)
        skus.items[i].sku = a->cart.items[i].sku;
    return catalog_prices(r, &skus, &a->prices);
}

/* Before any stock is held: a total that no amount can carry. */
static enum err check_total(struct req *r, const struct order_create *c)
{
    int64_t sum = 0;

    for (size_t i = 0; i < c->line_count; i++) {
        int64_t line;

        if (!money_mul(c->lines[i].unit_price, c->lines[i].quantity, &line) ||
            !money_add(sum, line, &sum))
            return fail(r, ERR_AMOUNT, "the total is out of range");
    }
    return OK;
}

static enum err step_lines(struct req *r, struct attempt *a)
{
    struct order_create *c = &a->create;
    enum err e = OK;

    *c = (struct order_create){ .order_id = a->order_id,
                                .cart_id = a->in->cart_id,
                                .email = a->in->email,
                                .name = a->in->name,
                                .address = a->in->address,
                                .line_count = a->cart.count };
    c->lines = arena_calloc(r->arena, c->line_count, sizeof(*c->lines));
    for (size_t i = 0; i < c->line_count; i++) {
        const struct cart_line *l = &a->cart.items[i];
        const struct product_price *p = price_of(&a->prices, l->sku);
        const char *at = arena_printf(r->arena, "/lines/%zu", i);

        if (!p) {
            e = fail_at(r, ERR_INVALID, at, "%s is not for sale", l->sku);
            continue;
        }
        if (c->currency && strcmp(c->currency, p->currency) != 0)
            return fail_at(r, ERR_INVALID, at, "all in one currency, please");
        c->currency = p->currency;
        c->lines[i] = (struct order_line){ .sku = l->sku,
                                           .name = p->name,
                                           .quantity = l->quantity,
                                           .unit_price = p->price };
    }
    return e == OK ? check_total(r, c) : e;
}

static enum err step_reserve(struct req *r, struct attempt *a)
{
    struct reserve_in in = { .order_id = a->order_id,
                             .ttl_s = hold_s,
                             .line_count = a->cart.count };

    in.lines = arena_calloc(r->arena, in.line_count, sizeof(*in.lines));
    for (size_t i = 0; i < in.line_count; i++)
        in.lines[i] = (struct stock_line){ a->cart.items[i].sku,
                                           a->cart.items[i].quantity };
    return inventory_reserve(r, &in);
}

static void undo_reserve(struct req *r, const struct attempt *a)
{
    /* Should it fail, the hold ends by itself: it has a time to live. */
    if (inventory_release(r, a->order_id) != OK)
        note_str(r, "hold", "left to its timeout");
}

static enum err step_order(struct req *r, struct attempt *a)
{
    return order_create(r, &a->create, &a->order);
}

static const struct step {
    const char *name;
    enum err (*run)(struct req *r, struct attempt *a);
    void (*undo)(struct req *r, const struct attempt *a);
} steps[] = {
    { "resume", step_resume, NULL },
    { "cart", step_cart, NULL },
    { "price", step_price, NULL },
    { "lines", step_lines, NULL },
    { "reserve", step_reserve, undo_reserve },
    { "order", step_order, NULL },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* After a final refusal nothing may be left behind. An attempt that broke off
 * may have come further than this one, so then every step is undone. What may
 * pass is left as it is for the next attempt. */
static void undo(struct req *r, const struct attempt *a, enum err e, size_t at)
{
    if (err_info(e)->cls != CLASS_FINAL)
        return;
    for (size_t i = a->again ? STEPS : at; i-- > 0;) {
        if (steps[i].undo)
            steps[i].undo(r, a);
    }
}

static enum err run_steps(struct req *r, struct attempt *a)
{
    for (size_t i = 0; i < STEPS; i++) {
        enum err e = steps[i].run(r, a);

        if (e != OK) {
            note_str(r, "step", steps[i].name);
            undo(r, a, e, i);
            return e;
        }
        if (a->have_order)
            return OK;
    }
    return OK;
}

/* Not a step that can fail: when the page is slow to come the order stands, and
 * payment opens the page by itself. */
static void ask_for_page(struct req *r, struct attempt *a)
{
    struct order_placed_data placed = { .order_id = a->order_id,
                                        .cart_id = a->in->cart_id,
                                        .total = a->order.total,
                                        .currency = a->order.currency,
                                        .lines = a->order.lines,
                                        .line_count = a->order.line_count };
    struct payment_page page = { 0 };

    if (a->order.payment_url)
        a->payment_url = a->order.payment_url;
    else if (payment_open(r, &placed, &page) == OK)
        a->payment_url = page.url;
    else
        note_str(r, "page", "later");
}

/* ---- the answer
 * ----------------------------------------------------------------- */

static enum err send_answer(struct req *r, int status, const char *answer)
{
    const char *type =
        status >= 400 ? "application/problem+json" : "application/json";

    return reply_bytes(r, status, type, answer, strlen(answer));
}

static enum err keep_and_reply(struct req *r, const char *key, int status,
                               const char *answer)
{
    TRY(idem_finish(r, key, status, answer, &status, &answer));
    return send_answer(r, status, answer);
}

static enum err answer_order(struct req *r, const char *key, struct attempt *a)
{
    char token[ID_HASH_LEN + 1];
    struct checkout_order o = { a->order_id, a->order.status, a->order.total,
                                a->order.currency };
    struct checkout_out out = { &o, token, a->payment_url };
    struct buf b;

    order_token(token_key, a->order_id, token);
    buf_init(&b, r->arena);
    json_encode(&b, out_fields, &out);
    return keep_and_reply(r, key, a->payment_url ? 201 : 202, b.data);
}

/* A final refusal is an answer like any other: the key keeps it. Anything else
 * may pass, so the next attempt goes on from here. */
static enum err answer_failure(struct req *r, const char *key, enum err e)
{
    if (err_info(e)->cls != CLASS_FINAL) {
        (void)idem_release(r, key);
        return e;
    }
    struct buf b;

    buf_init(&b, r->arena);
    problem_json(r, e, &b);
    return keep_and_reply(r, key, err_info(e)->status, b.data);
}

/* ---- the route
 * --------------------------------------------------------------------- */

static bool printable(const char *s)
{
    for (; *s; s++) {
        if (*s < 0x21 || *s > 0x7e)
            return false;
    }
    return true;
}

static enum err read_key(struct req *r, const char **ret)
{
    const char *key = req_header(r, "idempotency-key");

    if (!key)
        return fail(r, ERR_KEY_MISSING,
                    "send a new Idempotency-Key with each "
                    "purchase, and the same one with "
                    "each retry");
    if (!*key || strlen(key) > 255 || !printable(key))
        return fail(r, ERR_KEY_INVALID, "1 to 255 printable characters");
    *ret = key;
    return OK;
}

/* Field by field, so that spaces and member order in the JSON don't count. */
static void fingerprint(struct req *r, const struct checkout_in *in,
                        char out[ID_HASH_LEN + 1])
{
    struct buf b;

    buf_init(&b, r->arena);
    json_encode(&b, in_fields, in);
    id_sha256_hex(b.data, b.len, out);
}

static enum err work(struct req *r, const char *key, struct attempt *a)
{
    enum err e = run_steps(r, a);

    if (e != OK)
        return answer_failure(r, key, e);
    ask_for_page(r, a);
    return answer_order(r, key, a);
}

static enum err checkout(struct req *r)
{
    struct checkout_in in = { 0 };
    char print[ID_HASH_LEN + 1];
    const char *key;
    struct idem idem;

    TRY(read_key(r, &key));
    TRY(req_json(r, in_fields, &in));
    fingerprint(r, &in, print);
    TRY(idem_claim(r, key, print, LEASE_S, &idem));
    if (idem.state == IDEM_REUSED)
        return fail(r, ERR_KEY_REUSED, "this key came with another request");
    note_str(r, "order", idem.order_id);
    if (idem.state == IDEM_TWIN)
        return fail(r, ERR_TWIN_RUNNING, "ask again in a moment");
    if (idem.state == IDEM_DONE) {
        note_str(r, "idempotency", "replayed");
        reply_header(r, "Idempotent-Replayed", "true");
        return send_answer(r, idem.status, idem.answer);
    }
    struct attempt a = { .in = &in,
                         .order_id = idem.order_id,
                         .again = idem.again };
    return work(r, key, &a);
}

/* ---- tables
 * ----------------------------------------------------------------------------
 */

static const enum err may_answer[] = { ERR_KEY_MISSING,  ERR_KEY_INVALID,
                                       ERR_TWIN_RUNNING, ERR_OUT_OF_STOCK,
                                       ERR_INVALID,      ERR_KEY_REUSED,
                                       ERR_AMOUNT,       OK };

static const struct route routes[] = {
    { POST, "/api/checkout", checkout, "turn a cart into an order",
      .max_body = 16384, .timeout_ms = CHECKOUT_MS, .in = in_fields,
      .out = out_fields, .status = 201, .also_status = 202,
      .errors = may_answer, .headers_in = "Idempotency-Key!" },
    { 0 }
};

static const struct cfg_field config[] = {
    CART_CFG,
    CATALOG_CFG,
    INVENTORY_CFG,
    ORDER_CFG,
    PAYMENT_CFG,
    CFG_SECRET("ORDER_TOKEN_KEY", &token_key, NULL,
               "makes order tokens; the same in checkout and order"),
    CFG_INT("HOLD_S", &hold_s, "3900", 60, 90000,
            "how long stock is held, seconds; more than PAYMENT_WINDOW_S"),
    { 0 }
};

static struct http_dest *const calls[] = { &cart_dest,      &catalog_dest,
                                           &inventory_dest, &order_dest,
                                           &payment_dest,   NULL };

static const struct job jobs[] = {
    { "forget", 3600000, idem_forget, "drop old idempotency keys" }, { 0 }
};

static const struct function checkout_fn = { .name = "checkout",
                                             .help = "from cart to order",
                                             .routes = routes,
                                             .config = config,
                                             .uses = USES_PG,
                                             .calls = calls,
                                             .jobs = jobs };
FN_MAIN(checkout_fn)
