/*
figure: 1
title: {en: Electronic identity accounts, vi: Tài khoản định danh điện tử}
unit: {en: accounts that can be used, vi: tài khoản dùng được}
source:
  en: Project 06; who may use public services online; given on Decree 59/2022, since July 2024 on Decree 69/2024
  vi: Đề án 06; ai dùng được dịch vụ công trực tuyến; cấp theo Nghị định 59/2022, từ tháng 7/2024 theo Nghị định 69/2024
by: [basis, level, holder, month]
chart: usable
*/
select
    case $by
        when 'level' then level
        when 'holder' then case when citizen_id is null then 'organisation' else 'citizen' end
        when 'month' then strftime(issued_on, '%Y-%m')
        else regexp_extract(legal_basis, '[0-9]+/[0-9]+')
    end as place,
    count(*) as accounts,
    count(*) filter (status = 'Hoạt động') as usable,
    count(*) filter (status = 'Khóa') as locked,
    round(100.0 * count(*) filter (level = 'Mức 2') / count(*), 1) as second_level_percent,
    round(100.0 * count(distinct citizen_id) filter (status = 'Hoạt động') / (select count(*) from mps.citizens), 1) as citizens_percent,
    min(issued_on) as first_on,
    max(issued_on) as last_on
from mps.identity_accounts
group by place
order by place
