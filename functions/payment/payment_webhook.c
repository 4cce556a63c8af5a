/* payment_webhook - verify first, on the raw bytes; then move. A 2xx means it
 * is stored, so the gateway may forget it. Any order of arrival and any number
 * of copies end in the same state. */
#include "payment/payment_webhook.h"
#include "payment/payment_signature.h"
#include "payment/payment_work.h"

const char *webhook_secret;
const char *webhook_secret_old;

struct webhook_object { /* the members of a session, a charge or a refund */
    const char *id;
    const char *status;
    const char *payment_status;
    const char *payment_intent;
    const char *client_reference_id;
    int64_t amount_total;
    const char *currency;
    bool refunded;
};
struct webhook_data {
    struct webhook_object *object;
};
struct webhook {
    const char *id;
    const char *type;
    struct webhook_data *data;
};
static const struct json_field object_fields[] = {
    JSON_STR(struct webhook_object, id),
    JSON_STR(struct webhook_object, status),
    JSON_STR(struct webhook_object, payment_status),
    JSON_STR(struct webhook_object, payment_intent),
    JSON_STR(struct webhook_object, client_reference_id),
    JSON_INT(struct webhook_object, amount_total),
    JSON_STR(struct webhook_object, currency),
    JSON_BOOL(struct webhook_object, refunded),
    JSON_END
};
static const struct json_field data_fields[] = {
    JSON_OBJ(struct webhook_data, object, struct webhook_object, object_fields,
             .required = true),
    JSON_END
};
static const struct json_field webhook_fields[] = {
    JSON_STR(struct webhook, id, .required = true, .min = 1, .max = 255),
    JSON_STR(struct webhook, type, .required = true, .max = 255),
    JSON_OBJ(struct webhook, data, struct webhook_data, data_fields,
             .required = true),
    JSON_END
};

static enum err verify(struct req *r)
{
    const char *secrets[] = { webhook_secret, webhook_secret_old };
    size_t len;
    const char *body = req_body(r, &len);

    if (!signature_ok(req_header(r, "stripe-signature"), body, len, secrets, 2,
                      clock_wall_us() / 1000000))
        return fail(r, ERR_BAD_SIGNATURE, "the signature is not valid");
    return OK;
}

/* Not (yet) one of ours: keep it, the poller asks for what it may have meant.
 */
static enum err keep(struct req *r, const struct webhook *w,
                     const char *order_id)
{
    TRY(payment_store_webhook(r, w->id, w->type, order_id));
    return reply_empty(r, 202);
}

static enum err on_session(struct req *r, const struct webhook *w)
{
    const struct webhook_object *o = w->data->object;
    struct gateway_session s = { .id = o->id,
                                 .status = o->status,
                                 .payment_status = o->payment_status,
                                 .payment_intent = o->payment_intent,
                                 .amount_total = o->amount_total,
                                 .currency = o->currency };
    struct payment p;

    if (!o->client_reference_id || !id_is_uuid(o->client_reference_id))
        return keep(r, w, NULL);
    note_str(r, "order", o->client_reference_id);
    enum err e = payment_store_get(r, o->client_reference_id, &p);
    if (e == ERR_NOT_FOUND)
        return keep(r, w, o->client_reference_id);
    TRY(e);
    TRY(payment_work_adopt(r, &p, &s, w->id, w->type));
    return reply_empty(r, 200);
}

static enum err on_refund(struct req *r, const struct webhook *w)
{
    const struct webhook_object *o = w->data->object;
    const char *order_id;

    if (!o->refunded) /* in part: nothing we do ends like that */
        return keep(r, w, NULL);
    TRY(payment_store_find(r, NULL, o->payment_intent, &order_id));
    if (!order_id)
        return keep(r, w, NULL);
    note_str(r, "order", order_id);
    TRY(payment_store_move(r,
                           &(struct payment_move){ .order_id = order_id,
                                                   .to = PAYMENT_REFUNDED,
                                                   .webhook_id = w->id,
                                                   .webhook_type = w->type }));
    return reply_empty(r, 200);
}

static const struct handler {
    const char *type;
    enum err (*run)(struct req *r, const struct webhook *w);
} handlers[] = {
    { "checkout.session.completed", on_session },
    { "checkout.session.async_payment_succeeded", on_session },
    { "checkout.session.expired", on_session },
    { "charge.refunded", on_refund },
};

enum err webhook_receive(struct req *r)
{
    struct webhook w = { 0 };
    struct json_errors errs = { 0 };
    size_t len;
    const char *body = req_body(r, &len);

    TRY(verify(r));
    if (json_decode(r->arena, body, len, webhook_fields, JSON_LENIENT, &w,
                    &errs) != OK)
        return fail(r, ERR_BAD_JSON, "not an event of the gateway");
    note_str(r, "webhook", w.type);
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (!strcmp(handlers[i].type, w.type))
            return handlers[i].run(r, &w);
    }
    return reply_empty(r, 200);
}
