-- Under which contract a dataset is judged, since when; applied after schema.sql by `prepare`, idempotent.

-- what a contract takes from its subscribers, and from which day it may: a person's word, never changed
create table if not exists judge.acknowledgement (
    acknowledgement bigint generated always as identity primary key,
    stem text not null,
    digest text not null,
    starts date not null,
    takes jsonb not null,  -- recipient, field, what; no value of a record
    by text not null,
    acknowledged_at timestamptz not null default clock_timestamp()
);
create index if not exists acknowledgement_stem on judge.acknowledgement (stem, digest);

-- connector, schema, suite and code tables as they were read, one row for each change of their files
create table if not exists judge.contract (
    number bigint generated always as identity primary key,
    stem text not null,
    digest text not null,
    declared json not null,  -- as text: a suite may hold what jsonb cannot, such as U+0000
    acknowledgement bigint references judge.acknowledgement,
    recorded_at timestamptz not null default clock_timestamp()
);
create index if not exists contract_stem on judge.contract (stem, number);

grant select, insert on judge.acknowledgement, judge.contract to pophub_judge;
grant select on hub.subscription to pophub_judge;

-- what subscribers are told: the registry shows each its own
create or replace view hub.contract_notice as
    select a.stem, t ->> 'recipient' as recipient, a.starts, a.acknowledged_at, t ->> 'field' as field, t ->> 'what' as what
    from judge.acknowledgement a cross join jsonb_array_elements(a.takes) t;
grant select on hub.contract_notice to pophub_read;
