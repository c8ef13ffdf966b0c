-- Statements of look-ups: versions of other datasets by key and moment. Writers: pophub_judge of
-- population.looked_up, within its micro-batch; pophub_owner of hub.looked_up, which `pophub up` settles.

-- until the end of the transaction nobody begins or ends to keep these datasets
-- name: share_look_up
select pg_advisory_xact_lock_shared(hashtext('pophub.look_up'), hashtext(stem)) from unnest(%s::text[]) as l(stem) order by stem

-- how others find a dataset's rows beside by their keys; no row where nobody looks it up
-- name: finders
select finders from hub.looked_up where stem = %s

-- the number of a dataset that is kept for those who look it up; null before its first judging
-- name: number_looked_up
select d.number, l.finders from hub.looked_up l left join hub.dataset d using (stem) where l.stem = %s

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

-- of the rows that stood at a moment under a name the one that stood there first
-- name: found
select w.key, w.moment, l.payload
from unnest(%s::text[], %s::text[], %s::bigint[]) as w(key, name, moment)
cross join lateral (
    select l.payload from population.looked_up l
    where l.dataset = %s and l.found_by @> array[w.name] and l.valid_from <= w.moment
      and not exists (
        select from population.looked_up n
        where n.dataset = l.dataset and n.key = l.key and n.valid_from > l.valid_from and n.valid_from <= w.moment)
    order by l.valid_from, l.key limit 1) l

-- name: stage_looked_up
create temp table if not exists looked_up_new (like population.looked_up) on commit delete rows

-- name: keep_looked_up
insert into population.looked_up select * from looked_up_new order by dataset, key, valid_from
on conflict (dataset, key, valid_from) do update
set marker = excluded.marker, payload = excluded.payload, found_by = excluded.found_by
where population.looked_up.marker < excluded.marker

-- name: looked_up_stems
select stem, finders from hub.looked_up

-- the one that begins or ends to keep a dataset; others wait that judge it, or look it up
-- name: own_look_up
select pg_advisory_xact_lock(hashtext('pophub.look_up'), hashtext(%s))

-- all of history of a large dataset takes longer than a statement may elsewhere
-- name: take_all_time
set local statement_timeout = 0

-- name: begin_looked_up
insert into hub.looked_up (stem, finders) values (%s, %s)

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

-- the next versions that somebody may look for, in the order of keys
-- name: next_looked_up
select l.key, l.valid_from, l.payload
from population.looked_up l join hub.dataset d on d.number = l.dataset
where d.stem = %(stem)s and l.payload is not null and (l.key, l.valid_from) > (%(key)s, %(valid_from)s)
order by l.key, l.valid_from limit %(rows)s

-- name: name_looked_up
update population.looked_up l set found_by = w.found_by::text[] from (values %s) as w(stem, key, valid_from, found_by)
where l.dataset = (select number from hub.dataset d where d.stem = w.stem) and (l.key, l.valid_from) = (w.key, w.valid_from)
