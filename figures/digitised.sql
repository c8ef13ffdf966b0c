/*
figure: 1
title: {en: Dossiers of Lao Cai digitised and online, vi: Hồ sơ của Lào Cai được số hóa và nộp trực tuyến}
unit: {en: "% digitised", vi: "% số hóa"}
source:
  en: Lao Cai province; 68.7 % digitised, half or more online
  vi: tỉnh Lào Cai; số hóa 68,7 %, nộp trực tuyến một nửa trở lên
by: [year, month]
chart: digitised_percent
own: {agency: laocai}
target: {column: online_percent, at_least: 70, due: 2025-12-31}
wanted:
  - {row: "2024", column: digitised_percent, value: 68.7, as_of: 2024-12-31}
  - {row: "2024", column: online_percent, value: 55, as_of: 2024-12-31}
*/
select
    case $by when 'month' then strftime(submitted_on, '%Y-%m') else year(submitted_on)::varchar end as place,
    count(*) as dossiers,
    round(100.0 * count(*) filter (digitised) / count(*), 1) as digitised_percent,
    round(100.0 * count(*) filter (online) / count(*), 1) as online_percent
from laocai.procedures
group by place
order by place
