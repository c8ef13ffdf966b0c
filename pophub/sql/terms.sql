-- Statements over the terms of grants. Writer: role pophub_owner at `pophub up`.

-- name: granted
select version, terms from hub.subscription where recipient = %s and stem = %s order by version

-- the instants are those of the terms: an earlier release wrote them by the session's time zone
-- name: record
insert into hub.subscription (recipient, stem, version, starts_at, ends_at, terms) values (%s, %s, %s, %s, %s, %s)
on conflict (recipient, stem, version) do update set starts_at = excluded.starts_at, ends_at = excluded.ends_at

-- whether a right from an instant on would count in months that are over; the month that is not
-- name: closed
select exists (
    select from ledger.history
    where stem = %s and month < this.first and (month + interval '1 month')::timestamp at time zone 'Asia/Ho_Chi_Minh' > %s),
    to_char(this.first, 'YYYY-MM')
from (select date_trunc('month', now() at time zone 'Asia/Ho_Chi_Minh')::date) as this(first)
