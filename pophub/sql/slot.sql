-- Statements of stores/slot.py: sources read by their log. Writer: role pophub_extract.

-- name: followed
select l.slot, l.origin, l.base, l.state, l.reading, p.marker
from extract.slot l left join extract.position p using (stem) where l.stem = %s

-- what no marker of the dataset is above
-- name: highest
select greatest(
    (select marker from extract.position where stem = %(stem)s),
    (select highest from extract.slot where stem = %(stem)s),
    (select max(scan) from extract.scan where stem = %(stem)s),
    (select max(scan) from extract.scan_row where stem = %(stem)s))

-- name: claim_slot
insert into extract.slot (stem, slot, origin, base, state, highest, claim, reading, kept_at)
values (%(stem)s, %(slot)s, %(origin)s, %(base)s, %(state)s, %(highest)s, 1, true, clock_timestamp())
on conflict (stem) do update set slot = excluded.slot, origin = excluded.origin, base = excluded.base,
    state = excluded.state, highest = greatest(extract.slot.highest, excluded.highest), claim = extract.slot.claim + 1, reading = true, kept_at = excluded.kept_at,
    changed_at = clock_timestamp()
returning claim

-- name: claim_snapshot
insert into extract.scan (stem, scan, run, state) values (%(stem)s, %(scan)s, %(run)s, 'open')
on conflict do nothing returning scan

-- name: lock_slot
select claim from extract.slot where stem = %s for update

-- name: follow_slot
update extract.slot set state = 'following', reading = false, highest = %(place)s, changed_at = clock_timestamp() where stem = %(stem)s

-- name: rest_slot
update extract.slot set reading = false where stem = %(stem)s

-- name: lose_slot
update extract.slot set state = 'lost', changed_at = clock_timestamp() where stem = %s

-- name: raise_slot
update extract.slot set highest = greatest(highest, %(marker)s) where stem = %(stem)s

-- name: tell_kept
update extract.slot set kept_bytes = %(kept)s, kept_at = clock_timestamp() where stem = %(stem)s

-- name: place_position
insert into extract.position (stem, marker, exchanged_at, columns) values (%(stem)s, %(marker)s, to_timestamp(0), '{}')
on conflict (stem) do update set marker = excluded.marker, moved_at = clock_timestamp()

-- name: stamp_position
update extract.position set exchanged_at = to_timestamp(0) + %(stamp)s * interval '1 microsecond',
    columns = %(columns)s, moved_at = clock_timestamp() where stem = %(stem)s

-- name: keep_changed
update extract.scan_row r set digest = c.digest from (values %s) as c (stem, key, digest)
where r.stem = c.stem and r.key = c.key

-- name: forget_deleted
delete from extract.scan_row where stem = %(stem)s and key = any(%(keys)s::text[])
