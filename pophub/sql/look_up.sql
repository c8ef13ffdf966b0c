-- Statements of look-ups: versions of other datasets by key and moment. Writers: pophub_judge of
-- population.looked_up, within its micro-batch; pophub_owner of hub.looked_up, which `pophub up` settles.

-- name: is_looked_up
select exists (select from hub.looked_up where stem = %s)

-- the number of a dataset that is kept for those who look it up; null before its first judging
-- name: number_looked_up
select d.number from hub.looked_up l left join hub.dataset d using (stem) where l.stem = %s

-- what each key said at a moment, in the version valid then, or in the first where none was yet
-- name: looked_up
select w.key, w.moment, coalesce(valid.payload, first.payload)
from unnest(%s::text[], %s::bigint[]) as w(key, moment)
left join lateral (
    select l.valid_from, l.payload from population.looked_up l
    where l.dataset = %s and l.key = w.key and l.valid_from <= w.moment order by l.valid_from desc limit 1) valid on true
left join lateral (
    select l.payload from population.looked_up l
    where valid.valid_from is null and l.dataset = %s and l.key = w.key order by l.valid_from limit 1) first on true
where coalesce(valid.payload, first.payload) is not null

-- name: stage_looked_up
create temp table if not exists looked_up_new (like population.looked_up) on commit delete rows

-- name: keep_looked_up
insert into population.looked_up select * from looked_up_new order by dataset, key, valid_from
on conflict (dataset, key, valid_from) do update set marker = excluded.marker, payload = excluded.payload
where population.looked_up.marker < excluded.marker

-- name: looked_up_stems
select stem from hub.looked_up

-- name: lock_looked_up
lock table hub.looked_up in access exclusive mode

-- all of history of a large dataset takes longer than a statement may elsewhere
-- name: take_all_time
set local statement_timeout = 0

-- name: begin_looked_up
insert into hub.looked_up (stem) values (%s)

-- name: end_looked_up
delete from hub.looked_up where stem = %s

-- name: forget_looked_up
delete from population.looked_up where dataset = (select number from hub.dataset where stem = %s)

-- name: fill_looked_up
insert into population.looked_up (valid_from, marker, dataset, key, payload)
select distinct on (h.key, since) since, h.marker, d.number, h.key, h.payload
from ledger.history h
join hub.dataset d using (stem),
lateral (select case when %(timed)s then h.marker
    else coalesce(h.changed_at, (extract(epoch from h.exchanged_at) * 1000000)::bigint) end as since) s
where h.stem = %(stem)s
order by h.key, since, h.marker desc
