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
    (extract(epoch from exchanged_at) * 1000000)::bigint, (extract(epoch from recorded_at) * 1000000)::bigint, digest
from ledger.history where stem = %s and lane = %s order by sequence

-- name: transaction_links
select recipient, stem, lane, sequence, event_id, subscription,
    (extract(epoch from exchanged_at) * 1000000)::bigint, (extract(epoch from recorded_at) * 1000000)::bigint, digest
from ledger.transaction where recipient = %s and stem = %s and lane = %s order by sequence
