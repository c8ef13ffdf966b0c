-- Statements about what is asked for on the pages. Writers: pophub_judge asks, pophub_owner moves and answers.

-- one asks at a time, to the end of the transaction
-- name: lock_asking
select pg_advisory_xact_lock(hashtext('hub.request'), hashtext(%(kind)s || ' ' || %(stem)s))

-- name: open_request
select r.request from hub.request r where r.kind = %(kind)s and r.stem = %(stem)s and r.chosen = %(chosen)s::jsonb
    and not exists (select from hub.request_answer a where a.request = r.request)

-- name: ask
insert into hub.request (kind, stem, chosen, asked_by) values (%(kind)s, %(stem)s, %(chosen)s, %(by)s) returning request

-- `:which` stands for one of the conditions below
-- name: seen
select r.request, r.kind, r.stem, r.chosen, r.asked_by, r.asked_at, p.judged, p.total, a.code, a.told, a.answered_at
from hub.request r left join hub.request_progress p using (request) left join hub.request_answer a using (request)
where :which limit 1

-- name: newest_of
r.kind = %(kind)s and r.stem = %(stem)s order by r.request desc

-- name: of_number
r.request = %(request)s

-- name: oldest_open
r.kind = %(kind)s and not exists (select from hub.request_answer o where o.request = r.request) order by r.request

-- name: move_request
insert into hub.request_progress (request, judged, total) values (%(request)s, %(judged)s, %(total)s)
on conflict (request) do update set judged = excluded.judged, total = excluded.total, moved_at = clock_timestamp()

-- name: answer_request
insert into hub.request_answer (request, code, told) values (%s, %s, %s) on conflict (request) do nothing

-- a replay that ended since it was asked for: its attendant was cut off before the answer
-- name: replayed_already
select shared, superseded, duplicate, quarantined, unreadable from quarantine.replay_run
where stem = %(stem)s and selection = %(selection)s::jsonb and finished_at >= %(at)s order by run desc limit 1
