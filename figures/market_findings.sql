/*
figure: 1
title: {en: Findings against sellers, vi: Kết quả kiểm tra người bán}
unit: {en: findings, vi: vụ việc}
source:
  en: conference on Project 06; the growth of electronic commerce calls for control of quality and of fraud
  vi: hội nghị về Đề án 06; thương mại điện tử tăng trưởng cần kiểm soát chất lượng và gian lận
by: [kind, platform, year, month]
chart: findings
*/
with online as (
    select distinct seller_tax_code, true as sells from moit.ecommerce_sales
)
select
    case $by
        when 'platform' then platform
        when 'year' then year(found_on)::varchar
        when 'month' then strftime(found_on, '%Y-%m')
        else kind
    end as place,
    count(*) as findings,
    count(distinct seller_tax_code) as sellers,
    count(distinct seller_tax_code) filter (sells) as selling_online,
    count(settled_on) as settled,
    count(*) - count(settled_on) as unsettled,
    round(avg(settled_on - found_on), 1) as days_to_settle,
    round(sum(fine_vnd) / 1e6)::bigint as fined
from moit.market_findings
left join online using (seller_tax_code)
group by place
order by place
