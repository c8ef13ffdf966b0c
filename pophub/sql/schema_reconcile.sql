-- Tables of reconciliation across stores, rebuild; applied after schema.sql by `prepare`, idempotent.
select 1;
