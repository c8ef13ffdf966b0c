-- Statements of the judge stage. Writer: role pophub_judge; all of one micro-batch in one transaction.

-- name: lane_row
select raw_offset, sequence, chain from judge.lane where stem = %s and lane = %s

-- name: make_lane
insert into judge.lane (stem, lane) values (%s, %s) on conflict do nothing

-- name: lock_lanes
select lane, raw_offset, sequence, chain from judge.lane where stem = %s and lane = any(%s) order by lane for update

-- name: move_raw
update judge.lane set raw_offset = %s where stem = %s and lane = %s and raw_offset = %s

-- name: record_gap
insert into judge.gap (stem, lane, from_offset, to_offset, by) values (%s, %s, %s, %s, %s)

-- name: move_sequence
update judge.lane set sequence = %s, chain = %s where stem = %s and lane = %s

-- name: heads
select h.key, h.marker, h.content, h.contract, s.marker
from population.head h left join population.seen s using (stem, key) where stem = %s and key = any(%s::text[])

-- name: renew
insert into population.seen (stem, key, marker) values %s
on conflict (stem, key) do update set marker = excluded.marker where seen.marker < excluded.marker

-- name: quarantined
select key, id, marker, content, contract from quarantine.version
where stem = %s and key = any(%s::text[]) and state = 'quarantined' and not (id = any(%s)) order by id

-- name: identities
select citizen_id, valid_from, name_folded, birth_day, present from population.identity
where citizen_id = any(%s::text[]) order by citizen_id, valid_from

-- name: claims
select field, value, key from population.claim where stem = %s and field = %s and value = any(%s::text[])

-- name: claims_of
select field, value, key from population.claim where stem = %s and key = any(%s::text[])

-- name: give_up
delete from population.claim where stem = %s and field = %s and value = any(%s::text[])

-- name: ensure_month
select ledger.ensure_month(%s)

-- name: stage_heads
create temp table if not exists head_new (like population.head) on commit delete rows

-- name: upsert_heads
insert into population.head select * from head_new order by stem, key
on conflict (stem, key) do update set marker = excluded.marker, content = excluded.content, contract = excluded.contract,
    event_id = excluded.event_id, operation = excluded.operation, lane = excluded.lane,
    sequence = excluded.sequence, month = excluded.month
where population.head.marker < excluded.marker

-- name: stage_identities
create temp table if not exists identity_new (like population.identity) on commit delete rows

-- name: upsert_identities
insert into population.identity select * from identity_new
on conflict (citizen_id, valid_from) do update set name_folded = excluded.name_folded,
    birth_day = excluded.birth_day, present = excluded.present, exchanged_at = excluded.exchanged_at

-- name: stage_citizens
create temp table if not exists citizen_new (like population.citizen including defaults) on commit delete rows

-- name: supersede
update quarantine.version set state = 'superseded', last_judged_at = %s where id = any(%s) and state = 'quarantined'

-- name: replayed
update quarantine.version v set state = n.state, last_judged_at = n.at::timestamptz, waits_for = n.waits_for::text[], waits_until = n.waits_until::timestamptz,
    gate = case when array_position(array['contract', 'correct', 'sufficient', 'clean', 'live'], n.gate::text)
        < array_position(array['contract', 'correct', 'sufficient', 'clean', 'live'], v.gate) then n.gate::text else v.gate end,
    failures = v.failures || coalesce((
        select jsonb_agg(f) from jsonb_array_elements(n.failures::jsonb) f where not v.failures @> jsonb_build_array(f)), '[]')
from (values %s) as n(id, state, at, waits_for, waits_until, gate, failures) where v.id = n.id and v.state = 'quarantined'

-- name: waiting
select id, key, marker, content, event_id, contract, lane, raw_offset, row, batch,
    (extract(epoch from exchanged_at) * 1000000)::bigint, raw
from quarantine.version v
where stem = %s and state = 'quarantined' and waits_for is not null and id > %s
  and not exists (
    select from unnest(v.waits_for) person
    where not exists (
        select from population.identity i
        where i.citizen_id = person and i.present and i.exchanged_at <= v.waits_until))
order by id limit %s
