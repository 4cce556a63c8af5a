-- What one checkout of three lines asks of Postgres, statement by statement, in
-- the transactions the functions use: checkout claims the key, inventory holds
-- the stock, order writes order and outbox, payment notes and opens the page,
-- checkout keeps the answer. :a :b :c are products, and the search path has every
-- function's schema, as the bench sets them.
select gen_random_uuid() as o \gset
insert into checkout.idempotency (key, fingerprint, order_id, lease_until)
 values (:o, 'f', :o::uuid, now() + interval '15 s')
 on conflict (key) do update set lease_until = excluded.lease_until
 returning order_id;
select unnest(reserve(:o::uuid, 3900, array[:a, :b, :c], array[1,2,3]::bigint[]));
begin;
with made as (
 insert into "order" (id, cart_id, email, name, address, total, currency)
  values (:o::uuid, 'c', 'ada@example.org', 'Ada Byron', '12 St James Square, London', 1400, 'GBP')
  on conflict (id) do nothing returning id),
lines as (
 insert into order_line (order_id, n, sku, name, quantity, unit_price, line_total)
  select made.id, l.n, l.sku, l.name, l.quantity, l.price, l.quantity * l.price
  from made, unnest(array[:a, :b, :c], array['A','B','C'], array[1,2,3]::bigint[], array[100,200,300]::bigint[])
   with ordinality as l (sku, name, quantity, price, n))
insert into history (order_id, status, note) select id, 'pending', 'order placed' from made;
insert into relay.outbox (id, topic, key, source, data, traceparent)
 values (gen_random_uuid(), 'bench.checkout', :o, 'order', '{}', '');
commit;
select status, total, currency, payment_url, email, name, address, cart_id, restock from "order" where id = :o::uuid;
select sku, name, quantity, unit_price, line_total from order_line where order_id = :o::uuid order by n;
insert into payment (order_id, amount, currency, lines, expires_at, poll_at)
 values (:o::uuid, 1400, 'GBP', '{}', now() + interval '1 h', null) on conflict (order_id) do nothing;
select state from payment where order_id = :o::uuid;
insert into attempt (order_id, operation, outcome, status, request_id) values (:o::uuid, 'open', 'ok', 200, 'r');
begin;
select state, amount, currency from payment where order_id = :o::uuid for update;
update payment set state = 'open', session_id = :o, url = 'u', updated_at = now() where order_id = :o::uuid;
insert into relay.outbox (id, topic, key, source, data, traceparent)
 values (gen_random_uuid(), 'bench.checkout', :o, 'payment', '{}', '');
commit;
update checkout.idempotency set status = 201, answer = '{}' where key = :o returning status, answer;
