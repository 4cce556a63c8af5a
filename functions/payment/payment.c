/* payment - takes the money, once. Owns schema payment. Speaks Stripe's API to
 * the gateway that hosts the payment page; no card number is ever here. A slow
 * gateway holds a coroutine, never a thread, and has its own bulkhead. */
#include "payment/payment_webhook.h"
#include "payment/payment_work.h"

static int64_t window_s;

#define OPEN_BY_ITSELF_S 5  /* if the shopper's own call did not do it */
#define DUE_MAX          64 /* payments looked at in one tick */
#define WORK_MS          20000

static enum err open_payment(struct req *r)
{
    struct order_placed_data in = { 0 };
    struct payment_page page = { 0 };
    struct payment p;

    TRY(req_json(r, order_placed_fields, &in));
    note_str(r, "order", in.order_id);
    TRY(payment_store_make(r, NULL, &in, window_s, OPEN_BY_ITSELF_S));
    TRY(payment_store_get(r, in.order_id, &p));
    page.order_id = in.order_id;
    TRY(payment_work_open(r, &gateway_now, &p, &page.url));
    return reply_json(r, 200, payment_page_fields, &page);
}

/* ---- background: what is due ------------------------------------------------
 */

struct work {
    char order_id[ID_UUID_LEN + 1];
};

static void work_one(void *arg)
{
    struct work *w = arg;
    struct arena *a = arena_new(0);
    struct req r;

    req_init(&r, a, WORK_MS, NULL);
    enum err e = payment_work_advance(&r, w->order_id);
    if (e != OK)
        log_warn(r.trace.trace_id, "payment step failed",
                 LOG_STR("order", w->order_id),
                 LOG_STR("error", err_info(e)->slug),
                 LOG_STR("detail", r.log_detail));
    pg_end(&r);
    arena_free(a);
    free(w);
}

/* Each in its own task: one slow answer holds back no other payment. */
static void start_work(const char *order_id)
{
    struct work *w = calloc(1, sizeof(*w));

    if (!w)
        abort();
    snprintf(w->order_id, sizeof(w->order_id), "%s", order_id);
    if (!task_start(work_one, w))
        free(w); /* full: it is due again in half a minute */
}

static enum err poll_due(struct req *r)
{
    const char **due;
    size_t count;

    TRY(payment_store_due(r, DUE_MAX, &due, &count));
    for (size_t i = 0; i < count; i++)
        start_work(due[i]);
    return OK;
}

/* ---- events
 * -------------------------------------------------------------------- */

static enum err on_placed(struct req *r, const struct event *e)
{
    struct order_placed_data in = { 0 };

    TRY(event_data(r, e, order_placed_fields, &in));
    return payment_store_make(r, e, &in, window_s, OPEN_BY_ITSELF_S);
}

static enum err on_cancelled(struct req *r, const struct event *e)
{
    struct order_end end = { 0 };

    TRY(event_data(r, e, order_end_fields, &end));
    return payment_store_cancel(r, e, end.order_id);
}

static enum err on_refund_requested(struct req *r, const struct event *e)
{
    struct order_end end = { 0 };

    TRY(event_data(r, e, order_end_fields, &end));
    return payment_store_move(
        r, &(struct payment_move){
               .order_id = end.order_id, .to = PAYMENT_REFUNDING, .event = e });
}

/* ---- tables
 * ---------------------------------------------------------------------- */

static const enum err may_conflict[] = { ERR_CONFLICT, OK };
static const enum err may_refuse[] = { ERR_BAD_SIGNATURE, ERR_CONFLICT, OK };

static const struct route routes[] = {
    { POST, "/webhooks/payment", webhook_receive,
      "events of the payment gateway, signed", .max_body = 1048576,
      .timeout_ms = 10000, .errors = may_refuse, .also_status = 202,
      .headers_in = "Stripe-Signature!" },
    { POST, "/internal/payments", open_payment, "the hosted page of an order",
      .auth = AUTH_INTERNAL, .max_body = 262144, .in = order_placed_fields,
      .out = payment_page_fields, .timeout_ms = 4000, .errors = may_conflict,
      .internal_doc = true },
    { 0 }
};

static const struct cfg_field config[] = {
    GATEWAY_CFG,
    WEBHOOK_CFG,
    CFG_INT("PAYMENT_WINDOW_S", &window_s, "3600", 1800, 86400,
            "how long an order can be paid, seconds"),
    { 0 }
};

static const struct topic *const emits[] = { &payment_opened_topic,
                                             &payment_captured_topic,
                                             &payment_expired_topic,
                                             &payment_refunded_topic, NULL };

static const struct subscription subs[] = {
    { &order_placed_topic, on_placed, "open its page if nobody did" },
    { &order_cancelled_topic, on_cancelled, "close its page" },
    { &order_refund_requested_topic, on_refund_requested,
      "give the money back" },
    { 0 }
};

static const struct job jobs[] = {
    { "poll", 1000, poll_due, "ask the gateway for what webhooks missed" },
    { 0 }
};

static const struct function payment = { .name = "payment",
                                         .help = "payments on a hosted page",
                                         .routes = routes,
                                         .config = config,
                                         .uses = USES_PG | USES_BUS,
                                         .emits = emits,
                                         .subs = subs,
                                         .jobs = jobs };
FN_MAIN(payment)
