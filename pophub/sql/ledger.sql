-- Reading statements over the ledger. Reader: role pophub_read.

-- name: patience_of_counts
set local jit = off; set local enable_partitionwise_aggregate = on

-- the month of a row is the calendar month of exchanged_at, so the primary key alone is read
-- name: months_history
select 'population', stem, to_char(month, 'YYYY-MM'), count(*) from ledger.history group by stem, month

-- name: months_stretch
select recipient, stem, to_char(month, 'YYYY-MM'), sum(granted)::bigint from ledger.stretch group by recipient, stem, month

-- rows behind heads: a lane's end is found by its index in each month, for a replayed version keeps its old stamp
-- name: behind_history
select 'population', j.stem, to_char(behind.month, 'YYYY-MM'), behind.number
from judge.lane j left join unnest(%s::text[], %s::int[], %s::bigint[]) as head(stem, lane, sequence) using (stem, lane)
cross join lateral (select month, count(*) as number from ledger.history h
    where h.stem = j.stem and h.lane = j.lane and h.sequence > coalesce(head.sequence, 0) group by month) behind
where j.sequence > coalesce(head.sequence, 0)

-- name: behind_stretch
select s.recipient, s.stem, to_char(s.month, 'YYYY-MM'), sum(s.granted)::bigint
from ledger.lane l left join unnest(%s::text[], %s::text[], %s::int[], %s::bigint[]) as head(recipient, stem, lane, sequence)
    using (recipient, stem, lane)
join ledger.stretch s on (s.recipient, s.stem, s.lane) = (l.recipient, l.stem, l.lane) and s.first > coalesce(head.sequence, 0)
where l.recipient <> 'shared' and l.sequence > coalesce(head.sequence, 0)
group by s.recipient, s.stem, s.month

-- name: recipients
select 'population', stem, count(*) from ledger.history group by stem
union all select recipient, stem, sum(granted)::bigint from ledger.stretch group by recipient, stem order by 1, 2

-- name: states
select stem, state, gate, count(*) from hub.record_state group by 1, 2, 3 order by 1, 2, 3

-- name: renewed
select stem, count(*) from judge.passed_over where renewed group by 1

-- name: unbalanced
select b.stem, b.batch, b.sent, b.read from hub.batch_summary b where b.state = 'sent' and b.sent <> b.read
order by b.stem, b.batch

-- name: lanes
select stem, lane, sequence, chain from judge.lane order by stem, lane

-- name: ledger_lanes
select recipient, stem, lane, sequence, transactions, chain from ledger.lane where recipient <> 'shared' order by 1, 2, 3

-- share transactions that nobody's terms explain: the hub's own names, terms never granted, a lane that is not there
-- name: strangers
select t.recipient, t.stem, t.lane, t.subscription, t.first, case
    when t.recipient in ('population', 'shared') then 'the hub''s own name stands here as a subscriber''s'
    when l.recipient is null then 'these stretches have no lane row'
    else 'this stretch names terms that this recipient was never granted' end
from (select recipient, stem, lane, subscription, min(first) as first from ledger.stretch group by 1, 2, 3, 4) t
left join ledger.lane l using (recipient, stem, lane)
left join hub.subscription s on (s.recipient, s.stem, s.version) = (t.recipient, t.stem, t.subscription)
where t.recipient in ('population', 'shared') or l.recipient is null or s.recipient is null
order by 1, 2, 3, 4

-- name: history_links
select stem, lane, sequence, event_id, key, marker, operation, content, payload, contract,
    (extract(epoch from exchanged_at) * 1000000)::bigint, (extract(epoch from recorded_at) * 1000000)::bigint, digest,
    to_char(month, 'YYYY-MM'), changed_at
from ledger.history where stem = %s and lane = %s order by sequence

-- each stretch with the event ids that history has for it
-- name: stretch_links
select s.recipient, s.stem, s.lane, s.first, s.last, s.omitted::text, s.granted, s.subscription,
    (extract(epoch from s.exchanged_at) * 1000000)::bigint, (extract(epoch from s.recorded_at) * 1000000)::bigint,
    (select coalesce(string_agg(h.event_id, '' order by h.sequence), '') from ledger.history h
        where (h.month, h.stem, h.lane) = (s.history_month, s.stem, s.lane) and h.sequence between s.first and s.last
            and (s.omitted @> h.sequence) is not true),
    s.digest, to_char(s.month, 'YYYY-MM')
from ledger.stretch s where s.recipient = %s and s.stem = %s and s.lane = %s order by s.first

-- Checkpoints. Reader and writer: role pophub_ledger.

-- name: checkpoint_lock
select pg_advisory_lock(hashtext('ledger.checkpoint'))

-- name: one_snapshot
set transaction isolation level repeatable read

-- name: checkpoint_last
select id, document, signature, public_key from ledger.checkpoint order by id desc limit 1

-- name: checkpoint_number
select id, document, signature, public_key from ledger.checkpoint where id = %s

-- name: checkpoint_as_of
select id, document, signature, public_key from ledger.checkpoint where at <= %s order by id desc limit 1

-- name: checkpoints
select id, document, signature, public_key from ledger.checkpoint order by id

-- name: checkpoint_times
select id, at from ledger.checkpoint where id <= %s order by id

-- rows of a month up to a moment and to signed heads
-- name: span_history
select 'population', h.stem, count(*)
from unnest(%s::text[], %s::int[], %s::bigint[]) as head(stem, lane, sequence)
join ledger.history h on h.stem = head.stem and h.lane = head.lane and h.sequence <= head.sequence
where h.month = %s and h.exchanged_at <= %s group by h.stem

-- name: span_stretch
select s.recipient, s.stem, sum(s.granted)::bigint
from unnest(%s::text[], %s::text[], %s::int[], %s::bigint[]) as head(recipient, stem, lane, sequence)
join ledger.stretch s on (s.recipient, s.stem, s.lane) = (head.recipient, head.stem, head.lane) and s.last <= head.sequence
where s.month = %s and s.exchanged_at <= %s group by s.recipient, s.stem

-- share transactions of months by terms granted after them, of versions that were accepted when the months were signed
-- a stretch that goes beyond a bound counts what of it lies within, less what of that was not granted
-- name: granted_later
select t.recipient, t.stem, t.subscription, s.granted_at, s.starts_at, sum(upper(part) - lower(part) - left_out.number)::bigint
from unnest(%s::text[], %s::text[], %s::int[], %s::bigint[], %s::bigint[]) as span(recipient, stem, lane, after, upto)
join ledger.stretch t on (t.recipient, t.stem, t.lane) = (span.recipient, span.stem, span.lane)
    and t.last > span.after and t.first <= span.upto
join hub.subscription s on (s.recipient, s.stem, s.version) = (t.recipient, t.stem, t.subscription) and s.granted_at >= %s
cross join lateral int8range(greatest(t.first, span.after + 1), least(t.last, span.upto), '[]') as part
cross join lateral (
    select coalesce(sum(upper(one) - lower(one)), 0) as number from unnest(t.omitted * int8multirange(part)) as one) as left_out
where t.month >= %s and t.month < %s
group by 1, 2, 3, 4, 5 having sum(upper(part) - lower(part) - left_out.number) > 0 order by 1, 2, 3

-- name: checkpoint_write
insert into ledger.checkpoint (id, at, document, signature, public_key) values (%s, %s, %s, %s, %s)

-- name: heads_history
select stem, lane, sequence, chain from judge.lane where sequence > 0 order by stem, lane

-- name: heads_stretch
select recipient, stem, lane, sequence, transactions, chain from ledger.lane
where recipient <> 'shared' and sequence > 0 order by 1, 2, 3

-- name: walk_history
select sequence, to_char(month, 'YYYY-MM'), event_id, contract,
    (extract(epoch from exchanged_at) * 1000000)::bigint, (extract(epoch from recorded_at) * 1000000)::bigint, digest
from ledger.history where stem = %s and lane = %s and sequence between %s and %s order by sequence

-- the last signed stretch comes again
-- name: walk_stretch
select last, to_char(month, 'YYYY-MM'), granted, digest
from ledger.stretch where recipient = %s and stem = %s and lane = %s and last between %s and %s order by first

-- name: pack_stretch
select first, last, omitted::text, granted, subscription,
    (extract(epoch from exchanged_at) * 1000000)::bigint, (extract(epoch from recorded_at) * 1000000)::bigint
from ledger.stretch where recipient = %s and stem = %s and lane = %s and last between %s and %s order by first

-- share transactions one by one, in the columns of `walk_history`
-- name: each_of_stretch
select h.sequence, to_char(s.month, 'YYYY-MM'), h.event_id, s.subscription,
    (extract(epoch from s.exchanged_at) * 1000000)::bigint, (extract(epoch from s.recorded_at) * 1000000)::bigint, s.digest
from ledger.stretch s join ledger.history h on (h.month, h.stem, h.lane) = (s.history_month, s.stem, s.lane)
    and h.sequence between s.first and s.last and (s.omitted @> h.sequence) is not true
where s.recipient = %s and s.stem = %s and s.lane = %s and s.last between %s and %s order by s.first, h.sequence

-- name: first_of_history
select min(sequence) from ledger.history where stem = %s and lane = %s and month >= %s and month < %s

-- name: first_of_stretch
select min(first) from ledger.stretch where recipient = %s and stem = %s and lane = %s and month >= %s and month < %s

-- name: find_history
select 1 from ledger.history where stem = %s and lane = %s and substring(digest for 8) = %s limit 1

-- name: find_stretch
select 1 from ledger.stretch where recipient = %s and stem = %s and lane = %s and substring(digest for 8) = %s limit 1

-- name: count_history
select to_char(month, 'YYYY-MM'), count(*) from ledger.history where stem = %s and lane = %s and sequence <= %s group by 1

-- name: count_stretch
select to_char(month, 'YYYY-MM'), sum(granted)::bigint from ledger.stretch
where recipient = %s and stem = %s and lane = %s and last <= %s group by 1

-- name: pack_record
insert into ledger.pack (month, agency, recipient, checkpoint, digest, made_by) values (%s, %s, %s, %s, %s, %s)
on conflict (month, agency, digest) do nothing

-- name: pack_recorded
select pack, recipient, made_by, made_at from ledger.pack where month = %s and agency = %s and digest = %s
