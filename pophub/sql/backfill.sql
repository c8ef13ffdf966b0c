-- Statements of the backfill (pophub/stages/backfill.py). Writer: role pophub_extract.

-- name: open_backfill
select backfill, since, upto, at, rows from extract.backfill where stem = %s and finished_at is null

-- name: begin_backfill
insert into extract.backfill (stem, run, since, upto) values (%s, %s, %s, %s) returning backfill

-- name: move_backfill
update extract.backfill set at = coalesce(%s, at), rows = rows + %s, moved_at = clock_timestamp() where backfill = %s

-- name: finish_backfill
update extract.backfill set finished_at = clock_timestamp() where backfill = %s
