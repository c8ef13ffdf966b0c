-- Tables of checkpoints, published figures; applied after schema.sql by `prepare`, idempotent.
select 1;
