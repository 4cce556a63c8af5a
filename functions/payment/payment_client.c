/* payment_client - tables and calls shared by payment and those who use it. */
#include "payment/payment_client.h"

const char *payment_url;
/* Short: a checkout answers 202 rather than wait for a slow gateway. */
struct http_dest payment_dest = { .name = "payment",
                                  .url = &payment_url,
                                  .max_inflight = 1000,
                                  .timeout_ms = 2500 };

const struct json_field payment_page_fields[] = {
    JSON_STR(struct payment_page, order_id, .required = true, .format = "uuid"),
    JSON_STR(struct payment_page, url, .required = true), JSON_END
};

const struct json_field payment_event_fields[] = {
    JSON_STR(struct payment_event, order_id, .required = true,
             .format = "uuid"),
    JSON_INT(struct payment_event, amount, .required = true, .min = 1,
             .max = MONEY_MAX, .help = "minor units"),
    JSON_STR(struct payment_event, currency, .required = true), JSON_END
};

const struct topic payment_opened_topic = { "payment.opened",
                                            "the hosted page is there",
                                            payment_page_fields };
const struct topic payment_captured_topic = { "payment.captured",
                                              "the money was taken",
                                              payment_event_fields };
const struct topic payment_expired_topic = { "payment.expired",
                                             "it can no longer be paid",
                                             payment_event_fields };
const struct topic payment_refunded_topic = { "payment.refunded",
                                              "the money went back",
                                              payment_event_fields };

enum err payment_open(struct req *r, const struct order_placed_data *in,
                      struct payment_page *ret)
{
    return http_json(r, &payment_dest, "POST", "/internal/payments",
                     order_placed_fields, in, payment_page_fields, ret);
}
