/*
figure: 1
title: {en: Procedures that use citizens' data, vi: Thủ tục sử dụng dữ liệu công dân}
unit: {en: procedures, vi: thủ tục}
source:
  en: Working Group of Project 06; 317 procedures to be simplified, by Public Security with the ministries
  vi: Tổ công tác Đề án 06; 317 thủ tục phải đơn giản hóa, do Bộ Công an cùng các bộ thực hiện
by: [state, agency]
chart: procedures
wanted:
  - {by: state, row: all, column: procedures, value: 317, as_of: 2024-12-31}
*/
-- documents dropped against what the plan of each procedure drops
select
    case
        when grouping(state) = 0 and state = 'Hoàn thành' then 'done'
        when grouping(state) = 0 and state = 'Đang thực hiện' then 'in_progress'
        when grouping(state) = 0 then 'not_begun'
        else coalesce(ministry, 'all')
    end as place,
    count(*) as procedures,
    sum(documents_to_drop)::bigint as documents_to_drop,
    sum(documents_dropped)::bigint as documents_dropped,
    round(100.0 * sum(documents_dropped) / nullif(sum(documents_to_drop), 0), 1) as dropped_percent,
    count(*) filter (state <> 'Hoàn thành' and due_on < $day) as overdue
from portal.simplifications
group by grouping sets ((state), (ministry), ())
having case when $by = 'agency' then grouping(state) = 1 else grouping(ministry) = 1 end
order by procedures desc, place
