"""What a source is changed into for the tests of declared datasets, and the cases of the datasets for load."""

from __future__ import annotations

from typing import Any, NamedTuple

Changed = dict[str, Any]
OLD, SOON = 46, -2  # days before now
ARABIC = "١٥/٠٣/٢٠٢٤"
EMPTY = " \u00a0\t"


class Case(NamedTuple):
    """What is changed of a sound sample, with the codes that must be found; then what must pass.

    `changed` is the time that is old or ahead, so many `days` before now, and `also` are columns that follow it; `base`
    is what every row says otherwise than the sample.
    """

    sample: str
    defects: tuple[tuple[Changed, str], ...]
    sound: tuple[Changed, ...]
    days: tuple[int | None, int] = (OLD, SOON)
    changed: str = ""
    born: str = "15/03/1990"
    also: tuple[str, ...] = ()
    base: tuple[tuple[str, Any], ...] = ()


LOAD = {
    "vss.insurance": Case(
        "kept.pass",
        (
            ({"muc_dong": "8.000.000"}, "contract.number.format"),
            ({"tu_ngay": ARABIC}, "contract.date.format"),
            ({"ngay_sinh": "30/02/1990"}, "contract.dob.invalid"),
            ({"loai": "bhxh bắt buộc"}, "correct.code.unknown"),
            ({"mst_dv": "0101234567-1"}, "correct.taxcode.format"),
            ({"mst_dv": "0101234573", "ten_dv": None}, "sufficient.unknown_organisation"),
            ({"ten_dv": "Công ty Khác"}, "correct.agreement.organisation"),
            ({"den_ngay": "31/12/2023"}, "correct.dates.order"),
            ({"ho_ten": "Lê Thị Mận"}, "correct.agreement.name"),
            ({"so_ddcn": "001090999998"}, "sufficient.unknown_person"),
            ({"loai": EMPTY}, "sufficient.missing"),
            ({"ten_dv": "An\u2028Phát"}, "clean.text.control"),
        ),
        ({"muc_dong": "00"}, {"den_ngay": None}, {"ten_dv": None}, {"mst_dv": None, "ten_dv": "Ạ" * 200}),
        changed="_changed_at",
    ),
    "mic.subscribers": Case(
        "withdrawn.pass",
        (
            ({"cuoc_thang": 12.5}, "contract.number.format"),
            ({"ngay_dk": "2024-2-30"}, "contract.date.format"),
            ({"so_sim": -7}, "correct.amount.range"),
            ({"loai": "Trả  trước"}, "correct.code.unknown"),
            ({"ngay_sinh": "1991-03-15"}, "correct.agreement.birth_date"),
            ({"so_ddcn": "00109099900"}, "correct.id.length"),
            ({"so_ddcn": None}, "sufficient.missing"),
            ({"ho_ten": "Nguyễn\u200fVăn An"}, "clean.text.control"),
        ),
        ({"ho_ten": "nguyễn văn an"}, {"cuoc_thang": 0}, {"ngay_huy": None}, {"ngay_huy": "2024-02-10"}),
        born="1990-03-15",
    ),
    "moet.education": Case(
        "graduated.pass",
        (
            ({"Điểm": "8,2"}, "contract.number.format"),
            ({"Ngày nhập học": "2023/09/10"}, "contract.date.format"),
            ({"Điểm": "100000"}, "correct.amount.range"),
            ({"Trình độ": "Tiến sỹ"}, "correct.code.unknown"),
            ({"Ngày tốt nghiệp": "01/01/2000"}, "correct.dates.order"),
            ({"Ngày sinh": "15/03/1991"}, "correct.agreement.birth_date"),
            ({"Cơ sở đào tạo": EMPTY}, "sufficient.missing"),
            ({"Ngành": "Luật\u200b"}, "clean.text.control"),
        ),
        ({"Cập nhật": 199}, {"Điểm": "0"}, {"Điểm": "100"}, {"Ngành": ""}, {"Họ và tên": "NGUYỄN  VĂN AN"}),
        days=(201, SOON),
    ),
    "molisa.social_support": Case(
        "ended.pass",
        (
            ({"muc": "540k"}, "contract.number.format"),
            ({"tu_ngay": "32/01/2024"}, "contract.date.format"),
            ({"muc": "-540000"}, "correct.amount.range"),
            ({"nhom": "Người giàu"}, "correct.code.unknown"),
            (
                {"can_cu": "Nghị định 76/2024/NĐ-CP", "tu_ngay": "30/06/2024", "den_ngay": None},
                "correct.basis",
            ),
            ({"can_cu": "Nghị định 20/2021/NĐ-CP", "tu_ngay": "30/06/2021"}, "correct.basis"),
            ({"ho_ten": "Lê Thị Mận"}, "correct.agreement.name"),
            ({"can_cu": EMPTY}, "sufficient.missing"),
            ({"ho_ten": "Nguyễn\u202eVăn An"}, "clean.text.control"),
        ),
        (
            {"can_cu": "Nghị định 76/2024/NĐ-CP", "tu_ngay": "01/07/2024", "den_ngay": None},
            {"tu_ngay": "01/07/2024", "den_ngay": None},
            {"muc": "0"},
            {"den_ngay": "10/02/2024"},
        ),
        days=(None, SOON),
        changed="cap_nhat",
    ),
    "monre.land_parcels": Case(
        "owned.pass",
        (
            ({"dien_tich": "240m2"}, "contract.number.format"),
            ({"thoi_han": "vô hạn"}, "contract.date.format"),
            ({"dt_lua": -1}, "correct.amount.range"),
            ({"dt_san": 241}, "correct.amount.range"),
            ({"so_hoa": "có"}, "correct.code.unknown"),
            ({"ma_tinh": "13"}, "correct.code.unknown"),
            ({"ma_xa": "1"}, "correct.code.unknown"),
            ({"ma_xa": "00070"}, "correct.unit.ambiguous"),
            (
                {"ma_xa": "00070", "ngay_dk": "30/06/2025", "ngay_cap": None, "thoi_han": None},
                "correct.unit.ambiguous",
            ),
            (
                {"ma_xa": "00070", "ngay_dk": "01/07/2025", "ngay_cap": None, "thoi_han": None},
                "correct.unit.ambiguous",
            ),
            ({"thoi_han": "01/01/2024"}, "correct.dates.order"),
            ({"so_ddcn": "001090999998"}, "sufficient.unknown_person"),
            ({"so_gcn": ""}, "sufficient.missing"),
            ({"nguon_goc": "nhà\u2060đất"}, "clean.text.control"),
        ),
        (
            {"dt_san": 240},
            {"so_tang": None},
            {"thoi_han": None},
            {"ma_tinh": "94", "ma_xa": "31624"},
            {"ma_xa": "00430", "ngay_dk": "01/07/2025", "ngay_cap": None, "thoi_han": None},
            {"ma_xa": "14881", "ngay_dk": "01/09/2025", "ngay_cap": None, "thoi_han": None},
            {"dia_chi": "Ấp 'Bà' \"Tư\""},
        ),
    ),
}
