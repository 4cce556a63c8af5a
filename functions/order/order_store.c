/* order_store - see order_store.h. */
#include "order/order_store.h"

static const struct order_step order_steps[] = {
    { ORDER_CAPTURED, "pending", "paid", &order_paid_topic,
      "payment received" },
    { ORDER_CAPTURED, "expired", "paid", &order_paid_topic,
      "payment received after the payment window" },
    { ORDER_CAPTURED, "cancelled", "refunding", &order_refund_requested_topic,
      "payment received after cancellation, refunding it" },
    { ORDER_PAYMENT_EXPIRED, "pending", "expired", &order_cancelled_topic,
      "not paid in time" },
    { ORDER_CANCEL, "pending", "cancelled", &order_cancelled_topic,
      "cancelled on request" },
    { ORDER_COMMITTED, "paid", "confirmed", &order_confirmed_topic,
      "items set aside for dispatch" },
    { ORDER_SHORTFALL, "paid", "refunding", &order_refund_requested_topic,
      "sold out before the payment came, refunding it" },
    { ORDER_REFUND, "confirmed", "refunding", &order_refund_requested_topic,
      "refund started" },
    { ORDER_REFUNDED, "refunding", "refunded", &order_refunded_topic,
      "refund complete" },
};

const struct order_step *order_step_find(enum order_trigger on,
                                         const char *status)
{
    for (size_t i = 0; i < sizeof(order_steps) / sizeof(order_steps[0]); i++) {
        if (order_steps[i].on == on && !strcmp(order_steps[i].from, status))
            return &order_steps[i];
    }
    return NULL;
}

static const struct json_field order_event_fields[] = {
    JSON_STR(struct order_event, status, .required = true),
    JSON_STR(struct order_event, at, .required = true, .format = "date-time"),
    JSON_STR(struct order_event, note, .required = true), JSON_END
};

const struct json_field order_view_fields[] = {
    JSON_STR(struct order_view, id, .required = true, .format = "uuid"),
    JSON_STR(struct order_view, status, .required = true,
             .one_of = "pending|paid|confirmed|cancelled|expired|refunding|"
                       "refunded"),
    JSON_INT(struct order_view, total, .required = true, .help = "minor units"),
    JSON_STR(struct order_view, currency, .required = true),
    JSON_STR(struct order_view, payment_url,
             .help = "hosted page, while the order is pending"),
    JSON_LIST(struct order_view, lines, line_count, struct order_line,
              order_line_fields, .required = true),
    JSON_LIST(struct order_view, history, history_count, struct order_event,
              order_event_fields, .required = true),
    JSON_END
};

/* ---- create ---------------------------------------------------------- */

static const char create_sql[] =
    "with made as ("
    " insert into \"order\" (id, cart_id, email, name, address, total,"
    "  currency) values ($1::uuid, $2, $3, $4, $5, $6::bigint, $7)"
    " on conflict (id) do nothing returning id),"
    "lines as ("
    " insert into order_line (order_id, n, sku, name, quantity, unit_price,"
    "  line_total)"
    " select made.id, l.n, l.sku, l.name, l.quantity, l.price,"
    "  l.quantity * l.price"
    " from made, unnest($8::text[], $9::text[], $10::bigint[], $11::bigint[])"
    "  with ordinality as l (sku, name, quantity, price, n)) "
    "insert into history (order_id, status, note)"
    " select id, 'pending', 'order placed' from made";

/* Line totals and the order's total, from quantity and unit price alone. */
static enum err add_up(struct req *r, struct order_create *in, int64_t *total)
{
    int64_t sum = 0;

    for (size_t i = 0; i < in->line_count; i++) {
        struct order_line *l = &in->lines[i];

        if (!money_mul(l->unit_price, l->quantity, &l->line_total) ||
            !money_add(sum, l->line_total, &sum))
            return fail(r, ERR_AMOUNT, "the order's total is out of range");
    }
    *total = sum;
    return OK;
}

static enum err create_tx(struct req *r, void *arg)
{
    struct order_create *in = arg;
    size_t n = in->line_count;
    const char **skus = arena_calloc(r->arena, n, sizeof(*skus));
    const char **names = arena_calloc(r->arena, n, sizeof(*names));
    int64_t *quantities = arena_calloc(r->arena, n, sizeof(*quantities));
    int64_t *prices = arena_calloc(r->arena, n, sizeof(*prices));
    int64_t total = 0;
    struct pg_rows rows;

    TRY(add_up(r, in, &total));
    for (size_t i = 0; i < n; i++) {
        skus[i] = in->lines[i].sku;
        names[i] = in->lines[i].name;
        quantities[i] = in->lines[i].quantity;
        prices[i] = in->lines[i].unit_price;
    }
    TRY(pg_query(r, &rows, create_sql, "sssssisssss", in->order_id, in->cart_id,
                 in->email, in->name, in->address, total, in->currency,
                 pg_text_array(r, skus, n), pg_text_array(r, names, n),
                 pg_int_array(r, quantities, n), pg_int_array(r, prices, n)));
    if (rows.affected == 0)
        return OK; /* it was there before: created once, said once */
    struct order_placed_data placed = { .order_id = in->order_id,
                                        .cart_id = in->cart_id,
                                        .total = total,
                                        .currency = in->currency,
                                        .lines = in->lines,
                                        .line_count = n };
    return outbox_add(r, &order_placed_topic, in->order_id, &placed);
}

enum err order_store_create(struct req *r, struct order_create *in)
{
    return pg_transaction(r, create_tx, in);
}

/* ---- read ------------------------------------------------------------ */

static const char order_sql[] =
    "select status, total, currency, payment_url, email, name, address,"
    " cart_id, restock from \"order\" where id = $1::uuid";
static const char lines_sql[] =
    "select sku, name, quantity, unit_price, line_total from order_line"
    " where order_id = $1::uuid order by n";
static const char history_sql[] =
    "select status, note, to_char(at at time zone 'UTC',"
    " 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') from history"
    " where order_id = $1::uuid order by n";

static enum err read_lines(struct req *r, const char *id,
                           struct order_line **ret, size_t *ret_count)
{
    struct pg_rows rows;

    TRY(pg_read(r, &rows, lines_sql, "s", id));
    struct order_line *lines =
        arena_calloc(r->arena, (size_t)rows.count, sizeof(*lines));
    for (int i = 0; i < rows.count; i++) {
        lines[i] = (struct order_line){ .sku = pg_str(&rows, i, 0),
                                        .name = pg_str(&rows, i, 1),
                                        .quantity = pg_int(&rows, i, 2),
                                        .unit_price = pg_int(&rows, i, 3),
                                        .line_total = pg_int(&rows, i, 4) };
    }
    *ret = lines;
    *ret_count = (size_t)rows.count;
    return OK;
}

enum err order_store_info(struct req *r, const char *id, struct order_info *ret)
{
    struct pg_rows rows;

    TRY(pg_read(r, &rows, order_sql, "s", id));
    if (rows.count == 0)
        return fail(r, ERR_NOT_FOUND, "no such order");
    *ret = (struct order_info){ .order_id = id,
                                .status = pg_str(&rows, 0, 0),
                                .total = pg_int(&rows, 0, 1),
                                .currency = pg_str(&rows, 0, 2),
                                .payment_url = pg_str(&rows, 0, 3),
                                .email = pg_str(&rows, 0, 4),
                                .name = pg_str(&rows, 0, 5),
                                .address = pg_str(&rows, 0, 6) };
    return read_lines(r, id, &ret->lines, &ret->line_count);
}

enum err order_store_view(struct req *r, const char *id, struct order_view *ret)
{
    struct order_info info;
    struct pg_rows rows;

    TRY(order_store_info(r, id, &info));
    TRY(pg_read(r, &rows, history_sql, "s", id));
    bool pending = !strcmp(info.status, "pending");
    *ret =
        (struct order_view){ .id = id,
                             .status = info.status,
                             .total = info.total,
                             .currency = info.currency,
                             .payment_url = pending ? info.payment_url : NULL,
                             .lines = info.lines,
                             .line_count = info.line_count };
    ret->history_count = (size_t)rows.count;
    ret->history =
        arena_calloc(r->arena, ret->history_count, sizeof(*ret->history));
    for (int i = 0; i < rows.count; i++) {
        ret->history[i] = (struct order_event){ .status = pg_str(&rows, i, 0),
                                                .note = pg_str(&rows, i, 1),
                                                .at = pg_str(&rows, i, 2) };
    }
    return OK;
}

/* ---- move ------------------------------------------------------------ */

static const char lock_sql[] =
    "select status, cart_id, restock from \"order\" where id = $1::uuid"
    " for update";
static const char move_sql[] =
    "with moved as ("
    " update \"order\" set status = $2, restock = restock or $4::bool,"
    "  updated_at = now() where id = $1::uuid returning id) "
    "insert into history (order_id, status, note)"
    " select id, $2, $3 from moved";

static enum err emit_paid(struct req *r, const char *id, const char *cart_id)
{
    struct order_paid_data paid = { .order_id = id, .cart_id = cart_id };

    TRY(read_lines(r, id, &paid.lines, &paid.line_count));
    return outbox_add(r, &order_paid_topic, id, &paid);
}

static enum err take_step(struct req *r, const struct order_move *m,
                          const struct order_step *step,
                          const struct pg_rows *order)
{
    bool restock = m->restock || pg_bool(order, 0, 2);

    TRY(pg_query(r, NULL, move_sql, "sssb", m->id, step->to,
                 m->on == ORDER_REFUND && m->reason ? m->reason : step->note,
                 (int)m->restock));
    if (m->ret_moved)
        *m->ret_moved = true;
    if (step->emit == &order_paid_topic)
        return emit_paid(r, m->id, pg_str(order, 0, 1));
    struct order_end end = { .order_id = m->id,
                             .reason = m->reason ? m->reason : step->note,
                             .restock = restock };
    return outbox_add(r, step->emit, m->id, &end);
}

static enum err move_tx(struct req *r, void *arg)
{
    const struct order_move *m = arg;
    struct pg_rows order;
    bool first = true;

    if (m->ret_moved)
        *m->ret_moved = false;
    if (m->event)
        TRY(inbox_once(r, m->event, &first));
    if (!first)
        return OK;
    TRY(pg_query(r, &order, lock_sql, "s", m->id));
    if (order.count == 0)
        return fail(r, ERR_NOT_FOUND, "no such order");
    const struct order_step *step =
        order_step_find(m->on, pg_str(&order, 0, 0));
    note_str(r, "order_status", step ? step->to : pg_str(&order, 0, 0));
    return step ? take_step(r, m, step, &order) : OK;
}

enum err order_store_move(struct req *r, const struct order_move *m)
{
    struct order_move copy = *m;

    return pg_transaction(r, move_tx, &copy);
}

/* ---- the hosted page's address ---------------------------------------- */

struct opened {
    const struct event *event;
    const char *id;
    const char *url;
};

static enum err opened_tx(struct req *r, void *arg)
{
    const struct opened *o = arg;
    bool first;

    TRY(inbox_once(r, o->event, &first));
    if (!first)
        return OK;
    return pg_query(r, NULL,
                    "update \"order\" set payment_url = $2, updated_at = now()"
                    " where id = $1::uuid and payment_url is null",
                    "ss", o->id, o->url);
}

enum err order_store_opened(struct req *r, const struct event *e,
                            const char *id, const char *url)
{
    struct opened o = { e, id, url };

    return pg_transaction(r, opened_tx, &o);
}
