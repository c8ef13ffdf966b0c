-- Table of backfills; applied after schema.sql by `prepare`, idempotent.

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

grant select, insert, update on extract.backfill to pophub_extract;
grant select on extract.backfill to pophub_read;
