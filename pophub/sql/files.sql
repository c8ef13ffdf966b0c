-- Holds of single files of a drop folder (pophub/stores/held_files.py). Writer: role pophub_extract.

-- name: held_files
select hold, subject from extract.hold
where stem = %s and released_at is null and code like 'source.%%' and subject <> 'table'

-- name: release_file
update extract.hold set released_at = clock_timestamp() where hold = %s and released_at is null

-- name: say_why
insert into quarantine.hold_release (hold, released_by, reason) values (%s, 'pophub', %s)
