-- order: the order's truth. Status moves only along order_steps (order_store.c).
create table if not exists "order" (
    id          uuid primary key,
    status      text not null default 'pending' check (status in ('pending',
                'paid', 'confirmed', 'cancelled', 'expired', 'refunding',
                'refunded')),
    cart_id     text not null,
    email       text not null,
    name        text not null,
    address     text not null,
    total       bigint not null check (total > 0),
    currency    char(3) not null,
    payment_url text,
    restock     boolean not null default false,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);

create table if not exists order_line (
    order_id   uuid not null references "order" (id),
    n          integer not null,
    sku        text not null,
    name       text not null,
    quantity   bigint not null check (quantity > 0),
    unit_price bigint not null check (unit_price > 0),
    line_total bigint not null,
    primary key (order_id, n),
    check (line_total = quantity * unit_price)
);

create table if not exists history (
    order_id uuid not null references "order" (id),
    n        bigint generated always as identity primary key,
    status   text not null,
    note     text not null default '',
    at       timestamptz not null default now()
);
create index if not exists history_order on history (order_id, n);

create table if not exists inbox (
    event_id text primary key,
    at       timestamptz not null default now()
);

-- Live order pages listen for the id of an order that changed.
create or replace function order_changed() returns trigger
language plpgsql as $$
begin
    perform pg_notify('order_changed', new.id::text);
    return null;
end $$;
create or replace trigger order_changed after update on "order"
    for each row execute function order_changed();
