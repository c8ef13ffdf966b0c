-- Tables of checkpoints, published figures; applied after schema.sql by `prepare`, idempotent.

-- signed heads of all lanes, and how many share transactions there were up to them; the one writer is pophub_ledger
create table if not exists ledger.checkpoint (
    id bigint primary key,
    at timestamptz not null,
    document jsonb not null,
    signature bytea not null,
    public_key bytea not null
);
create index if not exists checkpoint_at on ledger.checkpoint (at);

create or replace function ledger.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_relid::regclass;
end $$;
create or replace trigger checkpoint_append_only before update or delete or truncate on ledger.checkpoint
    for each statement execute function ledger.refuse_change();

-- each month's pack that was made: of which files, for whom; the one writer is pophub_ledger
create table if not exists ledger.pack (
    pack bigint generated always as identity primary key,
    month date not null,
    agency text not null,  -- empty: all agencies
    recipient text not null check (btrim(recipient) <> ''),
    checkpoint bigint not null references ledger.checkpoint (id),
    digest bytea not null,
    made_by text not null check (btrim(made_by) <> ''),
    made_at timestamptz not null default clock_timestamp(),
    unique (month, agency, digest)
);
create or replace trigger pack_append_only before update or delete or truncate on ledger.pack
    for each statement execute function ledger.refuse_change();
grant select, insert on ledger.pack to pophub_ledger;
grant select on ledger.pack to pophub_read;

grant usage on schema judge, ledger, hub to pophub_ledger;
grant select on judge.lane, ledger.lane, ledger.stretch to pophub_ledger;
grant select (month, stem, lane, sequence, event_id, marker, operation, contract, exchanged_at, recorded_at, replayed, digest)
    on ledger.history to pophub_ledger;
grant select (recipient, stem, version, starts_at, granted_at) on hub.subscription to pophub_ledger;
grant select, insert on ledger.checkpoint to pophub_ledger;
grant select on ledger.checkpoint to pophub_read;

-- figures by declaration are counted from payloads: their role sees these, of the accepted versions alone, and writes nothing
grant usage on schema ledger, hub to pophub_figures;
grant select on hub.layout, ledger.stretch to pophub_figures;
grant select (month, stem, lane, sequence, key, marker, operation, exchanged_at, payload) on ledger.history to pophub_figures;
