-- email: which mails were sent. No address and no text is kept here: both are
-- the order's.
create table if not exists mail (
    order_id    uuid not null,
    kind        text not null check (kind in ('receipt', 'refund')),
    state       text not null check (state in ('sending', 'waiting', 'sent',
                'unknown', 'refused')),
    message_id  text not null,
    tries       integer not null default 1,
    lease_until timestamptz not null, -- somebody is sending it until then
    last_error  text,
    created_at  timestamptz not null default now(),
    sent_at     timestamptz,
    primary key (order_id, kind)
);
