-- What people ask for on the pages that takes secrets of the hub's own; applied after schema.sql by `prepare`, idempotent.

-- the writer is pophub_judge, insert only
create table if not exists hub.request (
    request bigint generated always as identity primary key,
    kind text not null check (kind in ('verify', 'run')),
    stem text not null check ((kind = 'run') = (stem <> '')),
    asked_by text not null check (btrim(asked_by) <> ''),
    asked_at timestamptz not null default clock_timestamp()
);
create index if not exists request_newest on hub.request (kind, stem, request);

-- a request is open until it has its answer; insert only, by the attendant as pophub_owner
create table if not exists hub.request_answer (
    request bigint primary key references hub.request,
    code text not null,
    told jsonb,
    answered_at timestamptz not null default clock_timestamp()
);

grant select, insert on hub.request to pophub_judge;
grant select on hub.request_answer to pophub_judge;
grant select on hub.request, hub.request_answer to pophub_read;
