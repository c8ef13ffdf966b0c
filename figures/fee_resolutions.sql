/*
figure: 1
title: {en: Provinces without a fee resolution, vi: Tỉnh chưa ban hành nghị quyết về lệ phí}
unit: {en: provinces without one, vi: tỉnh chưa ban hành}
source:
  en: bottlenecks that the Working Group of Project 06 names; missing fee resolutions
  vi: điểm nghẽn do Tổ công tác Đề án 06 nêu; nghị quyết về phí còn thiếu
by: [all, province]
chart: without
own: {by: province}
wanted:
  - {by: province, row: laocai, column: lower_percent, value: 40, as_of: 2023-07-31}
*/
select
    case $by when 'province' then province else 'all' end as place,
    count(*) as provinces,
    count(*) filter (state = 'Đã ban hành') as resolved,
    count(*) filter (state <> 'Đã ban hành') as without,
    round(avg(lower_percent), 1) as lower_percent,
    max(resolved_on) as resolved_on
from catalogue.fee_resolutions
group by place
order by without desc, place
