-- checkout: the answer to each idempotency key (draft-ietf-httpapi-
-- idempotency-key-header-07). The order id is chosen with the key, so whoever
-- takes a broken attempt up again works on the same order.
create table if not exists idempotency (
    key         text primary key,
    fingerprint text not null,
    order_id    uuid not null unique,
    lease_until timestamptz not null, -- a twin is running until then
    status      integer,              -- null: no answer yet
    answer      text,
    created_at  timestamptz not null default now()
);
create index if not exists idempotency_age on idempotency (created_at);
