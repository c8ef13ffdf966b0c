-- Statements of reconciliation and rebuild. Reader: pophub_owner; writes temporary tables alone.

-- whole tables meet whole tables here, often before their statistics are fresh: a nested loop would be quadratic
-- name: patience
set idle_in_transaction_session_timeout = 0; set statement_timeout = 0; set work_mem = '64MB'; set enable_nestloop = off; set jit = off

-- name: position
select marker from extract.position where stem = %s

-- name: files_taken
select digest from extract.file f where f.stem = %s
    and not exists (select from extract.file n where n.stem = f.stem and n.scan > f.scan)

-- name: lanes
select lane, raw_offset, sequence from judge.lane where stem = %s order by lane

-- name: ledger_lanes
select recipient, lane, sequence from ledger.lane where stem = %s order by recipient, lane

-- name: history
select h.lane, h.sequence, h.event_id, h.key, h.marker, h.operation, h.payload, h.contract,
    (extract(epoch from h.exchanged_at) * 1000000)::bigint, (extract(epoch from h.recorded_at) * 1000000)::bigint, h.content, h.changed_at
from ledger.history h join unnest(%(lanes)s::int[], %(after)s::bigint[], %(upto)s::bigint[]) as b(lane, after, upto) using (lane)
where h.stem = %(stem)s and h.sequence > b.after and h.sequence <= b.upto

-- name: history_in_order
select h.lane, h.sequence, h.event_id, h.key, h.marker, h.operation, h.payload, h.contract,
    (extract(epoch from h.exchanged_at) * 1000000)::bigint, (extract(epoch from h.recorded_at) * 1000000)::bigint, h.content, h.changed_at
from ledger.history h join unnest(%(lanes)s::int[], %(after)s::bigint[], %(upto)s::bigint[]) as b(lane, after, upto) using (lane)
where h.stem = %(stem)s and h.sequence > b.after and h.sequence <= b.upto
order by h.lane, h.sequence

-- name: last_of_history
select distinct on (key) key, marker, content, contract, lane, sequence
from ledger.history where stem = %s order by key, marker desc

-- name: heads
select key, marker, content, contract, lane, sequence
from population.head where stem = %s

-- which terms hold in each lane: version -> the sequence behind which it began
-- name: terms_of_lanes
select lane, terms from ledger.lane where recipient = %s and stem = %s

-- name: ledger
select h.lane, h.sequence, h.event_id
from ledger.stretch s join unnest(%(lanes)s::int[], %(after)s::bigint[], %(upto)s::bigint[]) as b(lane, after, upto) using (lane)
join ledger.history h on (h.month, h.stem, h.lane) = (s.history_month, s.stem, s.lane)
    and h.sequence between greatest(s.first, b.after + 1) and least(s.last, b.upto)
where s.recipient = %(recipient)s and s.stem = %(stem)s and s.last > b.after and s.first <= b.upto
    and (s.omitted @> h.sequence) is not true

-- name: ledger_with_history
select h.lane, h.sequence, h.event_id, h.key, h.marker, h.operation, h.payload, h.contract,
    (extract(epoch from h.exchanged_at) * 1000000)::bigint, (extract(epoch from h.recorded_at) * 1000000)::bigint, h.content, h.changed_at, s.subscription
from ledger.stretch s join unnest(%(lanes)s::int[], %(after)s::bigint[], %(upto)s::bigint[]) as b(lane, after, upto) using (lane)
join ledger.history h on (h.month, h.stem, h.lane) = (s.history_month, s.stem, s.lane)
    and h.sequence between greatest(s.first, b.after + 1) and least(s.last, b.upto)
where s.recipient = %(recipient)s and s.stem = %(stem)s and s.last > b.after and s.first <= b.upto
    and (s.omitted @> h.sequence) is not true

-- name: make_source_row
create temp table if not exists source_row (key text collate "C", marker bigint, event_id bytea, kind "char");
create temp table if not exists raw_row (event_id bytea);
truncate source_row, raw_row

-- name: analyze_source_row
analyze source_row; analyze raw_row

-- name: unseen
with unseen as materialized (
    select s.key, s.marker, s.event_id, s.kind from source_row s
    where s.kind <> 'x' and (s.marker <= %(upto)s or %(upto)s is null)
      and not exists (select from quarantine.version q where q.stem = %(stem)s and q.key = s.key and q.event_id = s.event_id)
      and not exists (select from raw_row r where r.event_id = s.event_id)
      and not exists (select from ledger.history h where h.stem = %(stem)s and h.event_id = s.event_id)
      and not exists (select from judge.passed_over p where p.stem = %(stem)s and p.event_id = s.event_id)
), known as (
    select key, marker, max(event_id::text)::bytea as event_id, bool_or(contract <> %(contract)s) as otherwise
    from (select key, marker, contract, event_id from ledger.history where stem = %(stem)s
          union all select key, marker, contract, event_id from quarantine.version where stem = %(stem)s) v
    where key in (select key from unseen) group by key, marker
)
select u.key, u.marker, u.event_id, known.event_id, known.key is not null
from unseen u left join known using (key, marker)
where known.key is null or (u.kind = 'j' and not known.otherwise)

-- name: pending
select count(*) from source_row where marker > %s

-- name: gone
select h.key, h.marker, l.event_id, h.lane, h.sequence, s.key is not null
from population.head h
join ledger.history l on (l.stem, l.lane, l.sequence) = (h.stem, h.lane, h.sequence)
left join (select key, max(marker) as marker from source_row where kind <> 'x' group by key) s on s.key = h.key
where h.stem = %(stem)s and l.operation = 'u'
  and l.recorded_at < to_timestamp(0) + %(started)s * interval '1 microsecond'
  and (s.key is null or s.marker < h.marker)

-- name: make_person_row
create temp table if not exists person_row (stem text, citizen_id text collate "C", marker bigint, recorded_us bigint,
    lane int, sequence bigint, event_id bytea, fields jsonb);
create temp table if not exists identity_row (stem text, citizen_id text collate "C", valid_from bigint, full_name text, birth_day int,
    present boolean, exchanged_at timestamptz, marker bigint, event_id bytea);
truncate person_row, identity_row

-- name: make_winner
create temp table if not exists winner (like person_row);
create temp table if not exists identity_first (like identity_row);
truncate winner, identity_first;
insert into winner select distinct on (stem, citizen_id) * from person_row
    order by stem, citizen_id, marker desc, recorded_us, sequence desc;
insert into identity_first select distinct on (citizen_id, valid_from) * from identity_row
    order by citizen_id, valid_from, marker desc;
analyze winner; analyze identity_first

-- name: citizens_differing
select w.citizen_id, w.event_id, w.lane, w.sequence, c.citizen_id is not null, false
from winner w left join population.present_state c using (citizen_id)
where c.citizen_id is null
   or not to_jsonb(c) @> (w.fields || jsonb_build_object('markers', jsonb_build_object(w.stem, w.marker)))
union all
select c.citizen_id, null, null, null, true, true from population.present_state c
where c.markers ? %(stem)s and not exists (select from winner w where w.citizen_id = c.citizen_id)

-- name: identities_differing
select e.citizen_id, e.event_id, null, null, i.citizen_id is not null, false
from identity_first e left join population.identity i using (citizen_id, valid_from)
where i.citizen_id is null or (i.full_name, i.birth_day, i.present, i.exchanged_at)
    is distinct from (e.full_name, e.birth_day, e.present, e.exchanged_at)
union all
select i.citizen_id, null, null, null, true, true from population.identity i
where i.citizen_id in (select citizen_id from identity_first)
  and not exists (select from identity_first e where (e.citizen_id, e.valid_from) = (i.citizen_id, i.valid_from))

-- what those who look a dataset up must find, by the rule of `fill_looked_up`, and what is kept for them
-- name: make_look_ups
create temp table if not exists look_up_wanted (key text collate "C", valid_from bigint, marker bigint, event_id bytea,
    lane int, sequence bigint, payload bytea);
create temp table if not exists look_up_kept (key text collate "C", valid_from bigint, marker bigint, payload bytea);
truncate look_up_wanted, look_up_kept;
insert into look_up_wanted
select distinct on (h.key, since) h.key, since, h.marker, h.event_id, h.lane, h.sequence, h.payload
from ledger.history h,
lateral (select case when %(timed)s then h.marker
    else coalesce(h.changed_at, (extract(epoch from h.exchanged_at) * 1000000)::bigint) end as since) s
where h.stem = %(stem)s
order by h.key, since, h.marker desc;
insert into look_up_kept
select l.key, l.valid_from, l.marker, l.payload
from population.looked_up l join hub.dataset d on d.number = l.dataset where d.stem = %(stem)s;
analyze look_up_wanted; analyze look_up_kept

-- name: look_up_counts
select (select count(*) from look_up_wanted), (select count(*) from look_up_kept)

-- name: look_ups_differing
select coalesce(w.key, k.key), w.event_id, w.lane, w.sequence, k.key is not null, w.key is null
from look_up_wanted w full join look_up_kept k using (key, valid_from)
where w.key is null or k.key is null or (k.marker, k.payload) is distinct from (w.marker, w.payload)

-- name: person_counts
select (select count(*) from winner), (select count(*) from population.present_state where markers ? %(stem)s),
    (select count(*) from identity_first),
    (select count(*) from population.identity where citizen_id in (select citizen_id from identity_first))

-- name: as_of
select key, marker, event_id, operation, contract, lane, sequence, exchanged_at, recorded_at, payload
from hub.as_of(%(stem)s, %(at)s, %(known)s) where %(key)s::text is null or key = %(key)s

-- name: as_of_count
select operation, count(*) from hub.as_of(%(stem)s, %(at)s, %(known)s) group by 1 order by 1

-- what was taken off a subscriber's topic when its right ended: lane -> the last sequence of it
-- name: removed_upto
select removed_upto from hub.access where recipient = %s and stem = %s and removed_upto is not null

-- what was sent last of keys of a source without a change marker
-- name: sent_by_scans
select key, digest, scan from extract.scan_row where stem = %s and key = any(%s::text[])

-- what two datasets say of the same things: digests alone
-- name: make_between_row
create temp table if not exists between_row (side smallint, thing text collate "C", key text collate "C", told bytea);
truncate between_row

-- of each key the newest version, unless it is a delete
-- name: standing
select key, payload from (
    select distinct on (h.key) h.key, h.operation, h.payload from ledger.history h where h.stem = %s order by h.key, h.marker desc
) newest where operation <> 'd'

-- name: standing_keys
select key, payload from (
    select distinct on (h.key) h.key, h.operation, h.payload from ledger.history h
    where h.stem = %s and h.key = any(%s) order by h.key, h.marker desc
) newest where operation <> 'd'

-- things that each side has once; things that both have and one more than once; records that one side alone has
-- name: between_counts
select count(*) filter (where l = 1 and r = 1), count(*) filter (where l > 0 and r > 0 and l + r > 2),
    coalesce(sum(l) filter (where r = 0), 0)::bigint, coalesce(sum(r) filter (where l = 0), 0)::bigint
from (select count(*) filter (where side = 0) as l, count(*) filter (where side = 1) as r from between_row group by thing) things

-- the first that differ of the things that each side has once, each with the number of all
-- name: between_differing
with once as (
    select thing from between_row group by thing
    having count(*) filter (where side = 0) = 1 and count(*) filter (where side = 1) = 1
)
select thing, l.key, r.key, l.told, r.told, count(*) over ()
from once join between_row l using (thing) join between_row r using (thing)
where l.side = 0 and r.side = 1 and l.told <> r.told order by thing limit %s
