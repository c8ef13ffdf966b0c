-- Statements of the extract stage (pophub/stages/extract.py). Writer: role pophub_extract.

-- name: position
select marker, (extract(epoch from exchanged_at) * 1000000)::bigint, columns from extract.position where stem = %s

-- ticks stamp the datasets of simulated agencies alone
-- name: ticks
select (extract(epoch from at) * 1000000)::bigint from extract.tick
where exists (select 1 from extract.setting where name = 'simulation.stem.' || %s and value = 'clock') order by at

-- name: sent_rows
select digest from extract.sent_row where stem = %s

-- name: files_taken
select f.digest from extract.file f where f.stem = %s
    and not exists (select from extract.file n where n.stem = f.stem and n.name = f.name and n.scan > f.scan)

-- name: open_batch
insert into extract.batch (stem, run, contract, exchanged_at, rows, state)
values (%s, %s, %s, to_timestamp(0) + %s * interval '1 microsecond', %s, 'open') returning batch

-- name: sent_batch
update extract.batch set state = 'sent', sent_at = clock_timestamp() where batch = %s

-- a batch that the position moves behind
-- name: take_batch
update extract.batch b set state = 'sent', sent_at = clock_timestamp(),
    after = (select p.marker from extract.position p where p.stem = b.stem)
where batch = %s

-- name: move_position
insert into extract.position (stem, marker, exchanged_at, columns)
values (%(stem)s, %(marker)s, to_timestamp(0) + %(stamp)s * interval '1 microsecond', %(columns)s)
on conflict (stem) do update set marker = excluded.marker, exchanged_at = excluded.exchanged_at,
    columns = excluded.columns, moved_at = clock_timestamp()

-- name: pass_position
update extract.position set marker = %(marker)s, moved_at = clock_timestamp() where stem = %(stem)s

-- name: keep_sent_rows
insert into extract.sent_row (stem, digest, marker) values %s on conflict do nothing

-- name: forget_sent_rows
delete from extract.sent_row where stem = %s and marker < %s

-- name: take_file
insert into extract.file (stem, digest, name, rows, told, scan) values (%s, %s, %s, %s, %s, %s) on conflict do nothing

-- name: hold
insert into extract.hold (stem, code, subject, what, remedy) values (%s, %s, %s, %s, %s)
on conflict (stem, code, subject) where released_at is null do update set last_seen = clock_timestamp()

-- name: release
update extract.hold set released_at = clock_timestamp() where stem = %s and subject = %s and released_at is null

-- name: open_loss
select by from extract.loss where stem = %s and ended_at is null
