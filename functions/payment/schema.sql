-- payment: what we asked of the gateway and what came of it. No card data.
create table if not exists payment (
    order_id       uuid primary key,
    state          text not null default 'new' check (state in ('new',
                   'unknown', 'open', 'captured', 'expired', 'refunding',
                   'refunded')),
    amount         bigint not null check (amount > 0),
    currency       char(3) not null,
    lines          text not null,           -- JSON, for the hosted page
    cancelled      boolean not null default false,
    session_id     text unique,
    url            text,
    payment_intent text unique,
    refund_id      text,
    expires_at     timestamptz not null,    -- of the hosted page
    poll_at        timestamptz,             -- when to ask next; null: never
    polls          integer not null default 0,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now()
);
create index if not exists payment_poll on payment (poll_at)
    where poll_at is not null;

-- Every call to the gateway and how it ended.
create table if not exists attempt (
    n          bigint generated always as identity primary key,
    order_id   uuid not null,
    operation  text not null,
    outcome    text not null,
    status     integer,
    request_id text,
    at         timestamptz not null default now()
);
create index if not exists attempt_order on attempt (order_id, n);

-- Double entry: every (order, kind) sums to zero.
create table if not exists ledger (
    order_id uuid not null,
    kind     text not null check (kind in ('capture', 'refund')),
    account  text not null check (account in ('gateway', 'sales')),
    amount   bigint not null,
    currency char(3) not null,
    at       timestamptz not null default now(),
    primary key (order_id, kind, account)
);

create table if not exists webhook_event (
    id       text primary key,
    type     text not null,
    order_id text,
    at       timestamptz not null default now()
);

create table if not exists inbox (
    event_id text primary key,
    at       timestamptz not null default now()
);
