-- Who may propose and approve, and who may ask the pages; applied after schema.sql by `prepare`, idempotent.

create table if not exists hub.person (
    person bigint generated always as identity primary key,
    name text not null check (name ~ '^[A-Za-z][A-Za-z0-9._-]{0,62}$'),
    salt bytea not null,
    password bytea not null,
    role text not null check (role in ('viewer', 'operator', 'auditor')),
    added_by text not null,
    added_at timestamptz not null default clock_timestamp(),
    removed_by text,
    removed_at timestamptz,
    check ((removed_by is null) = (removed_at is null))
);
create unique index if not exists person_present on hub.person (lower(name)) where removed_at is null;

-- salt and hash for those alone who compare a password; schema.sql lets pophub_read see all tables of hub
revoke select on hub.person from pophub_read;
grant select (person, name, role, added_by, added_at, removed_by, removed_at) on hub.person to pophub_read;
grant select on hub.person to pophub_judge;

-- who may ask pages and registry where they are served alone; a fingerprint tells the right secret from another
create table if not exists hub.login (
    name text primary key,
    fingerprint bytea not null
);
revoke select on hub.login from pophub_read;
grant select on hub.login to pophub_web;
