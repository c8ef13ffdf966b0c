/*
figure: 1
title: {en: Procedures of Lao Cai and how far they are online, vi: Thủ tục của Lào Cai và mức độ trực tuyến}
unit: {en: procedures, vi: thủ tục}
source: Lao Cai province; 9 November 2023, 1 December 2023, on the portal undated
by: [province, subject]
chart: online
own: {agency: laocai}
wanted:
  - {row: laocai, column: online, value: 1797, as_of: 2023-11-30}
  - {row: laocai, column: wholly_online, value: 1277, as_of: 2023-11-30}
  - {row: laocai, column: paperless, value: 35, as_of: 2023-12-31}
  - {row: laocai, column: on_portal, value: 1655, as_of: 2023-12-31}
*/
select
    case $by when 'subject' then subject else 'laocai' end as place,
    count(*) as procedures,
    count(*) filter (online_level <> 'Trực tiếp') as online,
    count(*) filter (online_level = 'Toàn trình') as wholly_online,
    count(*) filter (paperless) as paperless,
    count(*) filter (on_portal) as on_portal
from laocai.procedure_catalogue
group by place
order by place
