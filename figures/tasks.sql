/*
figure: 1
title: {en: Tasks of Project 06, vi: Nhiệm vụ Đề án 06}
unit: {en: tasks, vi: nhiệm vụ}
source:
  en: Working Group of Project 06, at the end of 2024
  vi: Tổ công tác Đề án 06, cuối năm 2024
by: [year, group, agency]
chart: tasks
own: {by: agency}
wanted:
  - {by: year, row: "2024", column: tasks, value: 690, as_of: 2024-12-31}
  - {by: year, row: "2024", column: done, value: 348, as_of: 2024-12-31}
  - {by: year, row: "2024", column: done_percent, value: 50.4, as_of: 2024-12-31}
  - {by: year, row: "2024", column: regular, value: 119, as_of: 2024-12-31}
  - {by: year, row: "2024", column: in_progress, value: 184, as_of: 2024-12-31}
  - {by: year, row: "2024", column: unreported, value: 39, as_of: 2024-12-31}
  - {by: agency, row: tuyenquang, column: tasks, value: 61, as_of: 2024-12-31}
  - {by: agency, row: tuyenquang, column: done_or_regular, value: 34, as_of: 2024-12-31}
  - {by: agency, row: tuyenquang, column: in_progress, value: 27, as_of: 2024-12-31}
*/
-- overdue: in progress past the deadline; one without a stated state is unreported, never overdue
select
    case $by when 'agency' then agency when 'group' then task_group else year::varchar end as place,
    count(*) as tasks,
    count(*) filter (state = 'DONE') as done,
    count(*) filter (state = 'REGULAR') as regular,
    count(*) filter (state in ('DONE', 'REGULAR')) as done_or_regular,
    count(*) filter (state = 'IN_PROGRESS') as in_progress,
    count(*) filter (state = 'UNREPORTED') as unreported,
    count(*) filter (state = 'IN_PROGRESS' and deadline < $day) as overdue,
    round(100.0 * count(*) filter (state = 'DONE') / count(*), 1) as done_percent
from project06.tasks
group by place
order by place
