/*
figure: 1
title: {en: Catalogue of Lao Cai against the portal, vi: Danh mục của Lào Cai so với Cổng Dịch vụ công quốc gia}
unit: {en: online procedures not on the portal, vi: thủ tục trực tuyến chưa có trên Cổng}
source: Lao Cai province; 1,797 services online and 1,655 on the national portal
by: [province, subject]
chart: not_on_portal
own: {agency: laocai}
wanted:
  - {row: laocai, column: online, value: 1797, as_of: 2023-12-31}
  - {row: laocai, column: on_portal, value: 1655, as_of: 2023-12-31}
  - {row: laocai, column: not_on_portal, value: 142, as_of: 2023-12-31}
*/
select
    case $by when 'subject' then subject else 'laocai' end as place,
    count(*) filter (online_level <> 'Trực tiếp') as online,
    count(*) filter (on_portal) as on_portal,
    count(*) filter (online_level <> 'Trực tiếp' and on_portal is not true) as not_on_portal,
    round(100.0 * count(*) filter (on_portal) / nullif(online, 0), 1) as on_portal_percent
from laocai.procedure_catalogue
group by place
order by not_on_portal desc, place
