-- Statements of the streaming workers: where the lanes stand. They write nothing. Reader: role pophub_read.

-- name: judged
select stem, lane, raw_offset, sequence from judge.lane where stem = any(%s)

-- name: shared
select stem, lane, recipient, sequence from ledger.lane where stem = any(%s)

-- name: waiting
select distinct stem from quarantine.version
where stem = any(%s) and state = 'quarantined' and waits_until is not null

-- name: unlock
select pg_advisory_unlock(hashtext(%s), hashtext(%s))

-- name: start
select p.marker, coalesce((extract(epoch from p.exchanged_at) * 1000000)::bigint, 0),
    (extract(epoch from clock_timestamp()) * 1000000)::bigint,
    array(select (extract(epoch from at) * 1000000)::bigint from extract.tick
        where exists (select 1 from extract.setting where name = 'simulation.stem.' || %(stem)s and value = 'clock') order by at)
from (values (1)) one(row) left join extract.position p on p.stem = %(stem)s

-- name: sent_rows
select digest, marker from extract.sent_row where stem = %s

-- name: held
select w.kind, w.subject from unnest(%s::text[], %s::text[]) w(kind, subject)
where exists (
    select 1 from pg_locks l
    where l.locktype = 'advisory' and l.granted
      and l.database = (select oid from pg_database where datname = current_database())
      and l.classid::bigint = (hashtext(w.kind)::bigint & 4294967295)
      and l.objid::bigint = (hashtext(w.subject)::bigint & 4294967295))

-- name: oldest_unjudged
-- the batches from the last one on of which this lane judged something: what is older was read whole
select extract(epoch from clock_timestamp() - min(b.opened_at))::float8
from extract.batch b
left join lateral (
    select sum(read) as read from judge.reconciliation r where r.batch = b.batch and r.stem = b.stem) r on true
where b.stem = %(stem)s and b.rows > coalesce(r.read, 0) and b.batch >= coalesce((
    select batch from judge.reconciliation where stem = %(stem)s and lane = %(lane)s
    order by raw_from desc limit 1), 0)

-- name: oldest_unshared
select extract(epoch from clock_timestamp() - recorded_at)::float8
from ledger.history where stem = %(stem)s and lane = %(lane)s and sequence = 1 + coalesce((
    select sequence from ledger.lane
    where stem = %(stem)s and lane = %(lane)s and recipient = %(recipient)s), 0)
