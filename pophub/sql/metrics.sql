-- Statements of the metrics: sums without personal data. Reader: role pophub_web.

-- name: records
select stem, coalesce(sum(sent) filter (where state = 'sent'), 0)::bigint as sent, sum(read)::bigint as read,
    sum(shared)::bigint as shared, sum(quarantined)::bigint as quarantined, sum(duplicate)::bigint as duplicate,
    sum(superseded)::bigint as superseded,
    sum(abs(read - shared - quarantined - duplicate - superseded)
        + case when state = 'sent' then greatest(read - sent, 0) else 0 end)::bigint as residual,
    coalesce(sum(sent - read) filter (where state = 'sent' and sent > read), 0)::bigint as unjudged
from hub.batch_summary group by stem order by stem

-- name: end_to_end
-- the last stretches of each lane are looked at, by their key: the whole ledger never is
with given as (
    select l.stem, l.recipient, s.granted, extract(epoch from s.recorded_at - b.opened_at)::float8 as age
    from ledger.lane l
    cross join lateral (
        select * from ledger.stretch where recipient = l.recipient and stem = l.stem and lane = l.lane
        order by first desc limit 200) s
    join ledger.history h on (h.month, h.stem, h.lane, h.sequence) = (s.history_month, s.stem, s.lane, s.first)
    join extract.batch b on b.batch = h.batch
    where s.recorded_at > clock_timestamp() - interval '1 hour'
), ranked as (
    select *, sum(granted) over (partition by stem, recipient order by age) as upto,
        sum(granted) over (partition by stem, recipient) as all_of_them from given
)
select stem, recipient, min(age) filter (where upto >= 0.5 * all_of_them), min(age) filter (where upto >= 0.99 * all_of_them)
from ranked group by stem, recipient order by stem, recipient

-- name: checkpoint
select id, extract(epoch from clock_timestamp() - at)::float8 from ledger.checkpoint order by id desc limit 1

-- name: unsigned
select (select coalesce(sum(sequence), 0) from judge.lane)::bigint - coalesce((
    select sum((head ->> 'sequence')::bigint) from jsonb_array_elements(document -> 'heads') head
    where head -> 'lane' ->> 0 = 'history'), 0)::bigint
from (values (1)) one(row) left join (select document from ledger.checkpoint order by id desc limit 1) last on true

-- name: verified
select extract(epoch from clock_timestamp() - a.answered_at)::float8, jsonb_array_length(a.told -> 'broken')
from hub.request r join hub.request_answer a using (request)
where r.kind = 'verify' and a.code = '' order by r.request desc limit 1

-- name: revealed
select stem, sum(records)::bigint from quarantine.reveal group by stem order by stem

-- name: open_alerts
select code, stem, count(*) from live.alert where closed_at is null group by code, stem order by code, stem
