-- Statements of the share stage and its ledger. Writer: role pophub_share.

-- name: lane_end
select sequence from judge.lane where stem = %s and lane = %s

-- name: make_ledger_lane
insert into ledger.lane (recipient, stem, lane) values (%s, %s, %s) on conflict do nothing

-- name: ledger_lane
select sequence, transactions, chain from ledger.lane where recipient = %s and stem = %s and lane = %s

-- name: lock_ledger_lane
select sequence, transactions, chain, holding from ledger.lane where recipient = %s and stem = %s and lane = %s for update

-- name: move_ledger_lane
update ledger.lane set sequence = %s, transactions = %s, chain = %s,
    terms = jsonb_build_object(%s::text, %s::bigint) || terms  -- what stands there stays
where recipient = %s and stem = %s and lane = %s

-- the keys whose last share transaction was no delete
-- name: seed_holding
insert into ledger.holding (recipient, stem, lane, key)
select recipient, stem, lane, key from (
    select distinct on (h.key) s.recipient, s.stem, s.lane, h.key, h.operation
    from ledger.stretch s join ledger.history h on (h.month, h.stem, h.lane) = (s.history_month, s.stem, s.lane)
        and h.sequence between s.first and s.last and (s.omitted @> h.sequence) is not true
    where (s.recipient, s.stem, s.lane) = (%s, %s, %s) order by h.key, h.sequence desc) as last
where operation = 'u' on conflict do nothing

-- name: begin_holding
update ledger.lane set holding = true where recipient = %s and stem = %s and lane = %s

-- name: held
select key from ledger.holding where recipient = %s and stem = %s and lane = %s and key = any(%s)

-- name: give_keys
insert into ledger.holding (recipient, stem, lane, key) select %s, %s, %s, unnest(%s::text[]) on conflict do nothing

-- name: take_keys
delete from ledger.holding where recipient = %s and stem = %s and lane = %s and key = any(%s)

-- name: digest_at
select digest from ledger.history where stem = %s and lane = %s and sequence = %s

-- no further than so many bytes of payloads, but for one row; their sizes are known without reading them
-- name: history
select sequence, event_id, key, marker, operation, payload, contract,
    round(date_part('epoch', exchanged_at) * 1000000)::bigint,  -- a double tells microseconds apart until 2242
    round(date_part('epoch', recorded_at) * 1000000)::bigint, digest, content, changed_at
from (select h.*, sum(octet_length(payload)) over (order by sequence) as size
    from ledger.history h where stem = %s and lane = %s and sequence > %s and sequence <= %s) as read
where size is null or size - coalesce(octet_length(payload), 0) < %s order by sequence

-- name: append_stretches
insert into ledger.stretch (recipient, stem, lane, first, last, omitted, granted, subscription, history_month, month,
    exchanged_at, recorded_at, digest) values %s
