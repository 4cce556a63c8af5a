-- relay: events on their way from the transaction that made them to the bus
-- (transactional outbox), and events that no handler could deal with.
create table if not exists outbox (
    seq          bigint generated always as identity primary key,
    id           uuid not null unique,
    topic        text not null,
    key          text not null,
    source       text not null,
    data         text not null,
    traceparent  text,
    at           timestamptz not null default now(),
    published_at timestamptz
);
-- What waits, in order, and per key: small however long the table is.
create index if not exists outbox_waiting on outbox (seq)
    where published_at is null;
create index if not exists outbox_waiting_key on outbox (key, seq)
    where published_at is null;
create index if not exists outbox_published on outbox (published_at)
    where published_at is not null;

create or replace function outbox_wake() returns trigger
language plpgsql as $$
begin
    notify bodega_outbox;
    return null;
end;
$$;
drop trigger if exists outbox_wake on outbox;
create trigger outbox_wake after insert on outbox
    for each statement execute function outbox_wake();

create table if not exists dead_letter (
    id          uuid primary key,
    group_name  text not null, -- whose handler failed
    topic       text not null, -- where it came from
    key         text not null,
    event_id    text not null,
    source      text not null,
    event_time  text not null,
    traceparent text,
    data        text not null,
    error       text not null, -- slug
    attempt     bigint not null,
    at          timestamptz not null default now(),
    replayed_at timestamptz,   -- null: waits for somebody
    unique (group_name, event_id)
);
create index if not exists dead_letter_waiting on dead_letter (group_name, id)
    where replayed_at is null;

grant usage on schema relay to bodega_fn;
grant insert on outbox to bodega_fn;
