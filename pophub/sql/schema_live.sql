-- Tables of heartbeats, freshness, alerts; applied after schema.sql by `prepare`, idempotent.

create schema if not exists live;

-- one row for extracts in a row that told the same; the one writer is pophub_extract
create table if not exists live.heartbeat (
    beat bigint generated always as identity primary key,
    stem text not null,
    first_at timestamptz not null default clock_timestamp(),
    at timestamptz not null default clock_timestamp(),
    outcome text not null check (outcome in ('reached', 'unreachable', 'refused')),
    code text not null,
    newest bigint,
    rows int not null,
    times int not null default 1
);
create index if not exists heartbeat_stem on live.heartbeat (stem, beat desc);

-- one row for each time that something was wrong; the writer is pophub_live.
-- closed_at: told as over, by itself or by hand; gone_at: the cause is gone (until then it opens no second alert)
create table if not exists live.alert (
    alert bigint generated always as identity primary key,
    code text not null,
    stem text not null,
    subject text not null,
    what text not null,
    opened_at timestamptz not null default clock_timestamp(),
    last_seen timestamptz not null default clock_timestamp(),
    closed_at timestamptz,
    closed_by text,
    gone_at timestamptz,
    told_at timestamptz
);
create unique index if not exists alert_present on live.alert (code, stem, subject) where gone_at is null;

-- what is to be told: one row at an alert's opening, one at its closing
create table if not exists live.notice (
    notice bigint generated always as identity primary key,
    alert bigint not null references live.alert,
    event text not null check (event in ('opened', 'closed')),
    document jsonb not null,
    unique (alert, event)
);

-- up to which notice each sink was told
create table if not exists live.sink (
    sink text primary key,
    notice bigint not null,
    refused bigint not null default 0,
    told_at timestamptz not null default clock_timestamp()
);

-- reads that the broker refused, by the hour in which its log tells them; the one writer is pophub_live
create table if not exists live.refused_read (
    hour timestamptz not null,
    principal text not null,
    topic text not null,
    times int not null check (times > 0),
    primary key (hour, principal, topic)
);

-- the one row of where the broker's log was read up to, moved with the sums: file (inode) and byte
create table if not exists live.log_place (
    one boolean primary key default true check (one),
    file bigint not null,
    at bigint not null
);
insert into live.log_place (file, at) values (0, 0) on conflict do nothing;

grant usage on schema live to pophub_extract, pophub_live, pophub_read, pophub_figures;
grant select, insert, update on live.heartbeat to pophub_extract;
grant select, delete on live.heartbeat to pophub_live;
grant select, insert, update on live.alert, live.sink to pophub_live;
grant select, insert on live.notice to pophub_live;
grant select, insert, update on live.refused_read to pophub_live;
grant select, update on live.log_place to pophub_live;
grant select on live.refused_read to pophub_figures;
grant select on all tables in schema live to pophub_read;

grant usage on schema extract, judge, quarantine, ledger, hub to pophub_live;
grant select on hub.access to pophub_live;
grant select on extract.batch, judge.lane, judge.reconciliation, ledger.lane to pophub_live;
grant select (month, stem, lane, sequence, recorded_at) on ledger.history to pophub_live;
grant select (id, stem, batch, state, first_judged_at, expired_at) on quarantine.version to pophub_live;
grant select on quarantine.pause, quarantine.feedback_agency, quarantine.feedback to pophub_live;
grant select, insert on extract.hold to pophub_live;
