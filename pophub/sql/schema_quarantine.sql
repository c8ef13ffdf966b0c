-- Tables of repair, replay, feedback, holds, pauses; applied after schema.sql by `prepare`, idempotent.

-- retention: the row stays with its codes, what was sent is removed
alter table quarantine.version add column if not exists expired_at timestamptz;
create index if not exists version_open on quarantine.version (stem, id) where state = 'quarantined';
create index if not exists version_age on quarantine.version (stem, first_judged_at);

-- repairs by field, append-only: proposed by one, approved by another
create table if not exists quarantine.repair (
    repair bigint generated always as identity primary key,
    version bigint not null references quarantine.version (id),
    event_id bytea not null,
    fields jsonb not null,
    reason text not null check (btrim(reason) <> ''),
    proposed_by text not null check (btrim(proposed_by) <> ''),
    proposed_at timestamptz not null default clock_timestamp(),
    unique (repair, proposed_by)
);
create index if not exists repair_version on quarantine.repair (version);

create table if not exists quarantine.repair_approval (
    repair bigint primary key,
    proposed_by text not null,
    approved_by text not null check (btrim(approved_by) <> ''),
    approved_at timestamptz not null default clock_timestamp(),
    foreign key (repair, proposed_by) references quarantine.repair (repair, proposed_by),
    constraint four_eyes check (lower(btrim(approved_by)) <> lower(btrim(proposed_by)))
);

-- runs of replay: moved in the transaction that judges a micro-batch, so the counts are exact after a kill
create table if not exists quarantine.replay_run (
    run bigint generated always as identity primary key,
    stem text not null,
    selection jsonb not null,
    started_by text not null,
    last_id bigint not null default 0,
    upto_id bigint not null,
    total bigint not null,
    shared bigint not null default 0,
    superseded bigint not null default 0,
    duplicate bigint not null default 0,
    quarantined bigint not null default 0,
    unreadable bigint not null default 0,
    started_at timestamptz not null default clock_timestamp(),
    moved_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz
);
create index if not exists replay_run_open on quarantine.replay_run (stem) where finished_at is null;

-- feedback: each rejection takes the next number of its agency, under the agency's row
create table if not exists quarantine.feedback_agency (
    agency text primary key,
    sequence bigint not null default 0
);
-- up to which number the agency was told
alter table quarantine.feedback_agency add column if not exists told bigint not null default 0;
create table if not exists quarantine.feedback (
    agency text not null,
    sequence bigint not null,
    version bigint not null unique references quarantine.version (id),
    numbered_at timestamptz not null default clock_timestamp(),
    primary key (agency, sequence)
);

-- policy of a dataset: the newest row counts, earlier ones stay
create table if not exists quarantine.policy (
    policy bigint generated always as identity primary key,
    stem text not null,
    retain_days int check (retain_days > 0),
    warn_days int not null check (warn_days >= 0),
    set_by text not null check (btrim(set_by) <> ''),
    set_at timestamptz not null default clock_timestamp()
);
create index if not exists policy_stem on quarantine.policy (stem, policy desc);

-- what retention removed: who it was is gone, that it was stays
create table if not exists quarantine.expired (
    version bigint primary key references quarantine.version (id),
    stem text not null,
    event_id bytea not null,
    state text not null,
    gate text not null,
    codes text[] not null,
    first_judged_at timestamptz not null,
    policy bigint not null references quarantine.policy (policy),
    expired_by text not null,
    expired_at timestamptz not null default clock_timestamp()
);

create table if not exists quarantine.hold_release (
    hold bigint primary key references extract.hold (hold),
    released_by text not null check (btrim(released_by) <> ''),
    reason text not null check (btrim(reason) <> ''),
    released_at timestamptz not null default clock_timestamp()
);

-- a paused connector (recipient empty) or subscription
create table if not exists quarantine.pause (
    pause bigint generated always as identity primary key,
    stem text not null,
    recipient text not null default '',
    reason text not null check (btrim(reason) <> ''),
    paused_by text not null check (btrim(paused_by) <> ''),
    paused_at timestamptz not null default clock_timestamp(),
    resumed_by text,
    resumed_at timestamptz
);
create unique index if not exists pause_open on quarantine.pause (stem, recipient) where resumed_at is null;

-- what people did about a group of versions, or about what is late; a step that was taken back stays on record
create table if not exists quarantine.step (
    step bigint generated always as identity primary key,
    act text not null check (act in ('assigned', 'returned', 'acknowledged')),
    stem text not null,
    code text not null,
    field text not null default '',
    whom text not null default '',
    reason text not null default '',
    done_by text not null check (btrim(done_by) <> ''),
    done_at timestamptz not null default clock_timestamp(),
    undone_by text,
    undone_at timestamptz,
    check ((act = 'assigned') = (btrim(whom) <> '')),
    check ((undone_by is null) = (undone_at is null))
);
create unique index if not exists step_open on quarantine.step (act, stem, code, field) where undone_at is null;

-- who saw values of records, and why
create table if not exists quarantine.reveal (
    reveal bigint generated always as identity primary key,
    stem text not null,
    what text not null,
    records bigint not null check (records > 0),
    reason text not null check (btrim(reason) <> ''),
    revealed_by text not null check (btrim(revealed_by) <> ''),
    revealed_at timestamptz not null default clock_timestamp()
);

grant select, insert on quarantine.repair, quarantine.repair_approval, quarantine.reveal, quarantine.feedback, quarantine.policy,
    quarantine.expired to pophub_judge;
grant select, insert, update on quarantine.replay_run, quarantine.feedback_agency, quarantine.pause, quarantine.step to pophub_judge;

grant usage on schema quarantine to pophub_extract;
grant select, insert on quarantine.hold_release to pophub_extract;

grant select on quarantine.step, quarantine.reveal, quarantine.replay_run, quarantine.feedback_agency, quarantine.feedback, quarantine.policy,
    quarantine.expired, quarantine.hold_release, quarantine.pause, quarantine.repair_approval to pophub_read;
grant select (failures, expired_at) on quarantine.version to pophub_read;
grant select (repair, version, event_id, reason, proposed_by, proposed_at) on quarantine.repair to pophub_read;
