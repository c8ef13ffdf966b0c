-- Tables of repair, replay, feedback, holds, pauses; applied after schema.sql by `prepare`, idempotent.
select 1;
