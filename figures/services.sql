/*
figure: 1
title: {en: Dossiers submitted online and digitised, vi: Hồ sơ nộp trực tuyến và số hóa}
unit: {en: "% online", vi: "% trực tuyến"}
source:
  en: targets of Project 06 for 2025; ministries 85 %, localities 70 % of dossiers online
  vi: chỉ tiêu của Đề án 06 cho năm 2025; bộ, ngành 85 %, địa phương 70 % hồ sơ trực tuyến
by: [agency, month]
chart: online_percent
own: {by: agency}
wanted:
  - {row: laocai, column: target_percent, value: 70, as_of: 2024-12-31}
  - {row: mic, column: target_percent, value: 85, as_of: 2024-12-31}
*/
with dossiers as (
    select 'laocai' as agency, 'Địa phương' as whom, submitted_on, online, digitised from laocai.procedures
    union all
    select 'thanhhoa', 'Địa phương', submitted_on, online, digitised from thanhhoa.procedures
    union all
    select 'tuyenquang', 'Địa phương', submitted_on, online, digitised from tuyenquang.procedures
    union all
    select 'monre', 'Bộ, ngành', submitted_on, online, digitised from monre.procedures
    union all
    select 'mic', 'Bộ, ngành', submitted_on, online, digitised from mic.procedures
)
select
    case $by when 'month' then strftime(submitted_on, '%Y-%m') else agency end as place,
    count(*) as dossiers,
    round(100.0 * count(*) filter (online) / count(*), 1) as online_percent,
    round(100.0 * count(*) filter (digitised) / count(*), 1) as digitised_percent,
    any_value(case $by when 'agency' then rate_percent end) as target_percent,
    online_percent >= target_percent as reached,
    rank() over (order by count(*) filter (online) / count(*) desc) as rank
from dossiers
left join catalogue.targets using (whom)
where what = 'Tỷ lệ hồ sơ nộp trực tuyến'
group by place
order by place
