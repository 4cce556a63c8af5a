-- inventory: what is on the shelf, who holds it, and a ledger of every move.
-- Always: on_hand = received + adjusted + returned - sold, and
-- 0 <= reserved <= on_hand. What can be bought is on_hand - reserved.
create table if not exists stock (
    sku      text primary key,
    on_hand  bigint not null check (on_hand >= 0),
    reserved bigint not null default 0 check (reserved >= 0),
    check (reserved <= on_hand)
);

create table if not exists reservation (
    order_id   uuid not null,
    sku        text not null,
    quantity   bigint not null check (quantity > 0),
    state      text not null check (state in ('held', 'committed', 'released',
               'returned')),
    expires_at timestamptz not null,
    primary key (order_id, sku)
);
create index if not exists reservation_expiry on reservation (expires_at)
    where state = 'held';

-- kind: receive, adjust, return change on_hand by quantity; commit takes it
-- away (sold); reserve and release change reserved.
create table if not exists movement (
    id        bigint generated always as identity primary key,
    sku       text not null,
    kind      text not null check (kind in ('receive', 'adjust', 'reserve',
              'release', 'commit', 'return')),
    quantity  bigint not null,
    order_id  uuid,
    reason    text not null default '',
    reference text,
    at        timestamptz not null default now()
);
create unique index if not exists movement_reference
    on movement (reference, sku) where reference is not null;
create index if not exists movement_sku on movement (sku, id);

create table if not exists inbox (
    event_id text primary key,
    at       timestamptz not null default now()
);

-- Twins for one order take turns; different orders don't meet here.
create or replace function lock_order(p_order uuid) returns void
language sql as $$
    select pg_advisory_xact_lock(hashtextextended(p_order::text, 0));
$$;

-- Give back what an order still holds.
create or replace function release(p_order uuid) returns integer
language plpgsql as $$
declare
    freed integer;
begin
    perform lock_order(p_order);
    perform 1 from stock where sku in (select sku from reservation
        where order_id = p_order and state = 'held') order by sku for update;
    with gone as (
        update reservation set state = 'released'
         where order_id = p_order and state = 'held' returning sku, quantity),
    freed_stock as (
        update stock s set reserved = s.reserved - g.quantity
          from gone g where s.sku = g.sku)
    insert into movement (sku, kind, quantity, order_id)
        select sku, 'release', quantity, p_order from gone;
    get diagnostics freed = row_count;
    return freed;
end $$;

-- The wanted lines that can't be had now; stock rows locked in sku order, so
-- that two orders never wait for each other in a circle.
create or replace function short_of(p_skus text[], p_quantities bigint[])
returns text[] language plpgsql as $$
declare
    short text[];
begin
    perform 1 from stock where sku = any (p_skus) order by sku for update;
    select coalesce(array_agg(w.sku), '{}') into short
      from unnest(p_skus, p_quantities) as w (sku, quantity)
      left join stock s on s.sku = w.sku
     where s.sku is null or s.on_hand - s.reserved < w.quantity;
    return short;
end $$;

-- Hold all lines (one row per sku) or none; returns the skus that are short.
create or replace function reserve(p_order uuid, p_ttl_s bigint,
    p_skus text[], p_quantities bigint[]) returns text[]
language plpgsql as $$
declare
    short text[];
    same boolean;
    until timestamptz := now() + make_interval(secs => p_ttl_s);
begin
    perform lock_order(p_order);
    if exists (select 1 from reservation where order_id = p_order
               and state in ('committed', 'returned')) then
        return '{}';
    end if;
    select count(*) = cardinality(p_skus) and bool_and(exists (
        select 1 from unnest(p_skus, p_quantities) as w (sku, quantity)
         where w.sku = h.sku and w.quantity = h.quantity))
      into same
      from reservation h where h.order_id = p_order and h.state = 'held';
    if same then
        update reservation set expires_at = until
         where order_id = p_order and state = 'held';
        return '{}';
    end if;
    perform release(p_order);
    short := short_of(p_skus, p_quantities);
    if cardinality(short) > 0 then
        return short;
    end if;
    update stock s set reserved = s.reserved + w.quantity
      from unnest(p_skus, p_quantities) as w (sku, quantity)
     where s.sku = w.sku;
    insert into reservation (order_id, sku, quantity, state, expires_at)
        select p_order, sku, quantity, 'held', until
          from unnest(p_skus, p_quantities) as w (sku, quantity)
        on conflict (order_id, sku) do update
           set quantity = excluded.quantity, state = 'held',
               expires_at = excluded.expires_at;
    insert into movement (sku, kind, quantity, order_id)
        select sku, 'reserve', quantity, p_order
          from unnest(p_skus, p_quantities) as w (sku, quantity);
    return '{}';
end $$;

-- A paid order's stock leaves the shelf. When its hold has run out the stock is
-- taken anew if it is there. True: committed, now or before.
create or replace function commit_order(p_order uuid, p_skus text[],
    p_quantities bigint[]) returns boolean
language plpgsql as $$
begin
    perform lock_order(p_order);
    if exists (select 1 from reservation where order_id = p_order
               and state in ('committed', 'returned')) then
        return true;
    end if;
    if cardinality(reserve(p_order, 60, p_skus, p_quantities)) > 0 then
        return false;
    end if;
    perform 1 from stock where sku = any (p_skus) order by sku for update;
    with sold as (
        update reservation set state = 'committed'
         where order_id = p_order and state = 'held' returning sku, quantity),
    taken as (
        update stock s set on_hand = s.on_hand - d.quantity,
                           reserved = s.reserved - d.quantity
          from sold d where s.sku = d.sku)
    insert into movement (sku, kind, quantity, order_id)
        select sku, 'commit', quantity, p_order from sold;
    return true;
end $$;

-- Refunded goods that came back go on the shelf again, once.
create or replace function return_order(p_order uuid) returns integer
language plpgsql as $$
declare
    lines integer;
begin
    perform lock_order(p_order);
    perform 1 from stock where sku in (select sku from reservation
        where order_id = p_order and state = 'committed')
        order by sku for update;
    with back as (
        update reservation set state = 'returned'
         where order_id = p_order and state = 'committed'
         returning sku, quantity),
    shelved as (
        update stock s set on_hand = s.on_hand + b.quantity
          from back b where s.sku = b.sku)
    insert into movement (sku, kind, quantity, order_id)
        select sku, 'return', quantity, p_order from back;
    get diagnostics lines = row_count;
    return lines;
end $$;

-- Goods received: each (reference, sku) counts once. Returns the lines booked.
create or replace function receive(p_reference text, p_skus text[],
    p_quantities bigint[]) returns integer
language plpgsql as $$
declare
    booked integer;
begin
    perform 1 from stock where sku = any (p_skus) order by sku for update;
    with wanted as (
        select sku, sum(quantity)::bigint as quantity
          from unnest(p_skus, p_quantities) as w (sku, quantity)
         group by sku order by sku),
    fresh as (
        insert into movement (sku, kind, quantity, reference, reason)
            select sku, 'receive', quantity, p_reference, 'import' from wanted
            on conflict do nothing returning sku, quantity)
    insert into stock (sku, on_hand) select sku, quantity from fresh
        on conflict (sku) do update
           set on_hand = stock.on_hand + excluded.on_hand;
    get diagnostics booked = row_count;
    return booked;
end $$;

-- A correction by staff. True: booked; false: this reference was booked before.
-- Leaving less on hand than is reserved violates the table's check.
create or replace function adjust(p_sku text, p_delta bigint, p_reason text,
    p_reference text) returns boolean
language plpgsql as $$
begin
    insert into movement (sku, kind, quantity, reason, reference)
        values (p_sku, 'adjust', p_delta, p_reason, p_reference)
        on conflict do nothing;
    if not found then
        return false;
    end if;
    insert into stock (sku, on_hand) values (p_sku, greatest(p_delta, 0))
        on conflict (sku) do update set on_hand = stock.on_hand + p_delta;
    return true;
end $$;
