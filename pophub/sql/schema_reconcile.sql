-- Views and functions of reconciliation and of history as of any time; applied after schema.sql, idempotent.

-- read = shared + quarantined + duplicate + superseded; `waiting`: sent and not judged yet
create or replace view hub.reconciliation_by_run as
    select stem, run, count(*) as batches, count(*) filter (where state = 'open') as given_up,
        min(exchanged_at) as first_exchanged_at, max(exchanged_at) as last_exchanged_at,
        sum(sent) filter (where state = 'sent')::bigint as sent, sum(read)::bigint as read,
        sum(shared)::bigint as shared, sum(quarantined)::bigint as quarantined,
        sum(duplicate)::bigint as duplicate, sum(superseded)::bigint as superseded,
        coalesce(sum(sent - read) filter (where state = 'sent' and sent > read), 0)::bigint as waiting,
        bool_and(read = shared + quarantined + duplicate + superseded
            and (state = 'open' or sent = read)) as balanced
    from hub.batch_summary group by stem, run;

-- the day is the calendar day of exchanged_at in Asia/Ho_Chi_Minh
create or replace view hub.reconciliation_by_day as
    select stem, (exchanged_at at time zone 'Asia/Ho_Chi_Minh')::date as day, count(*) as batches,
        count(*) filter (where state = 'open') as given_up,
        sum(sent) filter (where state = 'sent')::bigint as sent, sum(read)::bigint as read,
        sum(shared)::bigint as shared, sum(quarantined)::bigint as quarantined,
        sum(duplicate)::bigint as duplicate, sum(superseded)::bigint as superseded,
        coalesce(sum(sent - read) filter (where state = 'sent' and sent > read), 0)::bigint as waiting,
        bool_and(read = shared + quarantined + duplicate + superseded
            and (state = 'open' or sent = read)) as balanced
    from hub.batch_summary group by stem, day;

-- the accepted versions of a dataset as of a time of exchange, as the hub knew them at another time
create or replace function hub.as_of(wanted_stem text, at timestamptz, known_at timestamptz default 'infinity')
returns table (key text, marker bigint, event_id bytea, operation "char", contract int, lane int,
    sequence bigint, exchanged_at timestamptz, recorded_at timestamptz, payload bytea)
language sql stable security invoker as $$
    select distinct on (h.key) h.key, h.marker, h.event_id, h.operation, h.contract::int, h.lane::int,
        h.sequence, h.exchanged_at, h.recorded_at, h.payload
    from ledger.history h
    where h.stem = wanted_stem and h.exchanged_at <= at and h.recorded_at <= known_at
        and h.month <= date_trunc('month', at at time zone 'Asia/Ho_Chi_Minh')::date
    order by h.key, h.marker desc
$$;
revoke all on function hub.as_of(text, timestamptz, timestamptz) from public;

grant select on hub.reconciliation_by_run, hub.reconciliation_by_day to pophub_read;
