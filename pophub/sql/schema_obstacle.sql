-- Tables of what agencies raise from below; applied after schema_quarantine.sql by `prepare`, idempotent.

-- a dispute of a rejection, or an obstacle; insert only, the one writer is pophub_judge
create table if not exists quarantine.obstacle (
    obstacle bigint generated always as identity primary key,
    agency text not null check (btrim(agency) <> ''),
    kind text not null check (kind in ('dispute', 'legal_basis', 'funding', 'technical', 'people', 'other')),
    stem text,
    version bigint references quarantine.version (id),
    codes text[] not null default '{}',
    what text not null check (btrim(what) <> ''),
    owner text not null check (btrim(owner) <> ''),
    filed_by text not null check (btrim(filed_by) <> ''),
    filed_at timestamptz not null default clock_timestamp(),
    check ((kind = 'dispute') = (version is not null) and (version is null) = (stem is null)),
    unique (obstacle, filed_by)
);
create index if not exists obstacle_version on quarantine.obstacle (version) where version is not null;

-- an obstacle is open until it has its answer; insert only
create table if not exists quarantine.obstacle_answer (
    obstacle bigint primary key,
    filed_by text not null,
    outcome text not null check (outcome in ('upheld', 'declined')),
    answer text not null check (btrim(answer) <> ''),
    answered_by text not null check (btrim(answered_by) <> ''),
    answered_at timestamptz not null default clock_timestamp(),
    foreign key (obstacle, filed_by) references quarantine.obstacle (obstacle, filed_by),
    constraint answered_by_another check (lower(btrim(answered_by)) <> lower(btrim(filed_by)))
);

grant select, insert on quarantine.obstacle, quarantine.obstacle_answer to pophub_judge;
grant select on quarantine.obstacle, quarantine.obstacle_answer to pophub_read;

-- figures count them and see neither words nor people
grant usage on schema quarantine to pophub_figures;
grant select (obstacle, agency, kind, stem, owner, filed_at) on quarantine.obstacle to pophub_figures;
grant select (obstacle, outcome, answered_at) on quarantine.obstacle_answer to pophub_figures;
