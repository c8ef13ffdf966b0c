"""The agencies' tables as each of them would have made its own, and the truth beside them."""

from __future__ import annotations

from typing import NamedTuple

from psycopg2 import sql


class Table(NamedTuple):
    """A table of a PostgreSQL database of an agency, and how a row of it is found again."""

    agency: str
    database: str
    name: str
    primary_key: str
    columns: tuple[str, ...]
    create: str | sql.Composable
    logged: bool = False  # true: the hub reads it by the server's log


CITIZENS = Table(
    "mps",
    "agency_mps",
    "dancu.cong_dan",
    "id",
    (
        "id", "so_ddcn", "ho_ten", "ngay_sinh", "gioi_tinh", "ma_tinh", "ma_ho", "so_cmnd",
        "da_xoa", "cap_nhat_luc",
    ),
    """
    create schema if not exists dancu;
    create table if not exists dancu.cong_dan (
        id bigserial primary key,
        so_ddcn varchar,
        ho_ten text,
        ngay_sinh text,
        gioi_tinh text,
        ma_tinh text,
        ma_ho text,
        so_cmnd text,
        da_xoa boolean not null default false,
        cap_nhat_luc timestamptz
    );
    create index if not exists cong_dan_cap_nhat_luc on dancu.cong_dan (cap_nhat_luc, so_ddcn);
    """,
)  # fmt: skip
CIVIL_STATUS = Table(
    "moj",
    "agency_moj",
    "hotich.su_kien",
    "stt",
    (
        "stt", "so_dk", "loai", "so_ddcn", "ho_ten", "ngay_sinh", "so_ddcn_2", "ngay_su_kien",
        "ma_tinh", "huy", "cap_nhat",
    ),
    """
    create schema if not exists hotich;
    create table if not exists hotich.su_kien (
        stt bigserial primary key,
        so_dk text,
        loai text,
        so_ddcn text,
        ho_ten text,
        ngay_sinh text,
        so_ddcn_2 text,
        ngay_su_kien text,
        ma_tinh text,
        huy boolean not null default false,
        cap_nhat timestamp without time zone
    );
    create index if not exists su_kien_cap_nhat on hotich.su_kien (cap_nhat, so_dk);
    """,
)  # fmt: skip
EINVOICES = Table(
    "mof",
    "agency_mof",
    "hoadon.hddt",
    "so_hd",
    (
        "so_hd", "mst_ban", "ten_ban", "so_ddcn_ban", "tong_tien", "tien_thue", "ban_le",
        "ngay_lap", "trang_thai", "cap_nhat",
    ),
    """
    create schema if not exists hoadon;
    create table if not exists hoadon.hddt (
        so_hd text primary key,
        mst_ban text,
        ten_ban text,
        so_ddcn_ban text,
        tong_tien numeric(18,0),
        tien_thue numeric(18,0),
        ban_le boolean,
        ngay_lap timestamptz,
        trang_thai text,
        cap_nhat timestamptz
    );
    create index if not exists hddt_cap_nhat on hoadon.hddt (cap_nhat, so_hd);
    """,
)  # fmt: skip
FINDINGS = Table(
    "mof",
    "agency_mof",
    "doi_chieu.ket_qua",
    "so_kq",
    ("so_kq", "mst", "ky", "doanh_thu", "hoa_don", "so_hoa_don", "chenh_lech", "khong_hoa_don", "cap_nhat"),
    """
    create schema if not exists doi_chieu;
    create table if not exists doi_chieu.doanh_thu_san (
        ma_bc text primary key,
        mst text,
        san text,
        ky date,
        doanh_thu bigint
    );
    create table if not exists doi_chieu.ket_qua (
        so_kq text primary key,
        mst text,
        ky date,
        doanh_thu bigint,
        hoa_don bigint,
        so_hoa_don int,
        chenh_lech bigint,
        khong_hoa_don boolean,
        cap_nhat timestamptz
    );
    create index if not exists ket_qua_cap_nhat on doi_chieu.ket_qua (cap_nhat, so_kq);
    """,
)
"""What the Ministry of Finance finds: turnover that platforms declare against its own invoices, by seller and month."""

TABLES = {
    "mof.ecommerce_findings": FINDINGS,
    "mps.citizens": CITIZENS,
    "moj.civil_status": CIVIL_STATUS,
    "mof.einvoices": EINVOICES,
}

SALES_COLUMNS = (
    "rev", "ma_bc", "so_ddcn", "mst", "ten_nguoi_ban", "san", "ky", "doanh_thu", "so_don",
    "cap_nhat",
)  # fmt: skip
INSERT_SALES = """
insert or replace into doanh_thu (
    rev, ma_bc, so_ddcn, mst, ten_nguoi_ban, san, ky, doanh_thu, so_don, cap_nhat
) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
CREATE_SALES = """
create table if not exists doanh_thu (
    rev INTEGER PRIMARY KEY AUTOINCREMENT,
    ma_bc TEXT,
    so_ddcn TEXT,
    mst TEXT,
    ten_nguoi_ban TEXT,
    san TEXT,
    ky TEXT,
    doanh_thu INTEGER,
    so_don INTEGER,
    cap_nhat TEXT
)
"""

SIMULATION = "simulation"  # database and its role
CREATE_TRUTH = """
create schema if not exists truth;
create table if not exists truth.setting (
    name text primary key,
    value text not null
);
create table if not exists truth.step (
    step text not null,
    round int not null,
    from_us bigint not null,
    to_us bigint not null,
    done_at timestamptz,
    primary key (step, round)
);
create table if not exists truth.version (
    stem text not null,
    key text collate "C" not null,
    marker bigint not null,
    ordinal int not null,
    sound boolean not null,
    gate text,
    code text,
    label text not null,
    step text not null,
    primary key (stem, key, marker, ordinal)
);
"""
TRUTH_COLUMNS = ("stem", "key", "marker", "ordinal", "sound", "gate", "code", "label", "step")
