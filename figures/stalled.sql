/*
figure: 1
title: {en: Tasks that stand still, vi: Nhiệm vụ gặp vướng mắc}
unit: {en: tasks in progress, vi: nhiệm vụ đang thực hiện}
source:
  en: bottlenecks that the Working Group of Project 06 names
  vi: điểm nghẽn do Tổ công tác Đề án 06 nêu
by: [year, group, agency]
chart: in_progress
own: {by: agency}
*/
-- money that cannot be allotted for want of a legal basis, and tasks without money at all
select
    case $by when 'agency' then agency when 'group' then task_group else year::varchar end as place,
    count(*) as in_progress,
    count(*) filter (funding_vnd is null) as without_money,
    count(*) filter (funding_vnd is not null and legal_basis is null) as without_legal_basis,
    sum(funding_vnd) filter (legal_basis is null) as vnd_without_legal_basis
from project06.tasks
where state = 'IN_PROGRESS'
group by place
order by place
