"""Words of the pages of the catalogue: English and Vietnamese."""

from __future__ import annotations

CATALOGUE: dict[str, tuple[str, str]] = {
    "place_catalogue": ("Catalogue", "Danh mục"),
    "catalogue_note": (
        "What there is to get, from the declarations of this hub.",
        "Dữ liệu có thể nhận, theo khai báo của hệ thống này.",
    ),
    "find": ("Find (tone marks may be left out)", "Tìm (có thể gõ không dấu)"),
    "find_now": ("Find", "Tìm"),
    "found_nothing": ("No dataset has these words.", "Không bộ dữ liệu nào có những từ này."),
    "nothing_declared": ("No dataset is declared.", "Chưa khai báo bộ dữ liệu nào."),
    "all_of_catalogue": ("the whole catalogue", "toàn bộ danh mục"),
    "in_charge": ("In charge", "Phụ trách"),
    "fields": ("Fields", "Trường"),
    "who_receives": ("Who receives it", "Ai đang nhận"),
    "nobody_receives": ("No subscriber has a right to it.", "Chưa nơi nào có quyền nhận."),
    "into_population": (
        "It fills the population database too.",
        "Dữ liệu này cũng vào CSDL dân cư.",
    ),
    "contract_version": ("Contract version", "Phiên bản hợp đồng"),
    "records_of_it": ("Its records", "Bản ghi của bộ này"),
    "freshness": ("Freshness", "Độ mới"),
    "promised": ("Promised", "Cam kết"),
    "measured": ("Measured", "Đo được"),
    "not_promised": ("not promised", "không cam kết"),
    "newest_at_most": ("newest change at most {age} old", "thay đổi mới nhất không cũ hơn {age}"),
    "field": ("Field", "Trường"),
    "field_type": ("Type", "Kiểu"),
    "meaning": ("Meaning", "Ý nghĩa"),
    "may_be_empty": ("may be empty", "có thể trống"),
    "of_key": ("key", "khóa"),
    "sensitivity": ("Sensitivity", "Độ nhạy cảm"),
    "sensitive_number": ("number of a citizen", "số định danh cá nhân"),
    "sensitive_person": ("tells of a person", "dữ liệu cá nhân"),
    "sensitive_unsaid": ("not classified, so hidden", "chưa phân loại nên bị ẩn"),
    "sensitive_open": ("open", "không nhạy cảm"),
    "code_values": ("{n} codes", "{n} mã"),
    "sample": ("What a record looks like", "Một bản ghi trông như thế nào"),
    "sample_note": (
        "These values are made up; none is of a person, none was read from a source.",
        "Các giá trị này được bịa ra; không của ai, không đọc từ nguồn nào.",
    ),
    "figures_of_it": ("Figures that count it", "Số liệu tính từ bộ này"),
    "no_figures_of_it": ("No figure counts it.", "Chưa có số liệu nào tính từ bộ này."),
}
