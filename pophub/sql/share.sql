-- Statements of the share stage and its ledger. Writer: role pophub_share.

-- name: lane_end
select sequence from judge.lane where stem = %s and lane = %s

-- name: make_ledger_lane
insert into ledger.lane (recipient, stem, lane) values (%s, %s, %s) on conflict do nothing

-- name: ledger_lane
select sequence, transactions, chain from ledger.lane where recipient = %s and stem = %s and lane = %s

-- name: lock_ledger_lane
select sequence, transactions, chain from ledger.lane where recipient = %s and stem = %s and lane = %s for update

-- name: move_ledger_lane
update ledger.lane set sequence = %s, transactions = %s, chain = %s where recipient = %s and stem = %s and lane = %s

-- name: digest_at
select digest from ledger.history where stem = %s and lane = %s and sequence = %s

-- name: history
select sequence, event_id, key, marker, operation, payload, contract,
    round(date_part('epoch', exchanged_at) * 1000000)::bigint,  -- a double tells microseconds apart until 2242
    round(date_part('epoch', recorded_at) * 1000000)::bigint, digest
from ledger.history where stem = %s and lane = %s and sequence > %s and sequence <= %s order by sequence

-- name: ensure_month
select ledger.ensure_month(%s)
