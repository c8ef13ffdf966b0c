-- Statements of stores/reading.py: by what a source is read. Writer: role pophub_extract.

-- name: reading
select r.source_table, r.marker, r.key from extract.reading r join extract.position using (stem) where stem = %(stem)s

-- name: keep_reading
insert into extract.reading (stem, source_table, marker, key, by)
values (%(stem)s, %(table)s, %(marker)s, %(key)s, %(by)s)
on conflict (stem) do update set source_table = excluded.source_table, marker = excluded.marker,
    key = excluded.key, by = excluded.by, since = clock_timestamp()
where (extract.reading.source_table, extract.reading.marker, extract.reading.key)
    is distinct from (excluded.source_table, excluded.marker, excluded.key)

-- name: forget_position
update extract.position set marker = null, moved_at = clock_timestamp() where stem = %(stem)s

-- name: forget_sent
delete from extract.sent_row where stem = %(stem)s

-- name: accepted
select count(*), max(marker) from ledger.history where stem = %(stem)s

-- name: read_again
update extract.topic set again = true where stem = %(stem)s

-- the keys stay known, so that one that is gone by now is found
-- name: forget_contents
update extract.scan_row set digest = '' where stem = %(stem)s
