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
with months as (  -- also those in which nothing was shared: growth is against the period before, not the one before in this list
    select unnest(generate_series(min(month), max(month), interval 1 month))::date as month from hub.share_transactions
),
counted as (
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
    from (
        select month, agency, stem, recipient, transactions from hub.share_transactions
        union all
        select month, null, null, null, 0 from months where $by in ('year', 'quarter', 'month')
    )
    group by place
),
unfinished as (  -- the period that does not end with the day as of which it is asked
    select case $by
        when 'month' then strftime($day::date + 1, '%Y-%m')
        when 'quarter' then year($day::date + 1) || '-Q' || quarter($day::date + 1)
        when 'year' then year($day::date + 1)::varchar
    end as place
)
select
    place,
    transactions,
    case when place < (select place from unfinished) and transactions > 0 then
        round(100.0 * (transactions - before) / nullif(before, 0), 1)
    end as percent,
    round(100.0 * transactions / sum(transactions) over (), 1) as of_all_percent
from (select *, lag(transactions) over (order by place) as before from counted)
order by place
