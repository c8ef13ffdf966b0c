-- Statements over heartbeats and alerts. Writers: pophub_extract (heartbeat), pophub_live (the rest).

-- name: lengthen
update live.heartbeat set at = clock_timestamp(), times = times + 1
where beat = (select max(beat) from live.heartbeat where stem = %(stem)s)
  and outcome = %(outcome)s and code = %(code)s and newest is not distinct from %(newest)s and rows = 0 and %(rows)s = 0
returning beat

-- name: beat
insert into live.heartbeat (stem, outcome, code, newest, rows)
values (%(stem)s, %(outcome)s, %(code)s, %(newest)s, %(rows)s)

-- name: beats
select stem, (extract(epoch from first_at) * 1000000)::bigint, (extract(epoch from at) * 1000000)::bigint, outcome, newest, rows
from unnest(%(stems)s::text[]) wanted(name) cross join lateral (
    select * from live.heartbeat where stem = name order by beat desc limit 500) latest
order by stem, beat

-- name: forget_beats
delete from live.heartbeat h where at < clock_timestamp() - interval '90 days'
  and beat < (select beat from live.heartbeat where stem = h.stem order by beat desc offset 499 limit 1)

-- name: open_holds
select stem, hold, code, (extract(epoch from since) * 1000000)::bigint
from extract.hold where released_at is null order by hold

-- name: pauses
select distinct on (stem, recipient) stem, recipient, (extract(epoch from paused_at) * 1000000)::bigint,
    (extract(epoch from resumed_at) * 1000000)::bigint
from quarantine.pause where stem = any(%(stems)s) order by stem, recipient, pause desc

-- name: after_absence
select coalesce(sum(b.rows - coalesce(r.read, 0)), 0)::bigint, count(*) from extract.batch b
left join lateral (select sum(read) as read from judge.reconciliation where batch = b.batch and stem = b.stem) r on true
where b.stem = %(stem)s and b.opened_at > to_timestamp(0) + %(after)s * interval '1 microsecond'
  and b.opened_at <= to_timestamp(0) + %(upto)s * interval '1 microsecond'

-- name: behind
select stem, recipient, lane, behind, (
    select (extract(epoch from h.recorded_at) * 1000000)::bigint from ledger.history h
    where h.stem = lag.stem and h.lane = lag.lane and h.sequence = lag.done + 1)
from (
    select j.stem, w.recipient, j.lane, coalesce(l.sequence, 0) as done, j.sequence - coalesce(l.sequence, 0) as behind
    from unnest(%(stems)s::text[], %(recipients)s::text[]) w(stem, recipient)
    join judge.lane j on j.stem = w.stem
    left join ledger.lane l on l.stem = j.stem and l.lane = j.lane and l.recipient = w.recipient
) lag where behind > 0 order by stem, recipient, lane

-- name: unbalanced
select b.stem, b.batch, b.rows, coalesce(r.read, 0)::bigint, (extract(epoch from coalesce(b.sent_at, b.opened_at)) * 1000000)::bigint
from extract.batch b
left join lateral (select sum(read) as read from judge.reconciliation where batch = b.batch and stem = b.stem) r on true
where b.stem = any(%(stems)s) and b.state = 'sent' and b.rows <> coalesce(r.read, 0)
  and (b.sent_at > clock_timestamp() - interval '7 days' or b.batch = any(%(open)s))
order by b.batch

-- name: judged_batches
select r.stem, r.batch, sum(r.read)::bigint, sum(r.quarantined)::bigint
from judge.reconciliation r
where r.stem = any(%(stems)s) group by 1, 2
having sum(r.quarantined) > 0 and (max(r.judged_at) > clock_timestamp() - interval '7 days' or r.batch = any(%(open)s))
order by r.batch

-- name: still_quarantined
select batch, count(*) from quarantine.version
where stem = %s and batch = any(%s) and state = 'quarantined' and expired_at is null group by 1

-- name: overdue
select stem, count(*), (extract(epoch from min(first_judged_at)) * 1000000)::bigint
from quarantine.version v join unnest(%(stems)s::text[], %(before)s::bigint[]) w(name, before) on w.name = v.stem
where state = 'quarantined' and expired_at is null and first_judged_at < to_timestamp(0) + before * interval '1 microsecond'
group by 1 order by 1

-- name: kept_slots
select stem, kept_bytes, (extract(epoch from kept_at) * 1000000)::bigint from extract.slot
where stem = any(%(stems)s) and state = 'following' and kept_at is not null order by stem

-- name: untold
select v.stem, count(*), (extract(epoch from min(v.first_judged_at)) * 1000000)::bigint
from unnest(%(stems)s::text[]) w(stem)
left join quarantine.feedback_agency a on a.agency = split_part(w.stem, '.', 1)
left join quarantine.feedback f on f.agency = a.agency and f.sequence = a.told
join quarantine.version v on v.stem = w.stem and v.id > coalesce(f.version, 0)
where v.state = 'quarantined' and v.expired_at is null
    and v.first_judged_at < to_timestamp(0) + %(before)s * interval '1 microsecond'
group by 1 order by 1

-- name: ended_access
select recipient, stem, (extract(epoch from ended_at) * 1000000)::bigint from hub.access
where stem = any(%(stems)s) and ended_at > to_timestamp(0) + %(since)s * interval '1 microsecond' order by 1, 2

-- name: holds_ever
select subject from extract.hold where stem = %s and code = %s

-- name: place_hold
insert into extract.hold (stem, code, subject, what, remedy) values (%s, %s, %s, %s, %s) on conflict do nothing

-- name: one_watcher
select pg_try_advisory_lock(hashtext('live'), hashtext('watch'))

-- name: next_watcher
select pg_advisory_lock(hashtext('live'), hashtext('watch'))

-- name: present_alerts
select alert, code, stem, subject, closed_at is null from live.alert where gone_at is null order by alert

-- name: still_there
update live.alert set last_seen = clock_timestamp(), what = n.what from (values %s) as n(alert, what) where live.alert.alert = n.alert

-- name: open_alert
insert into live.alert (code, stem, subject, what) values (%s, %s, %s, %s) returning alert

-- name: gone
update live.alert set gone_at = clock_timestamp(), closed_at = coalesce(closed_at, clock_timestamp()),
    closed_by = coalesce(closed_by, 'the hub') where alert = any(%s)

-- name: close_alert
update live.alert set closed_at = clock_timestamp(), closed_by = %s where alert = %s and closed_at is null returning alert

-- name: alert
select code, stem, subject, what, opened_at, closed_at, closed_by from live.alert where alert = %s

-- name: notice
insert into live.notice (alert, event, document) values (%s, %s, %s) on conflict do nothing

-- name: sink
select notice, refused from live.sink where sink = %s

-- name: last_notice
select coalesce(max(notice), 0) from live.notice

-- name: notices_after
select notice, event, document from live.notice where notice > %s order by notice limit %s

-- name: told
insert into live.sink (sink, notice, refused) values (%s, %s, %s)
on conflict (sink) do update set notice = excluded.notice, refused = excluded.refused, told_at = clock_timestamp()

-- name: told_by_all
update live.alert a set told_at = clock_timestamp() from live.notice n
where n.alert = a.alert and n.event = 'opened' and a.told_at is null and n.notice <= %s

-- name: alerts
select alert, code, stem, subject, what, opened_at, last_seen, closed_at, closed_by, told_at from live.alert
where closed_at is null or %(all)s order by alert desc

-- name: lock_log_place
select file, at from live.log_place for update

-- name: move_log_place
update live.log_place set file = %s, at = %s

-- name: add_refused_reads
insert into live.refused_read (hour, principal, topic, times) values %s
on conflict (hour, principal, topic) do update set times = live.refused_read.times + excluded.times

-- name: refused_reads
select hour, principal, topic, times from live.refused_read where hour <= %s order by 1, 2, 3
