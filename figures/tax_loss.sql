/*
figure: 1
title: {en: Candidates for loss of tax in electronic commerce, vi: Dấu hiệu thất thu thuế thương mại điện tử}
unit: {en: million VND not invoiced, vi: triệu đồng chưa xuất hóa đơn}
source:
  en: conference on Project 06; findings that the Ministry of Finance shares back
  vi: hội nghị về Đề án 06; kết quả rà soát mà Bộ Tài chính chia sẻ lại
by: [year, month]
chart: not_invoiced
*/
select
    case $by when 'month' then strftime(period, '%Y-%m') else year(period)::varchar end as place,
    count(distinct seller_tax_code) as sellers,
    round(sum(turnover_vnd) / 1e6)::bigint as declared,
    round(sum(invoiced_vnd) / 1e6)::bigint as invoiced,
    count(distinct seller_tax_code) filter (difference_vnd > 0) as candidates,
    round(sum(difference_vnd) filter (difference_vnd > 0) / 1e6)::bigint as not_invoiced,
    count(distinct seller_tax_code) filter (no_invoice) as without_invoice
from mof.ecommerce_findings
where turnover_vnd > 0 -- none is left of what a platform withdrew
group by place
order by place
