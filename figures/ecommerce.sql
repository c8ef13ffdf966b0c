/*
figure: 1
title: {en: Turnover of electronic commerce, vi: Doanh thu thương mại điện tử}
unit: {en: million VND, vi: triệu đồng}
source:
  en: conference on Project 06; control of electronic commerce against loss of tax; 20.5 billion USD in 2024, 30.5 expected for 2025
  vi: hội nghị về Đề án 06; quản lý thương mại điện tử, chống thất thu thuế; 20,5 tỷ USD năm 2024, dự kiến 30,5 tỷ USD năm 2025
by: [year, platform, month]
chart: turnover
wanted:
  - {by: year, row: "2024", column: usd_billion, value: 20.5, as_of: 2024-12-31}
*/
-- a seller with turnover and not a single invoice of the same year is a candidate for loss of tax
with issued as (
    select distinct coalesce(seller_tax_code, seller_citizen_id) as seller, year(issued_at) as in_year
    from mof.einvoices
    where status <> '3'
),
counted as (
    select
        case $by
            when 'platform' then platform
            when 'month' then strftime(period, '%Y-%m')
            else year(period)::varchar
        end as place,
        round(sum(turnover_vnd) / 1e6)::bigint as turnover,
        round(sum(turnover_vnd) / 25450e9, 1) as usd_billion, -- at 25,450 dong a dollar
        sum(orders) as orders,
        count(distinct coalesce(seller_tax_code, seller_citizen_id)) as sellers,
        count(distinct coalesce(seller_tax_code, seller_citizen_id)) filter (issued.seller is null) as without_invoice,
        round(sum(turnover_vnd) filter (issued.seller is null) / 1e6)::bigint as turnover_without_invoice
    from moit.ecommerce_sales as sales
    left join issued on issued.seller = coalesce(seller_tax_code, seller_citizen_id) and issued.in_year = year(period)
    group by place
)
-- what is expected of a year to come is a plan, and no turnover
select *
from counted
full join (select '2025' as place, 30.5 as planned_usd_billion where $by = 'year') as planned using (place)
order by place
