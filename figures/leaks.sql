/*
figure: 1
title: {en: Reads that were refused, vi: Lượt đọc bị từ chối}
unit: {en: refused reads, vi: lượt đọc bị từ chối}
source:
  en: Working Group of Project 06; leaks of data are not fewer
  vi: Tổ công tác Đề án 06; tình trạng lộ, lọt dữ liệu chưa giảm
by: [month, principal, topic]
chart: refused
*/
select
    case $by
        when 'principal' then principal
        when 'topic' then topic
        else strftime(day, '%Y-%m')
    end as place,
    sum(times)::bigint as refused,
    count(distinct principal) as principals,
    count(distinct topic) as topics
from hub.refused_reads
group by place
order by place
