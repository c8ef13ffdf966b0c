-- Statements of sources/wal_standing.py, at the source's own server: whether its log can be read.

-- name: server_state
select current_setting('wal_level') as wal_level, pg_is_in_recovery() as replica,
    (select oid::bigint from pg_database where datname = current_database()) as database,
    (select r.rolsuper or r.rolreplication from pg_roles r where r.rolname = current_user)
        or exists (select from pg_roles r where r.rolname = 'rds_replication' and pg_has_role(r.oid, 'usage')) as may

-- name: place_now
select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint

-- the columns that a deleted row is named by, and whether the key's columns have one row a key
-- name: table_state
with named as (
    select c.* from pg_class c where c.relkind in ('r', 'p') and c.relname = %(name)s
        and (case when %(schema)s::text is null then pg_table_is_visible(c.oid)
             else c.relnamespace = (select oid from pg_namespace where nspname = %(schema)s) end)
), indexed as (
    select i.indisprimary, i.indisreplident, i.indexrelid,
        i.indisunique and i.indimmediate and i.indpred is null and i.indexprs is null and i.indisvalid as sound,
        array(select a.attname::text from unnest(i.indkey[0:i.indnkeyatts - 1]) k
            join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k order by 1) as columns
    from pg_index i join named on named.oid = i.indrelid
)
select n.oid::bigint as oid, n.relpersistence::text as persistence, n.relreplident::text as identity,
    (select to_json(x.columns)::text from indexed x where x.indisprimary and x.sound) as primary_key,
    (select to_json(x.columns)::text from indexed x where x.indisreplident) as identity_index,
    exists (select from indexed x where x.sound
        and x.columns = array(select k from unnest(%(key)s::text[]) k order by 1)) as one_row_a_key,
    (select coalesce(json_agg(a.attname::text), '[]')::text from pg_attribute a
        where a.attrelid = n.oid and a.attnum > 0 and not a.attisdropped and a.attstorage <> 'p') as long_columns,
    (select coalesce(json_agg(a.attname::text), '[]')::text from pg_attribute a
        where a.attrelid = n.oid and a.attnum > 0 and not a.attisdropped) as columns
from named n

-- rights of a publication are read as JSON: later versions of the server tell more of it
-- name: publication_state
select p.oid::bigint as oid, p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate as whole,
    (select to_json(t)::text from pg_publication_tables t
        join pg_class c on c.relname = t.tablename
        join pg_namespace n on n.oid = c.relnamespace and n.nspname = t.schemaname
        where t.pubname = p.pubname and c.oid = %(table)s) as told,
    (select r.oid::bigint from pg_publication_rel r where r.prpubid = p.oid and r.prrelid = %(table)s) as member
from pg_publication p where p.pubname = %(publication)s

-- name: slot_state
select to_json(s)::text as slot, s.plugin = 'pgoutput' and s.database = current_database() as ours, s.active,
    (s.confirmed_flush_lsn - '0/0'::pg_lsn)::bigint as confirmed,
    (pg_current_wal_lsn() - s.restart_lsn)::bigint as kept
from pg_replication_slots s where s.slot_name = %(slot)s

-- name: base_types
with recursive base as (
    select t.oid as asked, t.oid as found, t.typbasetype from pg_type t where t.oid = any(%(oids)s::oid[])
    union all select b.asked, t.oid, t.typbasetype from base b join pg_type t on t.oid = b.typbasetype
)
select asked::bigint as asked, found::bigint as found from base where typbasetype = 0
