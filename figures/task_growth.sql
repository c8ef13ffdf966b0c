/*
figure: 1
title: {en: Growth of tasks by cohort, vi: Tăng trưởng nhiệm vụ theo khóa}
unit: {en: tasks of the year, vi: nhiệm vụ của năm}
source:
  en: bottlenecks that the Working Group of Project 06 names; tasks of past years behind schedule, by cohort
  vi: điểm nghẽn do Tổ công tác Đề án 06 nêu; nhiệm vụ các năm trước chậm tiến độ, theo năm giao
by: [year, group, agency]
chart: tasks
wanted:
  - {by: year, row: "2024", column: tasks, value: 690, as_of: 2024-12-31}
*/
with made as (
    select
        case $by when 'agency' then agency when 'group' then task_group end as kind,
        year, count(*) as tasks, count(*) filter (state = 'IN_PROGRESS' and deadline < $day) as overdue
    from project06.tasks
    where task_group is not null or $by <> 'group'
    group by kind, year
)
select
    concat_ws(' ', year, kind) as place,
    tasks,
    round(100.0 * (tasks - lag(tasks) over mine) / lag(tasks) over mine, 1) as percent,
    overdue,
    sum(overdue) over mine as overdue_so_far
from made
window mine as (partition by kind order by year)
order by kind, year
