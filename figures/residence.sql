/*
figure: 1
title: {en: Deaths that ended residence, vi: Người chết đã được xóa đăng ký cư trú}
unit: {en: dead who are still registered, vi: người chết còn trong đăng ký cư trú}
source:
  en: civil status against the population database; a death ends residence
  vi: hộ tịch đối chiếu với cơ sở dữ liệu dân cư; người chết phải được xóa đăng ký cư trú
by: [year, month, province]
chart: still_registered
*/
select
    case $by
        when 'province' then deaths.province_code
        when 'month' then strftime(event_date, '%Y-%m')
        else year(event_date)::varchar
    end as place,
    count(*) as deaths,
    count(*) - count(citizens.citizen_id) as ended,
    count(citizens.citizen_id) as still_registered,
    max(date_diff('day', event_date, $day)) filter (citizens.citizen_id is not null) as oldest_days
from moj.civil_status as deaths
left join mps.citizens as citizens using (citizen_id)
where event_kind = 'DEATH'
group by place
order by place
