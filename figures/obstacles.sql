/*
figure: 1
title: {en: Obstacles that agencies filed, vi: Vướng mắc do các cơ quan nêu}
unit: {en: obstacles without an answer, vi: vướng mắc chưa được trả lời}
source:
  en: Working Group of Project 06; difficulties to be raised from below
  vi: Tổ công tác Đề án 06; khó khăn được nêu từ cơ sở
by: [agency, kind, owner, month]
chart: open
own: {by: agency}
*/
select
    case $by
        when 'kind' then kind
        when 'owner' then owner
        when 'month' then strftime(filed_on, '%Y-%m')
        else agency
    end as place,
    count(*) as filed,
    count(*) filter (outcome is null) as open,
    count(*) filter (outcome = 'upheld') as upheld,
    count(*) filter (outcome = 'declined') as declined,
    max(date_diff('day', filed_on, $day)) filter (outcome is null) as oldest_days
from hub.obstacles
group by place
order by open desc, place
