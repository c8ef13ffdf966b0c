-- Thirty tables of a shop, a school and a land register, as nobody asked the hub: foreign keys, composite keys, odd types,
-- Vietnamese and reserved names, rows with defects, and hardly a time of update.

-- A shop
create schema cua_hang;
create domain cua_hang.ma_vach as varchar(13);
create type cua_hang.trang_thai as enum ('mới', 'đã trả tiền', 'huỷ');
create type cua_hang.dia_chi as (duong text, phuong text);
create table cua_hang."Nhóm hàng" (ma char(6) primary key, "Tên nhóm" text not null, nhom_cha char(6) references cua_hang."Nhóm hàng" (ma));
insert into cua_hang."Nhóm hàng" values ('GAO', 'Gạo', null), ('GAO-TT', 'Gạo tám thơm', 'GAO'), ('MAM', 'Mắm', null), ('TRA', 'Trà', null);
create table cua_hang."Hàng hoá" (
    id uuid primary key, "Mã vạch" cua_hang.ma_vach unique, "Tên hàng" text not null, nhom char(6) references cua_hang."Nhóm hàng" (ma),
    "Giá bán" numeric(15,2) not null check ("Giá bán" >= 0), "Giá vốn" money, "Khối lượng" real, tags text[], thuoc_tinh jsonb, hinh bytea);
insert into cua_hang."Hàng hoá"
    select md5(n::text)::uuid, lpad(n::text, 13, '8'), 'Hàng số ' || n || case when n = 9 then E'\u0007' else '' end,
        (array['GAO', 'GAO-TT', 'MAM', 'TRA'])[1 + mod(n, 4)], n * 1000.25, n::text::money, n / 7.0, array['a b', 'c"d', null], '{"màu": ["đỏ", 1.10]}', '\xdeadbeef'
    from generate_series(1, 40) n;
create table cua_hang."user" ("order" bigserial primary key, "Họ tên" text, "E-mail" text unique, "Điện thoại" text, dia_chi cua_hang.dia_chi, "select" bit(4), lan_cuoi interval);
insert into cua_hang."user" ("Họ tên", "E-mail", "Điện thoại", dia_chi, "select", lan_cuoi)
    select 'Trần Thị ' || n, 'khach' || n || '@an.example', '09' || lpad(n::text, 8, '0'), '("Hàng Bạc","Hoàn Kiếm")'::cua_hang.dia_chi, b'1010', n * interval '1 day 2 hours' from generate_series(1, 25) n;
create table cua_hang.don_hang (so_don text, nam smallint, khach bigint references cua_hang."user" ("order"), trang_thai cua_hang.trang_thai not null,
    thoi_diem timestamptz, tong numeric, primary key (nam, so_don));
insert into cua_hang.don_hang select 'DH|' || n, 2020 + mod(n, 5), 1 + mod(n, 25), 'mới', case when n = 3 then 'infinity' else timestamptz '2024-01-01 08:00+07' + n * interval '1 hour' end, n from generate_series(1, 60) n;
create table cua_hang.dong_don (nam smallint, so_don text, dong int, hang uuid references cua_hang."Hàng hoá" (id), so_luong numeric(9,3), giam double precision,
    primary key (nam, so_don, dong), foreign key (nam, so_don) references cua_hang.don_hang (nam, so_don));
insert into cua_hang.dong_don select 2020 + mod(n, 5), 'DH|' || n, d, md5(d::text)::uuid, d * 1.5, case when d = 2 then 'NaN'::float8 else 0.1 end from generate_series(1, 60) n, generate_series(1, 2) d;
create table cua_hang.kho (ma int primary key, "tên" varchar(30), gio_mo time, gio_dong timetz, "Vị trí" point, may inet, mac macaddr);
insert into cua_hang.kho values (1, 'Kho Đông Anh', '07:30', '17:30+07', '(105.8,21.1)', '10.1.0.0/16', '08:00:2b:01:02:03'), (2, '', null, null, null, null, null);
create table cua_hang.ton_kho (kho int references cua_hang.kho (ma), hang uuid references cua_hang."Hàng hoá" (id), ton bigint not null, primary key (hang, kho));
insert into cua_hang.ton_kho select 1 + mod(n, 2), md5(n::text)::uuid, n * 4000000000 from generate_series(1, 40) n;
create table cua_hang.gia_theo_ngay (hang uuid, khoang daterange, gia numeric(15,2), primary key (hang, khoang));
insert into cua_hang.gia_theo_ngay select md5(n::text)::uuid, daterange('2024-01-01', null), 1 from generate_series(1, 20) n;
create table cua_hang.tham_so (khoa text primary key, gia_tri tsvector);
insert into cua_hang.tham_so values ('mẫu in', 'khổ giấy a4');
create table cua_hang."nhật ký" (luc timestamptz, noi_dung text);
insert into cua_hang."nhật ký" select null, 'mở cửa' from generate_series(1, 30);

-- A school
create schema "Trường";
create table "Trường"."Năm học" (nam_hoc text primary key, bat_dau date, ket_thuc date);
insert into "Trường"."Năm học" values ('2023-2024', '2023-09-05', '2024-05-31'), ('2024-2025', '2024-09-05', 'infinity');
create table "Trường"."Lớp" ("Mã lớp" text, nam_hoc text references "Trường"."Năm học" (nam_hoc), "Khối" smallint, "sĩ số" int, primary key ("Mã lớp", nam_hoc));
insert into "Trường"."Lớp" select k || 'A' || n, '2023-2024', k, 40 from generate_series(10, 12) k, generate_series(1, 3) n;
create table "Trường"."Học sinh" ("Mã HS" text primary key, "Họ và tên" text not null, "Ngày sinh" text, "Giới tính" text, "Số ĐDCN" text, "Dân tộc" text, "Mã lớp" text, nam_hoc text,
    foreign key ("Mã lớp", nam_hoc) references "Trường"."Lớp" ("Mã lớp", nam_hoc));
insert into "Trường"."Học sinh" select 'HS' || lpad(n::text, 5, '0'), 'Lê Văn ' || n, case when n = 5 then '31/02/2008' else to_char(date '2008-01-01' + n, 'DD/MM/YYYY') end,
    case when mod(n, 2) = 0 then 'Nam' else 'Nữ' end, null, (array['Kinh', 'Tày', 'Thái'])[1 + mod(n, 3)], (10 + mod(n, 3)) || 'A1', '2023-2024' from generate_series(1, 70) n;
create table "Trường"."Giáo viên" (ma int primary key, "Họ tên" text, "Ngày vào ngành" date, luong numeric(38,10));
insert into "Trường"."Giáo viên" select n, 'Cô ' || n, case when n = 2 then date '0044-03-15 BC' else date '1999-09-01' end, 1234567890123456789012345678.0123456789 from generate_series(1, 22) n;
create table "Trường"."Môn" (ma text primary key, ten text, so_tiet int, cap_nhat_luc timestamptz);
insert into "Trường"."Môn" values ('TOAN', 'Toán', 4, now()), ('VAN', 'Ngữ văn', 4, null);
create table "Trường"."Phân công" (gv int references "Trường"."Giáo viên" (ma), mon text references "Trường"."Môn" (ma), lop text, primary key (gv, mon, lop));
insert into "Trường"."Phân công" select n, 'TOAN', '10A1' from generate_series(1, 22) n;
create table "Trường"."Điểm" (hs text references "Trường"."Học sinh" ("Mã HS"), mon text references "Trường"."Môn" (ma), lan int, diem numeric(3,1), "ghi chú" text, primary key (hs, mon, lan));
insert into "Trường"."Điểm" select 'HS' || lpad(n::text, 5, '0'), 'TOAN', l, mod(n, 10) + 0.5, case when n = 1 then E'dòng\nhai' end from generate_series(1, 70) n, generate_series(1, 3) l;
create table "Trường"."Điểm danh" (hs text, ngay date, buoi char(1), vang boolean, primary key (hs, ngay, buoi)) partition by range (ngay);
create table "Trường"."Điểm danh 2024" partition of "Trường"."Điểm danh" for values from ('2024-01-01') to ('2025-01-01');
insert into "Trường"."Điểm danh" select 'HS' || lpad(n::text, 5, '0'), date '2024-02-01', 'S', n = 4 from generate_series(1, 70) n;
create table "Trường"."Thu học phí" (so bigint generated always as identity primary key, hs text, so_tien bigint, thue bigint generated always as (so_tien / 10) stored, updated_at timestamptz not null default now());
create index on "Trường"."Thu học phí" (updated_at);
insert into "Trường"."Thu học phí" (hs, so_tien) select 'HS' || n, 100000 from generate_series(1, 30) n;
create table "Trường"."Góp ý" (noi_dung text);

-- A land register
create schema dat;
create table dat."Đơn vị hành chính" (ma text primary key, ten text, cap smallint, thuoc text references dat."Đơn vị hành chính" (ma));
insert into dat."Đơn vị hành chính" values ('01', 'Hà Nội', 1, null), ('00004', 'Ba Đình', 3, '01'), ('00008', 'Ngọc Hà', 3, '01');
create table dat."Thửa đất" (dvhc text references dat."Đơn vị hành chính" (ma), "Số tờ" int, "Số thửa" int, "Diện tích" numeric(12,1), ranh_gioi polygon, "Mục đích" text, primary key (dvhc, "Số tờ", "Số thửa"));
insert into dat."Thửa đất" select '00004', 1 + mod(n, 4), n, n * 10.5, '((0,0),(0,1),(1,1))', (array['ODT', 'LUC', 'CLN'])[1 + mod(n, 3)] from generate_series(1, 50) n;
create table dat."Chủ sử dụng" (id text collate "C" unique not null, "Họ tên" text, "CCCD" text, "Năm sinh" int);
insert into dat."Chủ sử dụng" select 'C' || n, 'Phạm Văn ' || n, null, 1950 + mod(n, 40) from generate_series(1, 30) n;
create table dat."Giấy chứng nhận" (so_phat_hanh text primary key, dvhc text, "Số tờ" int, "Số thửa" int, chu text references dat."Chủ sử dụng" (id), "Ngày cấp" date, scan bytea,
    foreign key (dvhc, "Số tờ", "Số thửa") references dat."Thửa đất" (dvhc, "Số tờ", "Số thửa"));
insert into dat."Giấy chứng nhận" select 'CN ' || lpad(n::text, 6, '0'), '00004', 1 + mod(n, 4), n, 'C' || n, date '2014-07-01' + n, convert_to(repeat('x', 5000), 'UTF8') from generate_series(1, 30) n;
create table dat."Đồng sở hữu" (gcn text references dat."Giấy chứng nhận" (so_phat_hanh), chu text references dat."Chủ sử dụng" (id), phan numrange, primary key (gcn, chu));
insert into dat."Đồng sở hữu" select 'CN ' || lpad(n::text, 6, '0'), 'C' || (31 - n), numrange(0, 0.5) from generate_series(1, 30) n;
create table dat."Biến động" (so int unique, loai text, phien_ban bigint not null, noi_dung text);
insert into dat."Biến động" select nullif(n, 12), 'chuyển nhượng', n, repeat('ỷ', mod(n, 5)) from generate_series(1, 30) n;
create table dat."Thế chấp" (gcn text, tu timestamp, ngan_hang text, so_tien money, primary key (gcn, tu));
insert into dat."Thế chấp" select 'CN ' || lpad(n::text, 6, '0'), timestamp '2020-02-29 23:59:59.123456', 'NH' || n, 1::money from generate_series(1, 25) n;
create table dat."mã mục đích" ("mã" text primary key, "diễn giải" text);
insert into dat."mã mục đích" values ('ODT', 'Đất ở tại đô thị'), ('LUC', 'Đất chuyên trồng lúa nước'), ('CLN', 'Đất trồng cây lâu năm');
create table dat."null" ("true" int primary key, "#" text, "a:b" text, "{" text, "x'y" text, "no" text);
insert into dat."null" select n, '1', 'y', 'z', 'w', case when n = 1 then '' else 'on' end from generate_series(1, 5) n;
