/*
figure: 1
title: {en: Land parcels by province, vi: Thửa đất theo tỉnh}
unit: {en: parcels, vi: thửa}
source:
  en: provinces as they are since 1 July 2025; parcels registered under the codes of before count where they are now
  vi: các tỉnh theo địa giới từ 1/7/2025; thửa đất đăng ký theo mã cũ được tính vào nơi hiện nay
by: [province, commune, year]
chart: parcels
*/
select
    case $by when 'commune' then commune_code when 'year' then strftime(registered_on, '%Y') else province_code end as place,
    count(*) as parcels,
    sum(area_m2)::bigint as area_m2,
    count(*) filter (digitised) as digitised,
    count(*) filter (registered_on >= date '2025-07-01') as since_july_2025
from monre.land_parcels
group by place
order by place
