-- Statements of the rebuild; {schema} is the fresh schema's name. Writer: pophub_owner.

-- name: make_schema
create schema {schema};
create unlogged table {schema}.head_all (like population.head);
alter table {schema}.head_all drop column seen;
create table {schema}.head (like {schema}.head_all, primary key (stem, key));
create table {schema}.citizen (like population.present_state, primary key (citizen_id));
create table {schema}.identity (like population.identity, primary key (citizen_id, valid_from))

-- name: finish_heads
insert into {schema}.head select distinct on (stem, key) * from {schema}.head_all order by stem, key, marker desc;
drop table {schema}.head_all

-- name: fill_people
insert into {schema}.citizen
select (jsonb_populate_record(null::{schema}.citizen,
    jsonb_build_object('present', false) || f.fields || jsonb_build_object('citizen_id', f.citizen_id, 'markers', m.markers))).*
from (select citizen_id, jsonb_object_agg(e.key, e.value) as fields
      from winner, jsonb_each(fields) e group by citizen_id) f
join (select citizen_id, jsonb_object_agg(stem, marker) as markers from winner group by citizen_id) m using (citizen_id);
insert into {schema}.identity
select citizen_id, valid_from, full_name, birth_day, present, exchanged_at from identity_first

-- name: compare_head
with rebuilt as (select * from {schema}.head), live as (select stem, key, marker, content, contract, lane, sequence from population.head where stem = any(%(stems)s)),
both_sides as (
    select r.stem as ours, l.stem as theirs, to_jsonb(r) as rebuilt, to_jsonb(l) as live
    from rebuilt r full join live l using (stem, key))
select count(ours), count(theirs),
    coalesce(md5(sum(('x' || left(md5(rebuilt::text), 15))::bit(60)::bigint::numeric)::text), ''),
    coalesce(md5(sum(('x' || left(md5(live::text), 15))::bit(60)::bigint::numeric)::text), ''),
    count(*) filter (where rebuilt is distinct from live)
from both_sides

-- name: compare_citizen
with live as (select * from population.present_state where markers ?| %(stems)s),
both_sides as (
    select r.citizen_id as ours, l.citizen_id as theirs, to_jsonb(r) as rebuilt, to_jsonb(l) as live
    from {schema}.citizen r full join live l using (citizen_id))
select count(ours), count(theirs),
    coalesce(md5(sum(('x' || left(md5(rebuilt::text), 15))::bit(60)::bigint::numeric)::text), ''),
    coalesce(md5(sum(('x' || left(md5(live::text), 15))::bit(60)::bigint::numeric)::text), ''),
    count(*) filter (where rebuilt is distinct from live)
from both_sides

-- name: compare_identity
with live as (select i.* from population.identity i
    where exists (select from population.present_state c where c.citizen_id = i.citizen_id and c.markers ?| %(stems)s)
       or exists (select from {schema}.identity r where r.citizen_id = i.citizen_id)),
both_sides as (
    select r.citizen_id as ours, l.citizen_id as theirs, to_jsonb(r) as rebuilt, to_jsonb(l) as live
    from {schema}.identity r full join live l using (citizen_id, valid_from))
select count(ours), count(theirs),
    coalesce(md5(sum(('x' || left(md5(rebuilt::text), 15))::bit(60)::bigint::numeric)::text), ''),
    coalesce(md5(sum(('x' || left(md5(live::text), 15))::bit(60)::bigint::numeric)::text), ''),
    count(*) filter (where rebuilt is distinct from live)
from both_sides
