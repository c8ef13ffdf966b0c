/*
figure: 1
title: {en: Fees online against fees at the counter, vi: Lệ phí trực tuyến so với tại quầy}
unit: {en: "% lower online", vi: "% thấp hơn khi trực tuyến"}
source:
  en: Lao Cai province; lowered on 6 July 2023
  vi: tỉnh Lào Cai; giảm phí từ 6/7/2023
chart: lower_percent
own: {agency: laocai}
wanted:
  - {row: all, column: lower_percent, value: 0, as_of: 2023-06-30}
  - {row: all, column: lower_percent, value: 40, as_of: 2023-07-31}
*/
select
    'all' as place,
    count(*) filter (fee_vnd > 0) as with_fee,
    round(100.0 * (1 - sum(fee_online_vnd) / sum(fee_vnd)), 1) as lower_percent
from laocai.procedure_catalogue
