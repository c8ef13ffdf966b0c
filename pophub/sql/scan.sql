-- Statements of stores/scan.py: sources without a change marker. Writer: role pophub_extract.

-- name: tear
update extract.scan set state = 'torn', ended_at = clock_timestamp() where stem = %s and state = 'open'

-- name: claim
insert into extract.scan (stem, scan, run, state)
select %(stem)s, coalesce(max(scan), 0) + 1, %(run)s, 'open' from extract.scan where stem = %(stem)s
on conflict do nothing returning scan

-- name: lock_scan
select state from extract.scan where stem = %s and scan = %s for update

-- name: make_seen
create temp table if not exists scan_seen (key text collate "C");
create temp table if not exists scan_chunk (at int, key text collate "C", digest bytea);
create temp table if not exists scan_gone (key text collate "C" primary key, as_sent text);
truncate scan_seen, scan_chunk, scan_gone

-- name: forget_chunk
truncate scan_chunk

-- name: see_chunk
insert into scan_seen select key from scan_chunk

-- name: unknown
select c.at from scan_chunk c left join extract.scan_row r on r.stem = %s and r.key = c.key
where r.digest is distinct from c.digest order by c.at

-- name: name_rows
insert into extract.scan_row (stem, key, digest, scan, as_sent) values %s
on conflict (stem, key) do update set digest = excluded.digest, scan = excluded.scan, as_sent = excluded.as_sent

-- name: keep_rows
update extract.scan_row r set digest = c.digest from scan_chunk c
where r.stem = %(stem)s and r.key = c.key and r.scan = %(scan)s and r.digest = ''

-- name: analyze_seen
analyze scan_seen

-- name: find_gone
insert into scan_gone select r.key, r.as_sent from extract.scan_row r
where r.stem = %s and not exists (select from scan_seen s where s.key = r.key)

-- name: count_gone
select (select count(*) from scan_gone), (select count(*) from extract.scan_row where stem = %s)

-- name: gone_after
select key, as_sent from scan_gone where key > %s order by key limit %s

-- name: name_gone
update extract.scan_row set digest = '', scan = %(scan)s where stem = %(stem)s and key = any(%(keys)s::text[])

-- name: forget_gone
delete from extract.scan_row
where stem = %(stem)s and scan = %(scan)s and digest = '' and key = any(%(keys)s::text[])

-- the most rows whose absence a person has let pass since the last whole scan
-- name: let_go
select coalesce(max(s.gone), 0) from extract.scan s
where s.stem = %(stem)s and s.state = 'held'
  and s.scan > (select coalesce(max(scan), 0) from extract.scan where stem = %(stem)s and state = 'whole')
  and exists (select from extract.hold h join quarantine.hold_release r using (hold)
    where h.stem = s.stem and h.code = 'source.rows_gone' and h.released_at >= s.ended_at)

-- name: newest_file
select name from extract.file where stem = %s and scan > 0 order by scan desc limit 1

-- name: end_scan
update extract.scan set state = %(state)s, rows = %(rows)s, sent = %(sent)s, gone = %(gone)s,
    ended_at = clock_timestamp() where stem = %(stem)s and scan = %(scan)s
