/*
figure: 1
title: {en: 'Procedures of Lao Cai: how far they are online, and on the national portal', vi: 'Thủ tục của Lào Cai: mức độ trực tuyến, và đã có trên Cổng quốc gia'}
unit: {en: procedures, vi: thủ tục}
source:
  en: Lao Cai province; 9 November 2023, 1 December 2023; 1,655 of its 1,797 online services on the national portal, undated
  vi: tỉnh Lào Cai; 9/11/2023 và 1/12/2023; 1.655 trong 1.797 dịch vụ trực tuyến có trên Cổng quốc gia, không ghi ngày
by: [province, subject]
chart: online
own: {agency: laocai}
wanted:
  - {row: laocai, column: online, value: 1797, as_of: 2023-11-30}
  - {row: laocai, column: wholly_online, value: 1277, as_of: 2023-11-30}
  - {row: laocai, column: paperless, value: 35, as_of: 2023-12-31}
  - {row: laocai, column: on_portal, value: 1655, as_of: 2023-12-31}
  - {row: laocai, column: not_on_portal, value: 142, as_of: 2023-12-31}
*/
select
    case $by when 'subject' then subject else 'laocai' end as place,
    count(*) as procedures,
    count(*) filter (online_level <> 'Trực tiếp') as online,
    count(*) filter (online_level = 'Toàn trình') as wholly_online,
    count(*) filter (paperless) as paperless,
    count(*) filter (on_portal) as on_portal,
    count(*) filter (online_level <> 'Trực tiếp' and on_portal is not true) as not_on_portal,
    round(100.0 * count(*) filter (on_portal) / nullif(online, 0), 1) as on_portal_percent
from laocai.procedure_catalogue
group by place
order by place
