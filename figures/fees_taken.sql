/*
figure: 1
title: {en: Fees taken against fees in force, vi: Lệ phí đã thu so với mức đang áp dụng}
unit: {en: dong, vi: đồng}
source:
  en: Lao Cai province; the fee of each way to submit, as its catalogue names it
  vi: tỉnh Lào Cai; phí theo từng cách nộp, như danh mục của tỉnh ghi
by: [month, channel]
chart: taken_vnd
own: {agency: laocai}
*/
select
    case when $by = 'month' then strftime(submitted_on, '%Y-%m') when online then 'online' else 'counter' end as place,
    count(*) as dossiers,
    sum(dossiers.fee_vnd)::bigint as taken_vnd,
    sum(case when online then fee_online_vnd else procedures.fee_vnd end)::bigint as in_force_vnd,
    count(*) filter (dossiers.fee_vnd <> case when online then fee_online_vnd else procedures.fee_vnd end) as differ
from laocai.procedures as dossiers
join laocai.procedure_catalogue as procedures using (procedure_code)
group by place
order by place
