-- The hub's tables, views and grants: docs/data-model.md in SQL. Applied by `pophub.prepare`, idempotent.
-- Owner of everything is pophub_owner; the stages have roles of their own, named at each grant.

create schema if not exists extract;
create schema if not exists judge;
create schema if not exists population;
create schema if not exists quarantine;
create schema if not exists ledger;
create schema if not exists hub;

-- extract: the one writer is the role pophub_extract (ticks and settings: pophub_owner) ------------

create table if not exists extract.setting (
    name text primary key,
    value text not null
);

create table if not exists extract.tick (
    at timestamptz primary key
);

create table if not exists extract.batch (
    batch bigint generated always as identity primary key,
    stem text not null,
    run text not null,
    contract int not null,
    exchanged_at timestamptz not null,
    rows int not null,
    state text not null check (state in ('open', 'sent')),
    opened_at timestamptz not null default clock_timestamp(),
    sent_at timestamptz,
    after bigint  -- the position before it: none of its rows lies further back than the window from there
);
create index if not exists batch_run on extract.batch (stem, run);
create index if not exists batch_newest on extract.batch (stem, batch);

-- how far a source has been read: one row a stem
create table if not exists extract.position (
    stem text primary key,
    marker bigint,
    exchanged_at timestamptz not null,
    columns text[] not null,
    moved_at timestamptz not null default clock_timestamp()
);

-- digests of rows at or behind the position that were sent already; what may be read again
create table if not exists extract.sent_row (
    stem text not null,
    digest bytea not null,
    marker bigint,
    primary key (stem, digest)
);

create table if not exists extract.file (
    stem text not null,
    digest text not null,
    name text not null,
    rows int not null,
    taken_at timestamptz not null default clock_timestamp(),
    told text not null default '',
    scan bigint not null default 0,  -- of an inventory, the scan that it was
    primary key (stem, digest, scan)
);

-- a batch that was refused: nothing went to raw, the position stayed
create table if not exists extract.hold (
    hold bigint generated always as identity primary key,
    stem text not null,
    code text not null,
    subject text not null,
    what text not null,
    remedy text not null,
    since timestamptz not null default clock_timestamp(),
    last_seen timestamptz not null default clock_timestamp(),
    released_at timestamptz
);
create unique index if not exists hold_open on extract.hold (stem, code, subject) where released_at is null;

-- judge: the one writer is pophub_judge ----------------------------------------------------------

create table if not exists judge.lane (
    stem text not null,
    lane int not null,
    raw_offset bigint not null default 0,
    sequence bigint not null default 0,
    chain bytea not null default '\x',
    primary key (stem, lane)
);

-- one row for each micro-batch, batch and lane: read = shared + quarantined + duplicate + superseded
create table if not exists judge.reconciliation (
    stem text not null,
    lane int not null,
    raw_from bigint not null,
    raw_to bigint not null,
    batch bigint not null,
    read int not null,
    shared int not null,
    quarantined int not null,
    duplicate int not null,
    superseded int not null,
    judged_at timestamptz not null default clock_timestamp(),
    primary key (stem, lane, raw_from, batch),
    check (read = shared + quarantined + duplicate + superseded)
);
create index if not exists reconciliation_batch on judge.reconciliation (batch);

-- records that never reached the gates
create table if not exists judge.passed_over (
    stem text not null,
    lane int not null,
    raw_offset bigint not null,
    row int not null,
    batch bigint not null,
    event_id bytea not null,
    state text not null check (state in ('duplicate', 'superseded')),
    renewed boolean not null default false,  -- a duplicate with the head's content under a newer marker
    primary key (stem, lane, raw_offset, row)
);
alter table judge.passed_over add column if not exists renewed boolean not null default false;

-- population: the accepted state; the one writer is pophub_judge ---------------------------------

-- wide columns first, then narrow ones, then texts: no byte is lost between them

-- heads of the datasets that give no identity; `seen`: the newest marker under which the content came again;
-- `held`: the claims of the key, as JSON: place of the field -> value. For references from other datasets: `known_at`,
-- when the first accepted version was exchanged, and `gone`: since when the record is deleted, microseconds UTC
create table if not exists population.key_head (
    marker bigint not null,
    sequence bigint not null,
    known_at timestamptz not null,
    seen bigint,
    gone bigint,
    dataset smallint not null,
    lane smallint not null,
    contract smallint not null,
    key text collate "C" not null,
    content bytea not null,
    held text,
    primary key (dataset, key)
);

-- the present state of a citizen. From `sequence` to `held` without `birth_date` and `died_on`: head and present
-- identity, of the dataset that gives it (its key is the citizen); null where it gave none yet. `valid_from`: null
-- where it is the marker. `markers`: the newest marker of each other dataset that writes here
create table if not exists population.citizen (
    sequence bigint,
    marker bigint,
    seen bigint,
    valid_from bigint,
    exchanged_at timestamptz,
    birth_date date,
    died_on date,
    dataset smallint,
    lane smallint,
    contract smallint,
    present boolean not null default false,
    content bytea,
    held text,
    citizen_id text collate "C" primary key,
    full_name text,
    sex text,
    province_code text,
    household_code text,
    marital_status text,
    tax_code text,
    markers jsonb
);

-- who existed under which name before, since when: identity versions that another one took the place of
create table if not exists population.former_identity (
    valid_from bigint not null,
    exchanged_at timestamptz not null,
    birth_date date,
    present boolean not null,
    citizen_id text collate "C" not null,
    full_name text,
    primary key (citizen_id, valid_from)
);

-- the accepted versions of datasets that others look up, each since when it is valid; no payload: a delete.
-- found_by: the names under which those find it who look it up by a field that is not its key
create table if not exists population.looked_up (
    valid_from bigint not null,
    marker bigint not null,
    dataset smallint not null,
    key text collate "C" not null,
    payload bytea,
    found_by text[],
    primary key (dataset, key, valid_from)
);
create index if not exists looked_up_found on population.looked_up using gin (found_by);

-- `field`: its place in the contract, which no later version moves
create table if not exists population.claim (
    dataset smallint not null,
    field smallint not null,
    value text collate "C" not null,
    key text collate "C" not null,
    primary key (value, field, dataset)  -- the value first: it tells two claims apart at once
);

-- quarantine: versions that failed, waiting for repair; the one writer is pophub_judge ------------

create table if not exists quarantine.version (
    id bigint generated always as identity primary key,
    stem text not null,
    key text collate "C" not null,
    marker bigint not null,
    content bytea not null,
    event_id bytea not null,
    contract int not null,
    operation "char" not null,
    lane int not null,
    raw_offset bigint not null,
    row int not null,
    batch bigint not null,
    exchanged_at timestamptz not null,
    changed_at bigint,
    raw bytea not null,
    gate text not null,
    failures jsonb not null,
    waits_for text[],
    waits_until timestamptz,
    state text not null check (state in ('quarantined', 'shared', 'superseded', 'duplicate')),
    first_judged_at timestamptz not null,
    last_judged_at timestamptz not null,
    unique (stem, lane, raw_offset, row)
);
create index if not exists version_key on quarantine.version (stem, key, marker);
-- what a page counts: what left the quarantine by another way than being shared, and what is in it
create index if not exists version_stands on quarantine.version (stem, state, gate) where state <> 'shared';
create index if not exists version_waits on quarantine.version (stem) where waits_for is not null and state = 'quarantined';

-- ledger: append-only; history by pophub_judge, stretches by pophub_share ----------------------

create table if not exists ledger.history (
    sequence bigint not null,
    marker bigint not null,
    exchanged_at timestamptz not null,
    recorded_at timestamptz not null,
    batch bigint not null,
    raw_offset bigint not null,
    changed_at bigint,  -- null where it is the marker, or nobody told
    month date not null,
    row int not null,
    lane smallint not null,
    contract smallint not null,
    raw_lane smallint not null,  -- where it came by: judge's mapping may give a key of another lane than extract's
    replayed boolean not null,
    operation "char" not null,
    stem text not null,
    key text collate "C" not null,
    event_id bytea not null,
    content bytea not null,
    digest bytea not null,
    payload bytea,
    primary key (month, stem, lane, sequence)
) partition by range (month);

-- how far the ledger of a subscription is complete: one row a lane
create table if not exists ledger.lane (
    recipient text not null,
    stem text not null,
    lane int not null,
    sequence bigint not null default 0,
    transactions bigint not null default 0,
    chain bytea not null default '\x',
    primary key (recipient, stem, lane)
);

-- which version of the terms holds from behind which sequence on; whether the recipient's keys are kept below
alter table ledger.lane add column if not exists terms jsonb not null default '{}';
alter table ledger.lane add column if not exists holding boolean not null default false;

-- the keys that a recipient has whose terms limit the rows: who is told when one leaves
create table if not exists ledger.holding (
    recipient text not null,
    stem text not null,
    lane int not null,
    key text not null,
    primary key (recipient, stem, lane, key)
);

-- share transactions with subscribers, a row a stretch: versions of a lane under one stamp and one version of the terms
create table if not exists ledger.stretch (
    recipient text not null,
    stem text not null,
    lane int not null,
    first bigint not null,
    last bigint not null,
    omitted int8multirange,  -- the sequences between first and last that the terms did not grant
    granted int not null,
    subscription int not null,
    history_month date not null,  -- where ledger.history has its versions
    month date not null,
    exchanged_at timestamptz not null,
    recorded_at timestamptz not null,
    digest bytea not null,
    primary key (recipient, stem, lane, first),
    check (first <= last and granted > 0)
);

create or replace function ledger.ensure_month(wanted date) returns void
language plpgsql security definer set search_path = ledger, pg_temp as $$
declare
    first date := date_trunc('month', wanted)::date;
    suffix text := to_char(first, 'YYYYMM');
begin
    if to_regclass('ledger.history_' || suffix) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtext('ledger.ensure_month'));
    execute format('create table if not exists ledger.history_%s partition of ledger.history for values from (%L) to (%L)',
        suffix, first, (first + interval '1 month')::date);
end $$;
revoke all on function ledger.ensure_month(date) from public;

select ledger.ensure_month(m::date)
from generate_series(date '2022-01-01', date_trunc('month', now()) + interval '12 months', interval '1 month') m;

-- hub: what anyone may count from outside ---------------------------------------------------------

-- how everything here is written, by one number; the processes of another are refused
create table if not exists hub.layout (
    one boolean primary key default true check (one),
    layout int not null,
    since timestamptz not null default clock_timestamp()
);

-- datasets by number, as narrow rows name them; `identity`: their heads stand in population.citizen
create table if not exists hub.dataset (
    number smallint generated always as identity primary key,
    stem text not null unique,
    identity boolean not null
);

-- the datasets that others look up, as of the last `pophub up`
create table if not exists hub.looked_up (
    stem text primary key,
    finders jsonb not null
);

-- the number of a dataset, given at its first judging; how it is kept changes only before its first accepted version
create or replace function hub.number_dataset(wanted text, gives_identity boolean)
returns table (number smallint, identity boolean)
language plpgsql security definer set search_path = pg_temp as $$
begin
    if not exists (select from hub.dataset d where d.stem = wanted) then
        insert into hub.dataset (stem, identity) values (wanted, gives_identity) on conflict (stem) do nothing;
    end if;
    update hub.dataset d set identity = gives_identity
    where d.stem = wanted and d.identity <> gives_identity
      and not exists (select from judge.lane l where l.stem = wanted and l.sequence > 0);
    return query select d.number, d.identity from hub.dataset d where d.stem = wanted;
end $$;
revoke all on function hub.number_dataset(text, boolean) from public;

create table if not exists hub.registry_schema (
    id int not null,
    subject text not null,
    version int not null,
    schema text not null,
    fingerprint text not null,
    primary key (subject, version)
);
create index if not exists registry_schema_id on hub.registry_schema (id);

create table if not exists hub.secret_in_use (
    name text primary key,
    fingerprint bytea not null,
    since timestamptz not null default now()
);

create table if not exists hub.subscription (
    recipient text not null,
    stem text not null,
    version int not null,
    starts_at timestamptz not null,
    ends_at timestamptz,
    terms jsonb not null,
    granted_at timestamptz not null default clock_timestamp(),
    primary key (recipient, stem, version)
);

-- which subscriber may read which of its topics: access begins and ends with the right
create table if not exists hub.access (
    recipient text not null,
    stem text not null,
    since timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    removed_at timestamptz,
    removed_upto jsonb,
    primary key (recipient, stem)
);

-- the accepted version of each key, wherever it stands
create or replace view population.head as
    select d.stem, h.key, h.marker, h.content, h.contract, h.lane, h.sequence, h.seen
    from population.key_head h join hub.dataset d on d.number = h.dataset
    union all
    select d.stem, c.citizen_id, c.marker, c.content, c.contract, c.lane, c.sequence, c.seen
    from population.citizen c join hub.dataset d on d.number = c.dataset;

-- what agencies told of each citizen, and the newest marker of each dataset that did
create or replace view population.present_state as
    select c.citizen_id, c.full_name, c.birth_date, c.sex, c.province_code, c.household_code, c.marital_status, c.died_on,
        c.tax_code, c.present, coalesce(c.markers, '{}') ||
            case when d.stem is null then '{}' else jsonb_build_object(d.stem, c.marker) end as markers
    from population.citizen c left join hub.dataset d on d.number = c.dataset;

-- who exists, under which name, since when: the present versions and the former ones
create or replace view population.identity as
    select citizen_id, coalesce(valid_from, marker) as valid_from, full_name, birth_date - date '1970-01-01' as birth_day,
        present, exchanged_at
    from population.citizen where marker is not null
    union all
    select citizen_id, valid_from, full_name, birth_date - date '1970-01-01', present, exchanged_at
    from population.former_identity;

create or replace view hub.record_state as
    select stem, batch, raw_lane as lane, raw_offset, row, event_id, 'shared'::text as state, null::text as gate
    from ledger.history where not replayed
    union all
    select stem, batch, lane, raw_offset, row, event_id, state,
        case when state = 'quarantined' then gate end
    from quarantine.version
    union all
    select stem, batch, lane, raw_offset, row, event_id, state, null
    from judge.passed_over;

create or replace view hub.share_transaction as
    select 'population'::text as recipient, stem, lane, sequence, event_id, exchanged_at, recorded_at, month
    from ledger.history
    union all
    select s.recipient, s.stem, s.lane, h.sequence, h.event_id, s.exchanged_at, s.recorded_at, s.month
    from ledger.stretch s
    join ledger.history h on (h.month, h.stem, h.lane) = (s.history_month, s.stem, s.lane)
        and h.sequence between s.first and s.last
    where (s.omitted @> h.sequence) is not true;

create or replace view hub.batch_summary as
    select b.stem, b.batch, b.run, b.contract, b.exchanged_at, b.state, b.rows as sent,
        coalesce(sum(r.read), 0)::bigint as read,
        coalesce(sum(r.shared), 0)::bigint as shared,
        coalesce(sum(r.quarantined), 0)::bigint as quarantined,
        coalesce(sum(r.duplicate), 0)::bigint as duplicate,
        coalesce(sum(r.superseded), 0)::bigint as superseded
    from extract.batch b left join judge.reconciliation r using (stem, batch)
    group by b.batch;

-- grants: least privilege -------------------------------------------------------------------------

grant usage on schema extract to pophub_extract, pophub_judge, pophub_read;
grant usage on schema judge to pophub_judge, pophub_read;
grant usage on schema population to pophub_judge;
grant usage on schema quarantine to pophub_judge, pophub_read;
grant usage on schema ledger to pophub_judge, pophub_share, pophub_read;
grant usage on schema hub to pophub_extract, pophub_judge, pophub_share, pophub_read, pophub_ledger, pophub_live;
grant select on hub.layout to pophub_extract, pophub_judge, pophub_share, pophub_ledger, pophub_live;

grant select on extract.setting, extract.tick to pophub_extract;
grant select, insert, update on extract.batch, extract.position, extract.hold to pophub_extract;
grant select, insert, delete on extract.sent_row to pophub_extract;
grant select, insert on extract.file to pophub_extract;

grant select, insert, update on judge.lane to pophub_judge;
grant select, insert on judge.reconciliation, judge.passed_over to pophub_judge;
grant execute on function hub.number_dataset(text, boolean) to pophub_judge;
grant select on hub.dataset to pophub_judge;
grant select, insert, update on population.key_head, population.citizen to pophub_judge;
grant select, insert, update, delete on population.former_identity, population.claim to pophub_judge;
grant select, insert, update on population.looked_up to pophub_judge;
grant select on hub.looked_up to pophub_judge;
grant select on population.identity to pophub_judge;
grant select, insert, update on quarantine.version to pophub_judge;
grant select, insert on ledger.history to pophub_judge;
grant execute on function ledger.ensure_month(date) to pophub_judge;

grant usage on schema judge to pophub_share;
grant select on judge.lane to pophub_share;
grant select on ledger.history to pophub_share;
grant select, insert, update on ledger.lane to pophub_share;
grant select, insert, delete on ledger.holding to pophub_share;
grant select, insert on ledger.stretch to pophub_share;
grant select on hub.subscription, hub.registry_schema, hub.secret_in_use to pophub_share;

grant select on all tables in schema hub to pophub_read;
grant select on extract.batch, extract.position, extract.hold, extract.setting, extract.file to pophub_read;
grant select on judge.lane, judge.reconciliation, judge.passed_over, ledger.lane, ledger.stretch to pophub_read;
grant select (month, stem, lane, sequence, event_id, marker, changed_at, operation, contract, exchanged_at, recorded_at, batch, raw_lane, raw_offset, row, replayed, digest)
    on ledger.history to pophub_read;
grant select (id, stem, event_id, contract, operation, lane, raw_offset, row, batch, exchanged_at, gate, state, waits_until, first_judged_at, last_judged_at)
    on quarantine.version to pophub_read;
