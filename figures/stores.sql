/*
figure: 1
title: {en: Stores of organisations and individuals that are linked, vi: 'Kho dữ liệu tổ chức, cá nhân đã liên thông'}
unit: {en: values that differ, vi: giá trị khác nhau}
source:
  en: Project 06; the portal's store and Lao Cai's own are linked both ways
  vi: Đề án 06; kho của Cổng dịch vụ công và kho của Lào Cai liên thông hai chiều
chart: differ
own: {agency: laocai}
*/
-- names, birth dates and addresses are tokens here: equal ones are equal, and that is all that is known of them
select
    pair.field as place,
    count(*) as parties,
    count(*) filter (theirs.party_no is not null) as linked,
    count(pair.mine) as held,
    count(*) filter (pair.mine = pair.other) as agree,
    count(*) filter (theirs.party_no is not null and pair.mine is distinct from pair.other) as differ
from laocai.parties as own
left join portal.parties as theirs using (party_no)
cross join unnest([
    {'field': 'full_name', 'mine': own.full_name, 'other': theirs.full_name},
    {'field': 'birth_date', 'mine': own.birth_date, 'other': theirs.birth_date},
    {'field': 'tax_code', 'mine': own.tax_code, 'other': theirs.tax_code},
    {'field': 'organisation', 'mine': own.organisation, 'other': theirs.organisation},
    {'field': 'address', 'mine': own.address, 'other': theirs.address},
    {'field': 'status', 'mine': own.status, 'other': theirs.status}
]) as told(pair)
group by place
order by differ desc, place
