-- Statements about obstacles. Writer: role pophub_judge, insert only; figures read as pophub_figures.

-- one dispute of a version at a time, to the end of the transaction
-- name: lock_version
select pg_advisory_xact_lock(hashtext('quarantine.obstacle'), hashtext(%s::text))

-- name: rejected
select v.stem, array(select distinct f ->> 'code' from jsonb_array_elements(v.failures) f order by 1)
from quarantine.version v where v.id = %s and v.state = 'quarantined' and v.expired_at is null

-- name: open_dispute
select o.obstacle, o.filed_by, o.filed_at from quarantine.obstacle o
where o.version = %(version)s and o.agency = %(agency)s and not exists (select from quarantine.obstacle_answer a where a.obstacle = o.obstacle)

-- name: file
insert into quarantine.obstacle (agency, kind, stem, version, codes, what, owner, filed_by)
values (%(agency)s, %(kind)s, %(stem)s, %(version)s, %(codes)s, %(what)s, %(owner)s, %(by)s)
returning obstacle, filed_by, filed_at

-- name: filed
select filed_by from quarantine.obstacle where obstacle = %s

-- name: answer
insert into quarantine.obstacle_answer (obstacle, filed_by, outcome, answer, answered_by) values (%s, %s, %s, %s, %s)
on conflict (obstacle) do nothing

-- name: answered
select outcome, answered_by, answered_at from quarantine.obstacle_answer where obstacle = %s

-- name: list
select o.obstacle, o.agency, o.kind, o.stem, o.version, o.codes, o.what, o.owner, o.filed_by, o.filed_at,
    floor(extract(epoch from coalesce(a.answered_at, clock_timestamp()) - o.filed_at) / 86400)::int,
    a.outcome, a.answer, a.answered_by, a.answered_at
from quarantine.obstacle o left join quarantine.obstacle_answer a using (obstacle)
where (%(agency)s::text is null or o.agency = %(agency)s) and (%(all)s or a.obstacle is null)
order by o.filed_at, o.obstacle

-- what was filed by a moment, and answered by it; neither words nor people
-- name: counted
select o.agency, o.kind, o.stem, o.owner, o.filed_at, a.outcome, a.answered_at
from quarantine.obstacle o left join quarantine.obstacle_answer a on a.obstacle = o.obstacle and a.answered_at <= %(as_of)s
where o.filed_at <= %(as_of)s order by o.obstacle
