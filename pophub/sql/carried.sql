-- Statements of pophub/quarantine/carried.py: the records of a dataset that hold a text, among its newest.

-- how far the newest versions of a dataset go that are looked through, and how many there are
-- name: accepted_reach
select coalesce(sum(least(sequence, %(most)s / lanes)), 0)::bigint, coalesce(sum(sequence), 0)::bigint
from (select sequence, count(*) over () as lanes from judge.lane where stem = %(stem)s) l

-- of the newest accepted versions those that stand and hold a text: by the key of history a lane's newest, then by the head's
-- name: accepted_carrying
with place as materialized (
    select lane, greatest(sequence - %(most)s / count(*) over (), 0) as behind from judge.lane where stem = %(stem)s
), carrying as materialized (
    select h.* from place p cross join lateral (
        select h.* from ledger.history h where h.stem = %(stem)s and h.lane = p.lane and h.sequence > p.behind offset 0) h
    where h.operation <> 'd' and position(%(needle)s in h.payload) > 0
)
select c.stem, encode(c.event_id, 'hex'), 'shared', c.exchanged_at, c.batch, null::bigint, c.lane::int, c.sequence, c.payload
from carrying c join hub.dataset d on d.stem = c.stem
where c.sequence in ((select k.sequence from population.key_head k where k.dataset = d.number and k.key = c.key and k.lane = c.lane),
    (select k.sequence from population.citizen k where k.citizen_id = c.key and k.dataset = d.number and k.lane = c.lane))
order by c.exchanged_at desc, c.lane, c.sequence desc limit %(hits)s

-- name: waiting_reach
select count(*) from (select from quarantine.version where stem = %(stem)s and state = 'quarantined' limit %(most)s + 1) v

-- name: waiting_carrying
select stem, encode(event_id, 'hex'), state, exchanged_at, batch, id, null::int, null::bigint, raw
from (select * from quarantine.version where stem = %(stem)s and state = 'quarantined' order by id desc limit %(most)s) v
where position(%(needle)s in raw) > 0 order by id desc limit %(hits)s

-- not longer than this, and by the indexes alone: a plan made without statistics read all of history
-- name: briefly
select set_config('statement_timeout', %(ms)s, true), set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)
