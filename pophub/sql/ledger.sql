-- Reading statements over the ledger. Reader: role pophub_read.

-- name: growth_by_year
select extract(year from exchanged_at at time zone 'Asia/Ho_Chi_Minh')::int::text, count(*)
from hub.share_transaction group by 1 order by 1

-- name: growth_by_year_and_agency
select split_part(stem, '.', 1), extract(year from exchanged_at at time zone 'Asia/Ho_Chi_Minh')::int::text, count(*)
from hub.share_transaction group by 1, 2 order by 1, 2

-- name: growth_by_quarter
select to_char(exchanged_at at time zone 'Asia/Ho_Chi_Minh', 'YYYY-"Q"Q'), count(*)
from hub.share_transaction group by 1 order by 1

-- name: growth_by_month
select to_char(exchanged_at at time zone 'Asia/Ho_Chi_Minh', 'YYYY-MM'), count(*)
from hub.share_transaction group by 1 order by 1

-- name: recipients
select recipient, stem, count(*) from hub.share_transaction group by 1, 2 order by 1, 2

-- name: states
select stem, state, gate, count(*) from hub.record_state group by 1, 2, 3 order by 1, 2, 3

-- name: unbalanced
select b.stem, b.batch, b.sent, b.read from hub.batch_summary b where b.state = 'sent' and b.sent <> b.read
order by b.stem, b.batch

-- name: lanes
select stem, lane, sequence, chain from judge.lane order by stem, lane

-- name: ledger_lanes
select recipient, stem, lane, sequence, transactions, chain from ledger.lane where recipient <> 'shared' order by 1, 2, 3

-- name: history_links
select stem, lane, sequence, event_id, key, marker, operation, content, payload, contract,
    (extract(epoch from exchanged_at) * 1000000)::bigint, (extract(epoch from recorded_at) * 1000000)::bigint, digest,
    to_char(month, 'YYYY-MM')
from ledger.history where stem = %s and lane = %s order by sequence

-- name: transaction_links
select recipient, stem, lane, sequence, event_id, subscription,
    (extract(epoch from exchanged_at) * 1000000)::bigint, (extract(epoch from recorded_at) * 1000000)::bigint, digest,
    to_char(month, 'YYYY-MM')
from ledger.transaction where recipient = %s and stem = %s and lane = %s order by sequence

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

-- name: checkpoint_write
insert into ledger.checkpoint (id, at, document, signature, public_key) values (%s, %s, %s, %s, %s)

-- name: now_us
select (extract(epoch from clock_timestamp()) * 1000000)::bigint

-- name: heads_history
select stem, lane, sequence, chain from judge.lane where sequence > 0 order by stem, lane

-- name: heads_transaction
select recipient, stem, lane, sequence, transactions, chain from ledger.lane
where recipient <> 'shared' and sequence > 0 order by 1, 2, 3

-- name: walk_history
select sequence, to_char(month, 'YYYY-MM'), event_id, contract,
    (extract(epoch from exchanged_at) * 1000000)::bigint, (extract(epoch from recorded_at) * 1000000)::bigint, digest
from ledger.history where stem = %s and lane = %s and sequence between %s and %s order by sequence

-- name: walk_transaction
select sequence, to_char(month, 'YYYY-MM'), event_id, subscription,
    (extract(epoch from exchanged_at) * 1000000)::bigint, (extract(epoch from recorded_at) * 1000000)::bigint, digest
from ledger.transaction where recipient = %s and stem = %s and lane = %s and sequence between %s and %s order by sequence

-- name: first_of_history
select min(sequence) from ledger.history where stem = %s and lane = %s and month >= %s and month < %s

-- name: first_of_transaction
select min(sequence) from ledger.transaction where recipient = %s and stem = %s and lane = %s and month >= %s and month < %s

-- name: find_history
select 1 from ledger.history where stem = %s and lane = %s and substring(digest for 8) = %s limit 1

-- name: find_transaction
select 1 from ledger.transaction where recipient = %s and stem = %s and lane = %s and substring(digest for 8) = %s limit 1

-- name: register
select key, payload, contract, operation from (
    select distinct on (key) key, payload, contract, operation
    from hub.register_version where stem = %s and exchanged_at <= %s order by key, marker desc, sequence desc
) newest where operation = 'u' order by key

-- name: count_history
select to_char(month, 'YYYY-MM'), count(*) from ledger.history where stem = %s and lane = %s and sequence <= %s group by 1

-- name: count_transaction
select to_char(month, 'YYYY-MM'), count(*) from ledger.transaction
where recipient = %s and stem = %s and lane = %s and sequence <= %s group by 1
