-- catalog: the products. Prices in minor units.

-- Case and accents don't count in a search: NFD splits a letter from its
-- accents (U+0300 .. U+036F), which are dropped.
create or replace function fold(t text) returns text
immutable parallel safe
return regexp_replace(lower(normalize(t, NFD)), '[\u0300-\u036f]', '', 'g');

-- Only words are searched: "T-LIGHT" is t and light, also for a query.
create or replace function words(t text) returns text
immutable parallel safe
return regexp_replace(fold(t), '[\u0001-/:-@[-`{-\u007f]+', ' ', 'g');

create table if not exists product (
    sku         text primary key check (sku <> ''),
    name        text not null check (name <> ''),
    description text not null default '',
    category    text not null default '',
    price       bigint not null check (price > 0),
    currency    char(3) not null,
    image       text not null default '',
    active      boolean not null default true,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    search      tsvector not null generated always as
                (to_tsvector('simple', words(name || ' ' || sku))) stored
);
create index if not exists product_by_name on product (name, sku)
    where active;
create index if not exists product_by_category
    on product (category, name, sku) where active;
create index if not exists product_search on product using gin (search);
