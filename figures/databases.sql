/*
figure: 1
title: {en: Registered databases, vi: Cơ sở dữ liệu đã đăng ký}
unit: {en: databases at the end of the year, vi: cơ sở dữ liệu cuối năm}
source:
  en: conference on Project 06; national ones grew from 6 to 10 in 2024, all others by 678 (+30 %)
  vi: hội nghị về Đề án 06; CSDL quốc gia tăng từ 6 lên 10 trong năm 2024, các CSDL khác tăng 678 (+30 %)
by: [level, agency]
chart: databases
wanted:
  - {row: 2023 national, column: databases, value: 6, as_of: 2024-12-31}
  - {row: 2024 national, column: databases, value: 10, as_of: 2024-12-31}
  - {row: 2023 other, column: databases, value: 2260, as_of: 2024-12-31}
  - {row: 2024 other, column: made, value: 678, as_of: 2024-12-31}
  - {row: 2024 other, column: percent, value: 30, as_of: 2024-12-31}
*/
with made as (
    select
        case when $by = 'agency' then agency when level = 'NATIONAL' then 'national' else 'other' end as kind,
        year(registered_on) as made_in, count(*) as made
    from catalogue.databases
    group by kind, made_in
),
years as (
    select kind, made_in from (select distinct kind from made) cross join (select distinct made_in from made)
)
select
    made_in || ' ' || kind as place,
    sum(coalesce(made, 0)) over so_far as databases,
    coalesce(made, 0) as made,
    round(100.0 * coalesce(made, 0) / nullif(sum(made) over before, 0), 1) as percent
from years left join made using (kind, made_in)
window
    so_far as (partition by kind order by made_in),
    before as (partition by kind order by made_in rows between unbounded preceding and 1 preceding)
order by kind, made_in
