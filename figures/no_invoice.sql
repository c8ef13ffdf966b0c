/*
figure: 1
title: {en: Active establishments without an invoice, vi: Cơ sở đang hoạt động không phát sinh hóa đơn}
unit: {en: establishments, vi: cơ sở}
source:
  en: conference on Project 06; who issued no invoice at all in a period
  vi: hội nghị về Đề án 06; cơ sở không xuất hóa đơn nào trong kỳ
by: [year, kind]
chart: without_invoice
*/
-- an establishment counts in a year where it does business as of now and was registered by the end of that year
with years as (
    select distinct year(issued_at) as in_year from mof.einvoices
),
issued as (
    select distinct seller_tax_code as seller, year(issued_at) as in_year from mof.einvoices where status <> '3'
)
select
    case $by when 'kind' then years.in_year || ' ' || kind else years.in_year::varchar end as place,
    count(*) as active,
    count(*) filter (issued.seller is null) as without_invoice,
    round(100.0 * count(*) filter (issued.seller is null) / count(*), 1) as without_percent
from mof.taxpayers as taxpayers
join years on year(taxpayers.registered_on) <= years.in_year
left join issued on issued.seller = taxpayers.tax_code and issued.in_year = years.in_year
where taxpayers.active
group by place
order by place
