-- Statements of the backfill (pophub/stages/backfill.py). Writer: role pophub_extract.

-- name: open_backfill
select backfill, since, upto, at, rows from extract.backfill where stem = %s and finished_at is null

-- name: begin_backfill
insert into extract.backfill (stem, run, since, upto, by) values (%s, %s, %s, %s, %s) returning backfill

-- name: go_on_with_backfill
update extract.backfill set by = by || %(by)s::text[] where backfill = %(backfill)s and not by @> %(by)s::text[]

-- name: standing_backfill
select b.by, b.begun_at, b.rows, p.marker
from (select %(stem)s::text as stem) wanted
left join extract.backfill b on b.stem = wanted.stem and b.finished_at is null
left join extract.position p on p.stem = wanted.stem

-- name: record_mend
insert into extract.mend (stem, rows, by) values (%s, %s, %s)

-- name: move_backfill
update extract.backfill set at = coalesce(%s, at), rows = rows + %s, moved_at = clock_timestamp() where backfill = %s

-- name: finish_backfill
update extract.backfill set finished_at = clock_timestamp() where backfill = %s
