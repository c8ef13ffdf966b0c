/*
figure: 1
title: {en: Who has reported on network security, vi: Báo cáo tiêu chí an ninh mạng}
unit: {en: agencies, vi: cơ quan}
source:
  en: Working Group of Project 06; 19 have not reported
  vi: Tổ công tác Đề án 06; 19 cơ quan chưa báo cáo
by: [all, level, agency]
chart: silent
own: {by: agency}
wanted:
  - {row: all, column: silent, value: 19, as_of: 2024-12-31}
*/
select
    case $by when 'level' then level when 'agency' then agency_code else 'all' end as place,
    count(*) as asked,
    count(*) filter (state = 'Đã báo cáo') as reported,
    count(*) filter (state <> 'Đã báo cáo') as silent
from security.criteria
group by place
order by silent desc, place
