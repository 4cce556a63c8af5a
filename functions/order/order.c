/* order - an order's life, from placed to confirmed or given back. Owns schema
 * "order". Called by checkout and email; moved by what payment and inventory
 * say; tells everyone else. The shopper sees it with the order token only: for
 * all others it does not exist. */
#include "inventory/inventory_client.h"
#include "order/order_store.h"
#include "payment/payment_client.h"

static const char *token_key;

/* Someone else's order and no order are the same answer. */
static enum err own_order(struct req *r)
{
    const char *id = req_param(r, "id");
    const char *token = req_bearer(r);
    char want[ID_HASH_LEN + 1];

    order_token(token_key, id, want);
    if (!token || !id_equal(token, want) || !id_is_uuid(id))
        return fail(r, ERR_NOT_FOUND, "no such order");
    note_str(r, "order", id);
    return OK;
}

static enum err get_order(struct req *r)
{
    struct order_view view;

    TRY(own_order(r));
    TRY(order_store_view(r, req_param(r, "id"), &view));
    return reply_json(r, 200, order_view_fields, &view);
}

static enum err cancel_order(struct req *r)
{
    const char *id = req_param(r, "id");
    struct order_view view;
    bool moved;

    TRY(own_order(r));
    TRY(order_store_move(r, &(struct order_move){ .id = id,
                                                  .on = ORDER_CANCEL,
                                                  .reason = "customer",
                                                  .ret_moved = &moved }));
    TRY(order_store_view(r, id, &view));
    if (!moved && strcmp(view.status, "cancelled") != 0)
        return fail(r, ERR_CONFLICT, "only an unpaid order can be cancelled");
    return reply_json(r, 200, order_view_fields, &view);
}

/* ---- live status (server-sent events, WHATWG HTML section 9.2) --------- */

#define STREAM_QUIET_MS 15000
#define STREAM_LIFE_US  (10 * 60 * 1000000LL)

struct watcher {
    const char *order_id;
    struct await changed;
    struct watcher *next;
};
static struct watcher *watchers;

static void on_order_changed(void *arg, const char *order_id)
{
    (void)arg;
    for (struct watcher *w = watchers; w; w = w->next) {
        if (!order_id || !strcmp(order_id, w->order_id))
            await_done(&w->changed);
    }
}

static void unwatch(struct watcher *gone)
{
    struct watcher **at = &watchers;

    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
}

static enum err send_status(struct req *r, const char *id)
{
    struct order_view view;
    struct buf b;

    TRY(order_store_view(r, id, &view));
    buf_init(&b, r->arena);
    buf_str(&b, "event: status\ndata: ");
    json_encode(&b, order_view_fields, &view);
    buf_str(&b, "\n\n");
    return http_stream_send(r, b.data, b.len);
}

static enum err watch_loop(struct req *r, struct watcher *w)
{
    int64_t end_us = clock_us() + STREAM_LIFE_US;

    while (http_stream_alive(r) && clock_us() < end_us) {
        w->changed = (struct await){ 0 };
        TRY(send_status(r, w->order_id));
        while (http_stream_alive(r) &&
               !await_until(&w->changed, clock_us() + STREAM_QUIET_MS * 1000LL))
            TRY(http_stream_send(r, ": still here\n\n", 14));
    }
    return OK;
}

static enum err watch_order(struct req *r)
{
    struct watcher w = { .order_id = req_param(r, "id") };
    struct order_view view;

    TRY(own_order(r));
    TRY(order_store_view(r, w.order_id, &view)); /* a 404 while we still can */
    TRY(http_stream(r, "text/event-stream"));
    w.next = watchers;
    watchers = &w;
    enum err e = watch_loop(r, &w);
    unwatch(&w);
    return e;
}

/* ---- staff and other functions ----------------------------------------- */

struct refund_in {
    const char *reason;
    bool restock;
};
static const struct json_field refund_in_fields[] = {
    JSON_STR(struct refund_in, reason, .required = true, .min = 1, .max = 200,
             .one_line = true, .help = "shown to the customer"),
    JSON_BOOL(struct refund_in, restock,
              .help = "the goods came back and can be sold again"),
    JSON_END
};

static enum err refund_order(struct req *r)
{
    const char *id = req_param(r, "id");
    struct refund_in in = { 0 };
    struct order_view view;
    bool moved;

    if (!id_is_uuid(id))
        return fail(r, ERR_NOT_FOUND, "no such order");
    note_str(r, "order", id);
    TRY(req_json(r, refund_in_fields, &in));
    TRY(order_store_move(r, &(struct order_move){ .id = id,
                                                  .on = ORDER_REFUND,
                                                  .reason = in.reason,
                                                  .restock = in.restock,
                                                  .ret_moved = &moved }));
    TRY(order_store_view(r, id, &view));
    if (!moved && strncmp(view.status, "refund", 6) != 0)
        return fail(r, ERR_CONFLICT, "only a confirmed order can be refunded");
    return reply_json(r, 202, order_view_fields, &view);
}

static enum err create_order(struct req *r)
{
    struct order_create in = { 0 };
    struct order_info info;

    TRY(req_json(r, order_create_fields, &in));
    note_str(r, "order", in.order_id);
    TRY(order_store_create(r, &in));
    TRY(order_store_info(r, in.order_id, &info));
    return reply_json(r, 201, order_info_fields, &info);
}

static enum err info_order(struct req *r)
{
    struct order_info info;

    if (!id_is_uuid(req_param(r, "id")))
        return fail(r, ERR_NOT_FOUND, "no such order");
    TRY(order_store_info(r, req_param(r, "id"), &info));
    return reply_json(r, 200, order_info_fields, &info);
}

/* ---- events ------------------------------------------------------------- */

static enum err move_on(struct req *r, const struct event *e, const char *id,
                        enum order_trigger on, const char *reason)
{
    return order_store_move(
        r, &(struct order_move){
               .id = id, .on = on, .event = e, .reason = reason });
}

static enum err on_opened(struct req *r, const struct event *e)
{
    struct payment_page page = { 0 };

    TRY(event_data(r, e, payment_page_fields, &page));
    return order_store_opened(r, e, page.order_id, page.url);
}

static enum err on_captured(struct req *r, const struct event *e)
{
    struct payment_event p = { 0 };

    TRY(event_data(r, e, payment_event_fields, &p));
    return move_on(r, e, p.order_id, ORDER_CAPTURED, NULL);
}

static enum err on_expired(struct req *r, const struct event *e)
{
    struct payment_event p = { 0 };

    TRY(event_data(r, e, payment_event_fields, &p));
    return move_on(r, e, p.order_id, ORDER_PAYMENT_EXPIRED, "expired");
}

static enum err on_refunded(struct req *r, const struct event *e)
{
    struct payment_event p = { 0 };

    TRY(event_data(r, e, payment_event_fields, &p));
    return move_on(r, e, p.order_id, ORDER_REFUNDED, NULL);
}

static enum err on_committed(struct req *r, const struct event *e)
{
    struct order_ref o = { 0 };

    TRY(event_data(r, e, order_ref_fields, &o));
    return move_on(r, e, o.order_id, ORDER_COMMITTED, NULL);
}

static enum err on_shortfall(struct req *r, const struct event *e)
{
    struct order_ref o = { 0 };

    TRY(event_data(r, e, order_ref_fields, &o));
    return move_on(r, e, o.order_id, ORDER_SHORTFALL, NULL);
}

/* ---- tables ---------------------------------------------------------------
 */

static void start(void)
{
    pg_listen("order_changed", on_order_changed, NULL);
}

static const enum err may_conflict[] = { ERR_CONFLICT, OK };

static const struct route routes[] = {
    { GET, "/api/orders/{id}", get_order, "an order, for its token's holder",
      .out = order_view_fields, .headers_in = "Authorization" },
    { POST, "/api/orders/{id}/cancel", cancel_order,
      "cancel it while it is unpaid", .out = order_view_fields,
      .errors = may_conflict, .headers_in = "Authorization" },
    { GET, "/api/orders/{id}/events", watch_order,
      "follow its status live (server-sent events)", .stream = true,
      .produces = "text/event-stream", .headers_in = "Authorization" },
    { POST, "/api/admin/orders/{id}/refund", refund_order,
      "give the whole payment back", .auth = AUTH_ADMIN, .max_body = 4096,
      .in = refund_in_fields, .out = order_view_fields, .status = 202,
      .errors = may_conflict },
    { POST, "/internal/orders", create_order, "write an order down once",
      .auth = AUTH_INTERNAL, .max_body = 262144, .in = order_create_fields,
      .out = order_info_fields, .status = 201, .internal_doc = true },
    { GET, "/internal/orders/{id}", info_order, "an order, for functions",
      .auth = AUTH_INTERNAL, .out = order_info_fields, .internal_doc = true },
    { 0 }
};

static const struct cfg_field config[] = {
    CFG_SECRET("ORDER_TOKEN_KEY", &token_key, NULL,
               "makes order tokens; the same in checkout and order"),
    { 0 }
};

static const struct topic *const emits[] = { &order_placed_topic,
                                             &order_paid_topic,
                                             &order_confirmed_topic,
                                             &order_cancelled_topic,
                                             &order_refund_requested_topic,
                                             &order_refunded_topic,
                                             NULL };

static const struct subscription subs[] = {
    { &payment_opened_topic, on_opened, "keep the hosted page's address" },
    { &payment_captured_topic, on_captured, "the order is paid" },
    { &payment_expired_topic, on_expired, "the payment window is over" },
    { &payment_refunded_topic, on_refunded, "the money went back" },
    { &inventory_committed, on_committed, "the stock has left the shelf" },
    { &inventory_shortfall, on_shortfall, "paid too late: refund" },
    { 0 }
};

static const struct function order = { .name = "order",
                                       .help = "orders and their status",
                                       .routes = routes,
                                       .config = config,
                                       .uses = USES_PG | USES_BUS,
                                       .emits = emits,
                                       .subs = subs,
                                       .start = start };
FN_MAIN(order)
