/*
figure: 1
title: {en: Growth of sharing, vi: Tăng trưởng chia sẻ dữ liệu}
unit: {en: share transactions, vi: lượt chia sẻ}
source:
  en: conference on Project 06; share transactions of 2024 against 2023, +57 %
  vi: hội nghị về Đề án 06; giao dịch chia sẻ năm 2024 so với 2023, +57 %
by: [year, quarter, month, agency, dataset, recipient]
chart: transactions
own: {by: agency}
wanted:
  - {by: year, row: "2024", column: percent, value: 57, as_of: 2024-12-31}
*/
with counted as (
    select
        case $by
            when 'agency' then agency
            when 'dataset' then stem
            when 'recipient' then recipient
            when 'month' then strftime(month, '%Y-%m')
            when 'quarter' then year(month) || '-Q' || quarter(month)
            else year(month)::varchar
        end as place,
        sum(transactions)::bigint as transactions
    from hub.share_transactions
    group by place
)
select
    place,
    transactions,
    case when $by in ('year', 'quarter', 'month') then
        round(100.0 * (transactions - lag(transactions) over (order by place)) / lag(transactions) over (order by place), 1)
    end as percent,
    round(100.0 * transactions / sum(transactions) over (), 1) as of_all_percent
from counted
order by place
