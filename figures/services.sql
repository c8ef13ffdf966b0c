/*
figure: 1
title: {en: Dossiers submitted online and digitised, vi: Hồ sơ nộp trực tuyến và số hóa}
unit: {en: "% online", vi: "% trực tuyến"}
source: targets of Project 06; localities 70 % of dossiers online by 2025
by: [month, year, procedure]
chart: online_percent
target: {column: online_percent, at_least: 70, due: 2025-12-31}
*/
select
    case $by
        when 'procedure' then procedure_code
        when 'year' then year(submitted_on)::varchar
        else strftime(submitted_on, '%Y-%m')
    end as place,
    count(*) as dossiers,
    count(*) filter (online) as online,
    count(*) filter (digitised) as digitised,
    round(100.0 * count(*) filter (online) / count(*), 1) as online_percent,
    round(100.0 * count(*) filter (digitised) / count(*), 1) as digitised_percent,
    rank() over (order by count(*) filter (online) / count(*) desc) as rank
from thanhhoa.procedures
group by place
order by place
