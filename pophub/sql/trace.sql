-- Statements of pophub/quarantine/trace.py: where a record is and what became of it.

-- where a key has an accepted version: its lane is the one that history is read in
-- name: heads
select d.stem, h.lane::int from hub.dataset d join population.key_head h on h.dataset = d.number where h.key = %(key)s
union all
select d.stem, c.lane::int from population.citizen c join hub.dataset d on d.number = c.dataset where c.citizen_id = %(key)s

-- name: failed_of_key
select v.stem, encode(v.event_id, 'hex'), v.state, v.exchanged_at, v.batch, v.id, null::int, null::bigint
from quarantine.version v where v.stem in (select stem from hub.dataset) and v.key = %(key)s order by v.id

-- name: accepted_of_key
select h.stem, encode(h.event_id, 'hex'), case h.operation when 'd' then 'deleted' else 'shared' end, h.exchanged_at, h.batch,
    null::bigint, h.lane::int, h.sequence
from unnest(%(stems)s::text[], %(lanes)s::int[]) place(stem, lane)
join ledger.history h on h.stem = place.stem and h.lane = place.lane
where h.key = %(key)s order by h.stem, h.sequence

-- name: of_event
select v.stem, encode(v.event_id, 'hex'), v.state, v.exchanged_at, v.batch, v.id, null::int, null::bigint
from quarantine.version v where v.event_id = %(event)s
union all
select h.stem, encode(h.event_id, 'hex'), case h.operation when 'd' then 'deleted' else 'shared' end, h.exchanged_at, h.batch,
    null, h.lane, h.sequence
from ledger.history h where h.event_id = %(event)s and not h.replayed
union all
select p.stem, encode(p.event_id, 'hex'), p.state, null, p.batch, null, null, null
from judge.passed_over p where p.event_id = %(event)s

-- name: events
select event_id from ledger.history where stem = %(stem)s

-- name: accepted
select h.stem, h.key, encode(h.event_id, 'hex'), h.operation, h.contract::int, h.batch, h.lane::int, h.sequence, h.exchanged_at,
    h.recorded_at, h.payload
from ledger.history h where h.stem = %(stem)s and h.lane = %(lane)s and h.sequence = %(sequence)s

-- name: acceptance
select h.lane::int, h.sequence, h.recorded_at from ledger.history h
where h.stem = %(stem)s and h.lane = %(lane)s and h.event_id = %(event)s

-- each subscriber of a dataset: when it was given an accepted version and which fields by the terms of then; where not, whether its
-- lane has passed the version by, and the fields by the newest terms
-- name: recipients
select a.recipient, s.recorded_at, coalesce(l.sequence, 0) >= %(sequence)s as passed, a.ended_at is not null as ended,
    coalesce((select string_agg(field.name, ', ' order by field.at)
        from hub.subscription t, jsonb_array_elements_text(t.terms -> 'fields') with ordinality field(name, at)
        where (t.recipient, t.stem) = (a.recipient, a.stem) and t.version = coalesce(s.subscription,
            (select max(n.version) from hub.subscription n where (n.recipient, n.stem) = (a.recipient, a.stem)))), '')
from hub.access a
left join ledger.lane l on (l.recipient, l.stem, l.lane) = (a.recipient, a.stem, %(lane)s)
left join ledger.stretch s on (s.recipient, s.stem, s.lane) = (a.recipient, a.stem, %(lane)s)
    and %(sequence)s between s.first and s.last and (s.omitted @> %(sequence)s::bigint) is not true
where a.stem = %(stem)s order by a.recipient

-- name: batch
select run, exchanged_at from extract.batch where stem = %(stem)s and batch = %(batch)s

-- name: looks
select revealed_by, revealed_at, reason from quarantine.reveal where stem = %(stem)s and what = %(what)s order by reveal

-- who was given the versions of a key, by each dataset that has it, and on which terms last
-- name: usage
with version as (
    select h.month, h.stem, h.lane, h.sequence, h.exchanged_at
    from unnest(%(stems)s::text[], %(lanes)s::int[]) place(stem, lane)
    join ledger.history h on h.stem = place.stem and h.lane = place.lane
    where h.key = %(key)s
), given as (
    select stem, 'population' as recipient, null::int as version, count(*) as times, min(exchanged_at) as first, max(exchanged_at) as last
    from version group by stem
    union all
    select v.stem, s.recipient, max(s.subscription), count(*), min(s.exchanged_at), max(s.exchanged_at)
    from version v join ledger.stretch s on (s.history_month, s.stem, s.lane) = (v.month, v.stem, v.lane)
        and v.sequence between s.first and s.last
    where (s.omitted @> v.sequence) is not true and s.recipient <> 'shared' group by v.stem, s.recipient
)
select g.stem, g.recipient, g.times, g.first, g.last, t.terms
from given g left join hub.subscription t using (recipient, stem, version)
order by g.stem, g.recipient = 'population' desc, g.recipient
