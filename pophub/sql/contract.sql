-- Statements about the contract that a dataset is judged under. Writer: role pophub_judge.

-- name: digest_on_record
select digest from judge.contract where stem = %s order by number desc limit 1

-- name: contract_on_record
select declared from judge.contract where stem = %s order by number desc limit 1

-- name: keep_contract
insert into judge.contract (stem, digest, declared, acknowledgement) values (%s, %s, %s, %s)

-- name: acknowledged
select acknowledgement, starts, by from judge.acknowledgement where stem = %s and digest = %s
order by acknowledgement desc limit 1

-- name: acknowledge
insert into judge.acknowledgement (stem, digest, starts, takes, by) values (%s, %s, %s, %s, %s)

-- name: newest_terms
select distinct on (recipient) recipient, terms from hub.subscription where stem = %s order by recipient, version desc

-- name: newest_accepted
select h.raw_lane, h.raw_offset, h.row
from judge.lane l join ledger.history h on h.stem = l.stem and h.lane = l.lane and h.sequence > l.sequence - %(each)s
where l.stem = %(stem)s and not h.replayed
order by h.recorded_at desc, h.lane, h.sequence desc limit %(most)s
