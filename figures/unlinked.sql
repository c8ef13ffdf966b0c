/*
figure: 1
title: {en: Databases not linked to the population database, vi: Cơ sở dữ liệu chưa kết nối dữ liệu dân cư}
unit: {en: databases not linked, vi: cơ sở dữ liệu chưa kết nối}
source:
  en: Working Group of Project 06; who is not linked, and since when
  vi: Tổ công tác Đề án 06; cơ quan chưa kết nối, và từ khi nào
by: [agency, level]
chart: not_linked
own: {by: agency}
*/
select
    case $by when 'level' then level else agency end as place,
    count(*) as databases,
    count(*) filter (linked) as linked,
    count(*) filter (not linked) as not_linked,
    round(100.0 * count(*) filter (linked) / count(*), 1) as linked_percent,
    min(registered_on) filter (not linked) as not_linked_since
from catalogue.databases
group by place
order by not_linked desc, place
