"""The cases of registers, and of the datasets whose simulation is written in Python, for the tests of sources from outside."""

from __future__ import annotations

from load_cases import ARABIC, EMPTY, Case

LIVING = "a citizen who lives"
REGISTERED, COMPANY = "0101234565", "Công ty TNHH Công nghệ An Phát"
UNKNOWN_COMPANY = "0101234573"

FIRST = {
    "project06.tasks": Case(
        "done.pass",
        (
            ({"kinh_phi": "1,5 tỷ"}, "contract.number.format"),
            ({"han": "31/02/2024"}, "contract.date.format"),
            ({"nhom": "dữ liệu"}, "correct.code.unknown"),
            ({"han": "04/01/2024"}, "correct.dates.order"),
            ({"ngay_giao": "01/01/2100", "han": "02/01/2100"}, "correct.date.future"),
            ({"kinh_phi": -1}, "correct.amount.range"),
            ({"can_cu": "Nghị định 69/2024/NĐ-CP"}, "correct.basis"),
            ({"can_bo": EMPTY}, "sufficient.missing"),
            ({"han": None}, "sufficient.missing"),
            ({"ket_qua": ""}, "sufficient.missing"),
            ({"lanh_dao": None}, "sufficient.missing"),
            ({"noi_dung": "Làm\u200b sạch"}, "clean.text.control"),
        ),
        ({"kinh_phi": None}, {"kinh_phi": 0}, {"han": "05/01/2024"}, {"can_cu": None}, {"can_bo": "PHÒNG  PC06"}),
    ),
    "catalogue.databases": Case(
        "ministry.pass",
        (
            ({"ngay_dang_ky": "01/02/2024"}, "contract.date.format"),
            ({"cap": "bộ, ngành"}, "correct.code.unknown"),
            ({"ngay_ket_noi": "2024-01-31"}, "correct.dates.order"),
            ({"ngay_dang_ky": "2100-01-01", "ngay_ket_noi": None}, "correct.date.future"),
            ({"ten": EMPTY}, "sufficient.missing"),
            ({"chu_quan": None}, "sufficient.missing"),
            ({"ten": "Cơ sở\u2067 dữ liệu"}, "clean.text.control"),
        ),
        (
            {"ngay_ket_noi": "2024-02-01"},
            {"ket_noi": False, "ngay_ket_noi": None},
            {"cap": " Quốc gia "},
            {"ten": "Ạ" * 2000},
        ),
    ),
    "mof.ecommerce_findings": Case(
        "part_invoiced.pass",
        (
            ({"doanh_thu": "5.000.000"}, "contract.number.format"),
            ({"ky": "03/2024"}, "contract.date.format"),
            ({"hoa_don": -1}, "correct.amount.range"),
            ({"so_hoa_don": 0}, "correct.amount.range"),
            ({"khong_hoa_don": True}, "correct.amount.range"),
            ({"mst": "010123456"}, "correct.taxcode.format"),
            ({"ky": "2100-01-01"}, "correct.date.future"),
            ({"mst": UNKNOWN_COMPANY}, "sufficient.unknown_organisation"),
            ({"ky": None}, "sufficient.missing"),
            ({"mst": f"{REGISTERED}\u200b"}, "clean.text.control"),
        ),
        (
            {"hoa_don": 9_000_000, "chenh_lech": -4_000_000},
            {"hoa_don": 0, "so_hoa_don": 0, "chenh_lech": 5_000_000, "khong_hoa_don": True},
            {"mst": f" {REGISTERED} "},
        ),
    ),
    "mof.einvoices": Case(
        "company.pass",
        (
            ({"tong_tien": "110000.5"}, "contract.number.format"),
            ({"trang_thai": "hủy"}, "correct.code.unknown"),
            ({"tien_thue": "9" * 15}, "correct.amount.range"),
            ({"mst_ban": "01012345678"}, "correct.taxcode.format"),
            ({"ten_ban": "Công ty Khác"}, "correct.agreement.organisation"),
            ({"mst_ban": UNKNOWN_COMPANY}, "sufficient.unknown_organisation"),
            ({"so_ddcn_ban": "001090999999"}, "sufficient.unknown_person"),
            ({"ten_ban": EMPTY}, "sufficient.missing"),
            ({"ten_ban": "An\u200bPhát"}, "clean.text.control"),
        ),
        ({"tien_thue": 0}, {"ten_ban": COMPANY.upper()}, {"so_ddcn_ban": LIVING}, {"mst_ban": f" {REGISTERED}"}),
        days=(61, -2),
        changed="ngay_lap",
        also=("cap_nhat",),
        base=(("mst_ban", REGISTERED), ("ten_ban", COMPANY)),
    ),
    "moit.ecommerce_sales": Case(
        "person.pass",
        (
            ({"doanh_thu": "12.000.000"}, "contract.number.format"),
            ({"ky": "13/2024"}, "contract.date.format"),
            ({"so_don": -1}, "correct.amount.range"),
            ({"san": "shopee"}, "correct.code.unknown"),
            ({"ten_nguoi_ban": "Lê Thị Mận"}, "correct.agreement.name"),
            ({"so_ddcn": "00109099900"}, "correct.id.length"),
            ({"mst": "01012345678"}, "correct.taxcode.format"),
            ({"mst": UNKNOWN_COMPANY}, "sufficient.unknown_organisation"),
            ({"so_ddcn": "001090999999"}, "sufficient.unknown_person"),
            ({"san": None}, "sufficient.missing"),
            ({"ten_nguoi_ban": "Nguyễn\u0007Văn An"}, "clean.text.control"),
        ),
        (
            {"doanh_thu": 0, "so_don": 0},
            {"mst": None},
            {"so_ddcn": None, "ten_nguoi_ban": COMPANY},
            {"ten_nguoi_ban": "NGUYỄN  VĂN AN"},
        ),
        base=(("mst", REGISTERED), ("ten_nguoi_ban", "Nguyễn Văn An")),
    ),
    "moj.civil_status": Case(
        "marriage.pass",
        (
            ({"ngay_su_kien": ARABIC}, "contract.date.format"),
            ({"ngay_sinh": "19900230"}, "contract.dob.invalid"),
            ({"loai": "KX"}, "correct.code.unknown"),
            ({"ma_tinh": "99"}, "correct.code.unknown"),
            ({"ngay_su_kien": "19900314"}, "correct.dates.order"),
            ({"ngay_su_kien": "21000101"}, "correct.date.future"),
            ({"ho_ten": "Lê Thị Mận"}, "correct.agreement.name"),
            ({"ngay_sinh": "19910315"}, "correct.agreement.birth_date"),
            ({"so_ddcn_2": "00119000045"}, "correct.id.length"),
            ({"so_ddcn_2": "001190999999"}, "sufficient.unknown_person"),
            ({"loai": EMPTY}, "sufficient.missing"),
            ({"ho_ten": "Nguyễn\u200fVăn An"}, "clean.text.control"),
        ),
        ({"ngay_su_kien": "19900315"}, {"so_ddcn_2": LIVING}, {"ho_ten": "nguyễn văn an"}, {"ma_tinh": " 36 "}, {"loai": "KT"}),
        born="19900315",
        base=(("so_ddcn_2", None),),
    ),
}  # fmt: skip
