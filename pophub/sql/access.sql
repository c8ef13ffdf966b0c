-- Statements over access to subscribers' topics. Reader and writer: role pophub_owner.

-- name: open
select recipient, stem from hub.access where ended_at is null

-- name: give
insert into hub.access (recipient, stem)
select recipient, stem from unnest(%(recipients)s::text[], %(stems)s::text[]) as wanted(recipient, stem)
on conflict (recipient, stem) do update set since = clock_timestamp(), ended_at = null
where access.ended_at is not null

-- name: end
update hub.access a set ended_at = clock_timestamp()
where ended_at is null and not exists (
    select from unnest(%(recipients)s::text[], %(stems)s::text[]) as kept(recipient, stem)
    where (kept.recipient, kept.stem) = (a.recipient, a.stem))
returning recipient, stem

-- the newest terms say what becomes of the topic
-- name: to_remove
select a.recipient, a.stem from hub.access a
where a.ended_at is not null and (a.removed_at is null or a.removed_at < a.ended_at) and (
    select s.terms->>'after_end' from hub.subscription s where (s.recipient, s.stem) = (a.recipient, a.stem)
    order by s.version desc limit 1) = 'remove'
order by 1, 2

-- name: lanes
select lane, sequence from ledger.lane where recipient = %s and stem = %s

-- name: removed
update hub.access set removed_at = clock_timestamp(), removed_upto = %s where recipient = %s and stem = %s
