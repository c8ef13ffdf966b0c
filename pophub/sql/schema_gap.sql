-- What retention took before judge read it; applied after schema.sql by `prepare`, idempotent.

-- offsets of a lane of raw, from from_offset up to before to_offset, that judge never saw and passed over
create table if not exists judge.gap (
    stem text not null,
    lane int not null,
    from_offset bigint not null,
    to_offset bigint not null check (to_offset > from_offset),
    by text not null,
    passed_at timestamptz not null default clock_timestamp(),
    primary key (stem, lane, from_offset)
);

grant select, insert on judge.gap to pophub_judge;
grant select on judge.gap to pophub_read;
