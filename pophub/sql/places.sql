-- Statements of stores/places.py: how far a log of changes was read. Writer: role pophub_extract.

-- name: topic
select topic_id, generation, again from extract.topic where stem = %s

-- name: places
select partition, next from extract.topic_place where stem = %s

-- name: begin_topic
insert into extract.topic (stem, topic_id, generation) values (%s, %s, %s)
on conflict (stem) do update set topic_id = excluded.topic_id, generation = excluded.generation,
    again = false, begun_at = clock_timestamp()

-- name: forget_places
delete from extract.topic_place where stem = %s

-- name: begin_places
insert into extract.topic_place (stem, partition, next) values %s

-- name: move_place
update extract.topic_place set next = %(next)s, moved_at = clock_timestamp()
where stem = %(stem)s and partition = %(partition)s and next < %(next)s
