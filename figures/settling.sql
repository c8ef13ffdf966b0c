/*
figure: 1
title: {en: Dossiers settled and waiting, vi: Hồ sơ đã trả kết quả và còn chờ}
unit: {en: dossiers without a result, vi: hồ sơ chưa có kết quả}
source:
  en: Project 06; ministries and provinces that merge upgrade their systems, and no dossier is refused or delayed meanwhile
  vi: Đề án 06; các bộ, tỉnh hợp nhất nâng cấp hệ thống mà không từ chối, không chậm hồ sơ nào
by: [agency, merger, month]
chart: waiting
own: {by: agency}
*/
with dossiers as (
    select 'monre' as agency, true as merges, submitted_on, returned_on from monre.procedures
    union all select 'mic', true, submitted_on, returned_on from mic.procedures
    union all select 'laocai', true, submitted_on, returned_on from laocai.procedures
    union all select 'tuyenquang', true, submitted_on, returned_on from tuyenquang.procedures
    union all select 'thanhhoa', false, submitted_on, returned_on from thanhhoa.procedures
)
select
    case $by
        when 'merger' then case when merges then 'merging' else 'staying' end
        when 'month' then strftime(submitted_on, '%Y-%m')
        else agency
    end as place,
    count(*) as dossiers,
    count(returned_on) as settled,
    count(*) - count(returned_on) as waiting,
    round(avg(returned_on - submitted_on), 1) as days_to_settle,
    max(date_diff('day', submitted_on, $day)) filter (returned_on is null) as oldest_days
from dossiers
group by place
order by place
