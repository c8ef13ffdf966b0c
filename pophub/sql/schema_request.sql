-- What people ask for on the pages that takes secrets of the hub's own, or longer than a page may; applied after schema.sql by `prepare`, idempotent.

-- the writer is pophub_judge, insert only
create table if not exists hub.request (
    request bigint generated always as identity primary key,
    kind text not null check (kind in ('verify', 'run', 'preview', 'replay')),
    stem text not null check ((kind = 'verify') = (stem = '')),
    chosen jsonb not null default '{}' check ((kind in ('preview', 'replay')) = (chosen <> '{}')),
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

-- how far a preview or a replay is; one row a request, moved by the attendant as pophub_owner
create table if not exists hub.request_progress (
    request bigint primary key references hub.request,
    judged bigint not null check (judged >= 0),
    total bigint not null check (total >= judged),
    moved_at timestamptz not null default clock_timestamp()
);

grant select, insert on hub.request to pophub_judge;
grant select on hub.request_progress, hub.request_answer to pophub_judge;
grant select on hub.request, hub.request_progress, hub.request_answer to pophub_read;
