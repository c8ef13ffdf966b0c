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

-- name: number_dataset
select number, identity from hub.number_dataset(%s, %s)

-- name: known_dataset
select number, identity from hub.dataset where stem = %s

-- name: heads
select key, marker, content, contract, seen, held from population.key_head where dataset = %s and key = any(%s::text[])

-- name: citizen_heads
select citizen_id, marker, content, contract, seen, held, dataset from population.citizen
where citizen_id = any(%s::text[]) and dataset is not null

-- name: renew
update population.key_head h set seen = n.marker from (values %s) as n(dataset, key, marker)
where h.dataset = n.dataset and h.key = n.key and n.marker > greatest(h.marker, h.seen)

-- name: renew_citizens
update population.citizen c set seen = n.marker from (values %s) as n(dataset, key, marker)
where c.dataset = n.dataset and c.citizen_id = n.key and n.marker > greatest(c.marker, c.seen)

-- name: quarantined
select key, id, marker, content, contract from quarantine.version
where stem = %s and key = any(%s::text[]) and state = 'quarantined' and not (id = any(%s)) order by id

-- name: identities
select citizen_id, valid_from, full_name, birth_day, present from population.identity
where citizen_id = any(%s::text[]) order by citizen_id, valid_from

-- the rows of another dataset that versions refer to, and since when one is gone
-- name: referred
select h.key, h.gone from population.key_head h join hub.dataset d on d.number = h.dataset
where d.stem = %s and h.key = any(%s::text[])

-- name: claims
select field, value, key from population.claim where dataset = %s and field = %s and value = any(%s::text[])

-- name: give_up
delete from population.claim where dataset = %s and field = %s and value = any(%s::text[])

-- name: ensure_month
select ledger.ensure_month(%s)

-- name: stage_heads
create temp table if not exists head_new (like population.key_head) on commit delete rows

-- name: upsert_heads
insert into population.key_head select * from head_new order by dataset, key
on conflict (dataset, key) do update set marker = excluded.marker, content = excluded.content,
    contract = excluded.contract, lane = excluded.lane, sequence = excluded.sequence, held = excluded.held, seen = null,
    gone = excluded.gone, known_at = least(population.key_head.known_at, excluded.known_at)
where population.key_head.marker < excluded.marker

-- the present identity of the staged citizens, before another one takes its place
-- name: keep_former
insert into population.former_identity (citizen_id, valid_from, full_name, birth_date, present, exchanged_at)
select c.citizen_id, coalesce(c.valid_from, c.marker), c.full_name, c.birth_date, c.present, c.exchanged_at
from population.citizen c join citizen_new n using (citizen_id)
where c.marker < n.marker and coalesce(c.valid_from, c.marker) <> coalesce(n.valid_from, n.marker)

-- name: add_former
insert into population.former_identity (citizen_id, valid_from, full_name, birth_date, present, exchanged_at) values %s
on conflict (citizen_id, valid_from) do update set full_name = excluded.full_name,
    birth_date = excluded.birth_date, present = excluded.present, exchanged_at = excluded.exchanged_at

-- name: drop_former
delete from population.former_identity f using citizen_new n
where f.citizen_id = n.citizen_id and f.valid_from = coalesce(n.valid_from, n.marker)

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
    select from unnest(v.waits_for) told
    where not exists (
        select from population.identity i
        where told like 'people %%' and i.citizen_id = substr(told, 8) and i.present and i.exchanged_at <= v.waits_until)
      and not exists (
        select from population.key_head h join hub.dataset d on d.number = h.dataset
        where d.stem = split_part(told, ' ', 1) and h.key = substr(told, strpos(told, ' ') + 1)
            and h.known_at <= v.waits_until))
order by id limit %s
