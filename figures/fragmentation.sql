/*
figure: 1
title: {en: Where data on citizens is scattered, vi: Dữ liệu công dân còn phân tán}
unit: {en: values beside the population database, vi: giá trị ngoài cơ sở dữ liệu dân cư}
source:
  en: bottlenecks that the Working Group of Project 06 names; each field with how many databases hold it
  vi: điểm nghẽn do Tổ công tác Đề án 06 nêu; mỗi trường dữ liệu nằm trong bao nhiêu CSDL
by: [field, dataset]
chart: held
*/
-- names and dates are tokens here, as persons are: equal ones are equal, and that is all that is known of them
with named as (
    select 'laocai.parties' as dataset, citizen_id, full_name, birth_date from laocai.parties
    union all select 'laocai.procedures', citizen_id, full_name, birth_date from laocai.procedures
    union all select 'mic.procedures', citizen_id, full_name, birth_date from mic.procedures
    union all select 'mic.subscribers', citizen_id, full_name, birth_date from mic.subscribers
    union all select 'moet.education', citizen_id, full_name, birth_date from moet.education
    union all select 'moj.civil_status', citizen_id, full_name, birth_date from moj.civil_status
    union all select 'molisa.social_support', citizen_id, full_name, birth_date from molisa.social_support
    union all select 'monre.land_parcels', citizen_id, full_name, birth_date from monre.land_parcels
    union all select 'monre.procedures', citizen_id, full_name, birth_date from monre.procedures
    union all select 'portal.dossiers', citizen_id, full_name, birth_date from portal.dossiers
    union all select 'portal.parties', citizen_id, full_name, birth_date from portal.parties
    union all select 'thanhhoa.procedures', citizen_id, full_name, birth_date from thanhhoa.procedures
    union all select 'tuyenquang.procedures', citizen_id, full_name, birth_date from tuyenquang.procedures
    union all select 'vss.insurance', citizen_id, full_name, birth_date from vss.insurance
),
held as (
    select 'full_name' as field, dataset, citizen_id, full_name as value from named
    union all select 'full_name', 'mps.identity_accounts', citizen_id, full_name from mps.identity_accounts
    union all select 'full_name', 'moit.ecommerce_sales', seller_citizen_id, seller_name from moit.ecommerce_sales
    union all select 'full_name', 'mof.einvoices', seller_citizen_id, seller_name from mof.einvoices
    union all select 'birth_date', dataset, citizen_id, birth_date from named
),
known as (
    select 'full_name' as field, citizen_id, full_name as value from mps.citizens
    union all select 'birth_date', citizen_id, birth_date from mps.citizens
)
select
    case $by when 'dataset' then held.dataset else held.field end as place,
    count(distinct held.dataset) as databases,
    count(held.value) as held,
    count(*) filter (held.value = known.value) as agree,
    count(*) filter (held.value <> known.value) as differ,
    count(held.value) filter (known.value is null) as nobody_known
from held left join known on held.field = known.field and held.citizen_id = known.citizen_id
where held.citizen_id is not null
group by place
order by place
