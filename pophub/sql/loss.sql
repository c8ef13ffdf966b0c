-- Statements of stores/loss.py: a loss of raw that a person takes up. Writer: role pophub_extract.

-- name: standing
select loss, lanes, batches, rows, first, since from extract.loss where stem = %s and ended_at is null

-- name: judged_lanes
select lane, raw_offset from judge.lane where stem = %s

-- batches that were sent and not judged whole: how many, their rows, the first, and the position before any of them, which
-- is null where one of them did not move it
-- name: unread
select count(*), coalesce(sum(b.rows), 0), min(b.batch), case when bool_and(b.after is not null) then min(b.after) end
from extract.batch b
where b.stem = %(stem)s and b.state = 'sent' and b.rows > 0
    and b.rows > coalesce((select sum(r.read) from judge.reconciliation r where r.batch = b.batch), 0)

-- name: begin
insert into extract.loss (stem, by, why, lanes, batches, rows, first, since)
values (%(stem)s, %(by)s, %(why)s, %(lanes)s, %(batches)s, %(rows)s, %(first)s, %(since)s) returning loss

-- they are as those that a crash left open: their rows come again in others
-- name: give_up
update extract.batch b set state = 'open', sent_at = null
where b.stem = %(stem)s and b.state = 'sent' and b.batch >= %(first)s
    and b.rows > coalesce((select sum(r.read) from judge.reconciliation r where r.batch = b.batch), 0)

-- name: move_back
update extract.position set marker = %(since)s, moved_at = clock_timestamp() where stem = %(stem)s

-- files that were taken since the first batch that was lost; of inventories the newest, which has all that there is
-- name: forget_files
delete from extract.file f where f.stem = %(stem)s and case when f.scan = 0
    then f.taken_at >= (select opened_at from extract.batch where batch = %(first)s)
    else f.scan = (select max(scan) from extract.file where stem = %(stem)s) end

-- name: know_again
insert into extract.scan_row (stem, key, digest, scan, as_sent) values %s on conflict do nothing

-- name: end
update extract.loss set ended_at = clock_timestamp() where loss = %s

-- keys that are accepted and present, and that a scan knows no more: their delete was lost
-- name: undeleted
select h.key from population.key_head h join hub.dataset d on d.number = h.dataset
where d.stem = %(stem)s and h.gone is null
    and not exists (select from extract.scan_row r where r.stem = %(stem)s and r.key = h.key)
union all
select c.citizen_id from population.citizen c join hub.dataset d on d.number = c.dataset
where d.stem = %(stem)s and c.present
    and not exists (select from extract.scan_row r where r.stem = %(stem)s and r.key = c.citizen_id)
