-- Statements about what is asked for on the pages. Writers: pophub_judge asks, pophub_owner answers; insert only.

-- one asks at a time, to the end of the transaction
-- name: lock_asking
select pg_advisory_xact_lock(hashtext('hub.request'), hashtext(%(kind)s || ' ' || %(stem)s))

-- name: open_request
select r.request from hub.request r where r.kind = %(kind)s and r.stem = %(stem)s
    and not exists (select from hub.request_answer a where a.request = r.request)

-- name: ask
insert into hub.request (kind, stem, asked_by) values (%(kind)s, %(stem)s, %(by)s) returning request

-- name: newest_request
select r.request, r.asked_by, r.asked_at, a.code, a.told, a.answered_at
from hub.request r left join hub.request_answer a using (request)
where r.kind = %(kind)s and r.stem = %(stem)s order by r.request desc limit 1

-- name: open_of_kind
select r.request, r.stem, r.asked_by, r.asked_at from hub.request r where r.kind = %s
    and not exists (select from hub.request_answer a where a.request = r.request) order by r.request limit 1

-- name: answer_request
insert into hub.request_answer (request, code, told) values (%s, %s, %s) on conflict (request) do nothing
