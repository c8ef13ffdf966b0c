-- Tables of backfills and of what reconcile brought in; applied after schema.sql by `prepare`, idempotent.

-- a source's past that is read again, from marker since to upto: at is how far it came
create table if not exists extract.backfill (
    backfill bigint generated always as identity primary key,
    stem text not null,
    run text not null,
    since bigint,
    upto bigint not null,
    at bigint,
    rows bigint not null default 0,
    begun_at timestamptz not null default clock_timestamp(),
    moved_at timestamptz,
    finished_at timestamptz
);
create unique index if not exists backfill_open on extract.backfill (stem) where finished_at is null;

alter table extract.backfill add column if not exists by text[] not null default '{}';

-- late rows that a person had brought in by reconcile
create table if not exists extract.mend (
    mend bigint generated always as identity primary key,
    stem text not null,
    rows bigint not null,
    by text not null check (btrim(by) <> ''),
    begun_at timestamptz not null default clock_timestamp()
);

grant select, insert on extract.mend to pophub_extract;
grant select on extract.mend to pophub_read;
grant select, insert, update on extract.backfill to pophub_extract;
grant select on extract.backfill to pophub_read;

-- by which table, marker and key a source is read: one row a stem, as long as it has a position
create table if not exists extract.reading (
    stem text primary key,
    source_table text not null,
    marker text not null,
    key text not null,
    since timestamptz not null default clock_timestamp(),
    by text
);

grant select, insert, update on extract.reading to pophub_extract;
grant select on extract.reading to pophub_read;
