-- Statements of the quarantine room. `:selected` stands for the condition `selected` below.
-- An expired version stays `quarantined` in its table, for its verdict stands and the sums with it; asked for are those that wait.

-- name: selected
(%(stem)s::text is null or v.stem = %(stem)s)
and (%(agency)s::text is null or split_part(v.stem, '.', 1) = %(agency)s)
and (%(gate)s::text is null or v.gate = %(gate)s)
and ((%(code)s::text is null and %(field)s::text is null) or v.failures @> jsonb_build_array(
    case when %(code)s::text is null then '{}' else jsonb_build_object('code', %(code)s::text) end
    || case when %(field)s::text is null then '{}' else jsonb_build_object('field', nullif(%(field)s::text, '')) end))
and (%(ids)s::bigint[] is null or v.id = any(%(ids)s))
and (%(state)s::text is null or %(state)s = 'expired' or v.state = %(state)s)
and (%(state)s::text is distinct from 'quarantined' or v.expired_at is null)
and (%(state)s::text is distinct from 'expired' or (v.state = 'quarantined' and v.expired_at is not null))
and (%(since_s)s::float is null or v.first_judged_at >= clock_timestamp() - make_interval(secs => %(since_s)s))
and (%(older_s)s::float is null or v.first_judged_at < clock_timestamp() - make_interval(secs => %(older_s)s))

-- name: count
select count(*) from quarantine.version v where :selected

-- name: stems
select v.stem, count(*) from quarantine.version v where :selected group by v.stem order by v.stem

-- name: list
select v.id, v.stem, v.state, v.gate, v.failures, v.batch, v.lane, v.raw_offset, v.row, v.contract,
    v.first_judged_at, v.last_judged_at, v.expired_at
from quarantine.version v where :selected order by v.id desc limit %(limit)s offset %(after)s

-- many versions failed alike: what they failed is taken apart once for all of them
-- name: groups
select alike.stem, f.gate, f.code, f.field, sum(alike.records)::bigint, min(alike.first_seen), max(alike.last_seen)
from (select v.stem, v.failures, count(*) as records, min(v.first_judged_at) as first_seen, max(v.first_judged_at) as last_seen
        from quarantine.version v where :selected group by v.stem, v.failures) alike
    cross join lateral (select distinct one ->> 'gate' as gate, one ->> 'code' as code, one ->> 'field' as field
        from jsonb_array_elements(alike.failures) one) f
group by 1, 2, 3, 4 order by 5 desc, 1, 3, 4

-- name: show
select v.id, v.stem, v.key, v.marker, v.event_id, v.state, v.gate, v.failures, v.operation, v.batch, v.lane, v.raw_offset,
    v.row, v.contract, v.exchanged_at, v.first_judged_at, v.last_judged_at, v.waits_until, v.expired_at, v.raw
from quarantine.version v where v.id = %s

-- name: export
select v.id, v.stem, v.key, v.marker, v.state, v.gate, v.failures, v.batch, v.lane, v.raw_offset, v.row, v.contract,
    v.first_judged_at, v.last_judged_at, v.raw
from quarantine.version v where :selected and v.id > %(after)s order by v.id limit %(limit)s

-- name: repairs
select r.repair, r.fields, r.reason, r.proposed_by, r.proposed_at, a.approved_by, a.approved_at
from quarantine.repair r left join quarantine.repair_approval a using (repair) where r.version = %s order by r.repair

-- name: propose
insert into quarantine.repair (version, event_id, fields, reason, proposed_by) values (%s, %s, %s, %s, %s) returning repair

-- name: proposal
select r.repair, r.version, v.stem, v.state, r.proposed_by, a.approved_by, a.approved_at
from quarantine.repair r join quarantine.version v on v.id = r.version left join quarantine.repair_approval a using (repair)
where r.repair = %s

-- name: approve
insert into quarantine.repair_approval (repair, proposed_by, approved_by) values (%s, %s, %s)
on conflict (repair) do nothing

-- name: waiting_repairs
select r.repair, r.version, v.stem, r.reason, r.proposed_by, r.proposed_at
from quarantine.repair r join quarantine.version v on v.id = r.version
where v.state = 'quarantined' and v.expired_at is null and (%(stem)s::text is null or v.stem = %(stem)s)
  and not exists (select 1 from quarantine.repair_approval a where a.repair = r.repair) order by r.repair

-- name: overrides
select r.version, r.fields from quarantine.repair r join quarantine.repair_approval a using (repair)
where r.version = any(%s) order by a.approved_at, r.repair

-- name: replay_bounds
select count(*), coalesce(max(v.id), 0) from quarantine.version v where :selected and v.expired_at is null

-- name: replay_rows
select id, key, marker, content, event_id, contract, lane, raw_offset, row, batch, exchanged_us, raw from (
    select *, sum(octet_length(raw)) over (order by id) - octet_length(raw) as bytes_before from (
        select v.id, v.key, v.marker, v.content, v.event_id, v.contract, v.lane, v.raw_offset, v.row, v.batch,
            (extract(epoch from v.exchanged_at) * 1000000)::bigint as exchanged_us, v.raw
        from quarantine.version v
        where :selected and v.expired_at is null and v.id > %(after)s and v.id <= %(upto)s order by v.id limit %(limit)s
    ) next
) measured where bytes_before < %(bytes)s order by id

-- name: open_runs
select run, last_id, upto_id, total from quarantine.replay_run
where stem = %s and selection = %s::jsonb and finished_at is null order by run

-- name: start_run
insert into quarantine.replay_run (stem, selection, started_by, upto_id, total) values (%s, %s, %s, %s, %s) returning run

-- name: own_run
select pg_try_advisory_lock(hashtext('replay'), %s::int)

-- name: still_open
select id from quarantine.version where id = any(%s) and state = 'quarantined' and expired_at is null order by id for update

-- name: move_run
update quarantine.replay_run set last_id = %(last_id)s, shared = shared + %(shared)s, superseded = superseded + %(superseded)s,
    duplicate = duplicate + %(duplicate)s, quarantined = quarantined + %(quarantined)s, unreadable = unreadable + %(unreadable)s,
    moved_at = clock_timestamp() where run = %(run)s and last_id = %(after)s

-- name: run_at
select last_id from quarantine.replay_run where run = %s

-- name: finish_run
update quarantine.replay_run set finished_at = clock_timestamp() where run = %s

-- name: run_counts
select shared, superseded, duplicate, quarantined, unreadable, total from quarantine.replay_run where run = %s

-- name: make_feedback_agency
insert into quarantine.feedback_agency (agency) values (%s) on conflict do nothing

-- name: lock_feedback_agency
select sequence from quarantine.feedback_agency where agency = %s for update

-- name: number_feedback
with numbered as (
    insert into quarantine.feedback (agency, sequence, version)
    select %(agency)s, %(after)s + row_number() over (order by v.id), v.id from quarantine.version v
    where split_part(v.stem, '.', 1) = %(agency)s and not exists (select from quarantine.feedback f where f.version = v.id)
    order by v.id limit %(limit)s returning 1)
select count(*) from numbered

-- name: move_feedback_agency
update quarantine.feedback_agency set sequence = %s where agency = %s

-- name: told_feedback
update quarantine.feedback_agency set told = greatest(told, %s) where agency = %s

-- name: feedback_rows
select f.sequence, v.stem, v.key, v.marker, v.event_id, v.operation, v.state, v.gate, v.failures, v.batch, v.lane, v.raw_offset,
    v.row, v.contract, v.exchanged_at, v.first_judged_at, v.waits_until
from quarantine.feedback f join quarantine.version v on v.id = f.version
where f.agency = %s and f.sequence > %s and f.sequence <= %s order by f.sequence

-- name: own_feedback
select pg_try_advisory_lock(hashtext('feedback'), hashtext(%s))

-- name: states
select v.stem, case when v.state = 'quarantined' and v.expired_at is not null then 'expired' else v.state end, count(*),
    min(v.first_judged_at)
from quarantine.version v where :selected group by 1, 2 order by 1, 2

-- name: examples
select v.id, v.key, v.batch, v.lane, v.raw_offset, v.row, v.first_judged_at, v.raw from quarantine.version v
where :selected order by v.id limit 3

-- name: set_policy
insert into quarantine.policy (stem, retain_days, warn_days, set_by) values (%s, %s, %s, %s) returning policy

-- name: policies
select distinct on (stem) policy, stem, retain_days, warn_days, set_by, set_at from quarantine.policy
order by stem, policy desc

-- name: overdue
select v.stem, v.gate, count(*), min(v.first_judged_at) from quarantine.version v
where v.state = 'quarantined' and v.stem = %(stem)s and v.expired_at is null
  and v.first_judged_at < clock_timestamp() - make_interval(secs => %(overdue_s)s)
group by 1, 2 order by 1, 2

-- name: expiring
select v.state, count(*), min(v.first_judged_at) + make_interval(days => %(retain)s) from quarantine.version v
where v.stem = %(stem)s and v.expired_at is null
  and v.first_judged_at < clock_timestamp() - make_interval(days => %(retain)s - %(ahead)s)
group by 1 order by 1

-- name: lock_stem
select lane from judge.lane where stem = %s order by lane for update

-- name: expire
with due as (
    select v.id from quarantine.version v
    where v.stem = %(stem)s and v.expired_at is null and v.first_judged_at < clock_timestamp() - make_interval(days => %(retain)s)
    order by v.id limit %(limit)s for update
), recorded as (
    insert into quarantine.expired (version, stem, event_id, state, gate, codes, first_judged_at, policy, expired_by)
    select v.id, v.stem, v.event_id, v.state, v.gate,
        array(select distinct f ->> 'code' from jsonb_array_elements(v.failures) f order by 1), v.first_judged_at, %(policy)s, %(by)s
    from quarantine.version v join due using (id) returning version
)
update quarantine.version v set raw = '\x', waits_for = null, expired_at = clock_timestamp()
from recorded where v.id = recorded.version

-- name: holds
select h.hold, h.stem, h.code, h.subject, h.what, h.remedy, h.since, h.last_seen, h.released_at, r.released_by, r.reason
from extract.hold h left join quarantine.hold_release r using (hold)
where (%(all)s or h.released_at is null) and (%(stem)s::text is null or h.stem = %(stem)s) order by h.hold

-- name: release_hold
update extract.hold set released_at = clock_timestamp() where hold = %s and released_at is null returning stem

-- name: hold_of
select h.stem, h.released_at, r.released_by, r.reason from extract.hold h left join quarantine.hold_release r using (hold)
where h.hold = %s

-- name: record_release
insert into quarantine.hold_release (hold, released_by, reason) values (%s, %s, %s)

-- name: pauses
select stem, recipient, reason, paused_by, paused_at from quarantine.pause where resumed_at is null order by stem, recipient

-- name: last_pause
select reason, paused_by, paused_at, resumed_by, resumed_at from quarantine.pause
where stem = %s and recipient = %s order by pause desc limit 1

-- name: paused
select recipient, reason from quarantine.pause where stem = %s and resumed_at is null

-- name: pause
insert into quarantine.pause (stem, recipient, reason, paused_by) values (%s, %s, %s, %s)
on conflict (stem, recipient) where resumed_at is null do nothing

-- name: resume
update quarantine.pause set resumed_at = clock_timestamp(), resumed_by = %s where stem = %s and recipient = %s and resumed_at is null

-- name: steps
select step, act, stem, code, field, whom, reason, done_by, done_at from quarantine.step
where undone_at is null order by step

-- name: lock_steps
lock table quarantine.step in share row exclusive mode

-- name: take_step
insert into quarantine.step (act, stem, code, field, whom, reason, done_by)
values (%(act)s, %(stem)s, %(code)s, %(field)s, %(whom)s, %(reason)s, %(by)s) returning step

-- name: end_step
update quarantine.step set undone_at = clock_timestamp(), undone_by = %(by)s
where act = %(act)s and stem = %(stem)s and code = %(code)s and field = %(field)s and undone_at is null returning step

-- name: undo_step
update quarantine.step set undone_at = clock_timestamp(), undone_by = %s where step = %s and undone_at is null returning step

-- name: reveal
insert into quarantine.reveal (stem, what, records, reason, revealed_by) values (%s, %s, %s, %s, %s)

-- name: reveals
select reveal, stem, what, records, reason, revealed_by, revealed_at from quarantine.reveal order by reveal desc limit %s
