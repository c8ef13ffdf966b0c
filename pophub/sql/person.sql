-- Statements about people with a login. A name is one person's, in whatever case it is written.

-- name: add
insert into hub.person (name, salt, password, role, added_by) values (%s, %s, %s, %s, %s)
on conflict (lower(name)) where removed_at is null do nothing returning added_at

-- name: remove
update hub.person set removed_at = clock_timestamp(), removed_by = %s
where lower(name) = lower(%s) and removed_at is null returning name, removed_at

-- name: people
select name, role, added_by, added_at, removed_by, removed_at from hub.person
where %s or removed_at is null order by lower(name), person

-- name: login
select name, role, salt, password from hub.person where lower(name) = lower(%s) and removed_at is null

-- name: note_login
insert into hub.login (name, fingerprint) values (%s, %s)
on conflict (name) do update set fingerprint = excluded.fingerprint where login.fingerprint <> excluded.fingerprint

-- whose user begins so and has no right in force logs in no more
-- name: forget_logins
delete from hub.login l using (values (%s)) as users(prefix) where starts_with(l.name, users.prefix) and not exists (
    select from hub.access a where a.ended_at is null and users.prefix || a.recipient = l.name)

-- name: unproven
select r.proposed_by from quarantine.repair r
where r.repair = %s and not exists (select 1 from quarantine.repair_approval a where a.repair = r.repair)
  and not exists (
    select 1 from hub.person p
    where lower(p.name) = lower(r.proposed_by) and p.added_at <= r.proposed_at
      and (p.removed_at is null or p.removed_at >= r.proposed_at))
