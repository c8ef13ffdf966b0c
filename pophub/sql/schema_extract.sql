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

-- scans of a source without a change marker: the number of a scan is the marker of what it sends
create table if not exists extract.scan (
    stem text not null,
    scan bigint not null,
    run text not null,
    state text not null check (state in ('open', 'torn', 'held', 'whole')),
    rows bigint not null default 0,
    sent bigint not null default 0,
    gone bigint not null default 0,
    begun_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    primary key (stem, scan)
);

-- what was sent last of each key: digest is empty from before it is sent until the broker has it; half of each
-- page is kept for that second write, so that it stays on its page and out of the index
create table if not exists extract.scan_row (
    stem text not null,
    key text collate "C" not null,
    digest bytea not null,
    scan bigint not null,
    as_sent text,
    primary key (stem, key)
) with (fillfactor = 50);

grant select, insert, update on extract.scan to pophub_extract;
grant select, insert, update, delete on extract.scan_row to pophub_extract;
grant select on extract.scan to pophub_read;

-- sources read by their log: the slot at the source, and what a place in its log adds to be a marker
create table if not exists extract.slot (
    stem text primary key,
    slot text not null,
    origin text not null,
    base bigint not null,
    state text not null check (state in ('snapshot', 'following', 'lost')),
    highest bigint not null,
    claim bigint not null,
    reading boolean not null,
    kept_bytes bigint,
    kept_at timestamptz,
    changed_at timestamptz not null default clock_timestamp()
);

grant select, insert, update on extract.slot to pophub_extract;
grant select on extract.slot to pophub_read, pophub_live;

-- the topic that a source is: each generation is one that was made anew; again: a person wants it read from its first message
create table if not exists extract.topic (
    stem text primary key,
    topic_id text not null,
    generation bigint not null,
    again boolean not null default false,
    begun_at timestamptz not null default clock_timestamp()
);

-- of each partition of it the next offset to read
create table if not exists extract.topic_place (
    stem text not null references extract.topic,
    partition integer not null,
    next bigint not null,
    moved_at timestamptz not null default clock_timestamp(),
    primary key (stem, partition)
);

grant select, insert, update on extract.topic to pophub_extract;
grant select, insert, update, delete on extract.topic_place to pophub_extract;
grant select on extract.topic, extract.topic_place to pophub_read;

-- losses of raw that a person took up: lanes is {lane: the offset that judge stands at} of those that end before it
create table if not exists extract.loss (
    loss bigint generated always as identity primary key,
    stem text not null,
    by text not null check (btrim(by) <> ''),
    why text not null check (btrim(why) <> ''),
    lanes jsonb not null,
    batches int not null,
    rows bigint not null,
    first bigint,
    since bigint,
    begun_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz
);
create unique index if not exists loss_open on extract.loss (stem) where ended_at is null;

grant select, insert, update on extract.loss to pophub_extract;
grant select on extract.loss to pophub_read;
grant usage on schema judge to pophub_extract;
grant select on judge.lane, judge.reconciliation to pophub_extract;
grant delete on extract.file to pophub_extract;
grant select on extract.scan_row to pophub_judge;
