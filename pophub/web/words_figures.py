"""Words of the pages of the figures: English and Vietnamese."""

from __future__ import annotations

FIGURES: dict[str, tuple[str, str]] = {
    "place_figures": ("Figures", "Số liệu"),
    "figures_note": (
        "What the reports count, from records that passed all gates and are signed.",
        "Số liệu của các báo cáo, tính từ bản ghi đã qua mọi cổng kiểm tra và đã được ký.",
    ),
    "no_figures": ("No figure is declared.", "Chưa khai báo số liệu nào."),
    "no_figure": ("There is no such figure", "Không có số liệu này"),
    "broken_figures": ("Files that cannot be read", "Tệp không đọc được"),
    "figure": ("Figure", "Số liệu"),
    "unit": ("Unit", "Đơn vị"),
    "wanted_by": ("Source", "Nguồn"),
    "rows_stand_for": ("Rows stand for", "Mỗi dòng là"),
    "target": ("Target", "Chỉ tiêu"),
    "target_of": ("at least {value} by {due}", "ít nhất {value} trước {due}"),
    "is_reached": ("reached", "đạt"),
    "not_reached": ("not reached", "chưa đạt"),
    "whether_reached": ("Target", "Chỉ tiêu"),
    "last_signed": ("as last signed", "theo bản ký gần nhất"),
    "stands_on": (
        "As of {at}, from what statement {number} of {signed} signed.",
        "Tính đến {at}, từ những gì bản đã ký số {number} lúc {signed} ghi nhận.",
    ),
    "not_signed_yet": (
        "No statement was signed yet, so nothing can be counted as of one.",
        "Chưa có bản nào được ký nên chưa tính được số liệu.",
    ),
    "being_counted": ("It is being counted.", "Đang tính."),
    "no_rows": ("There is nothing to count as of then.", "Không có gì để tính tại thời điểm này."),
    "first_drawn": ("The chart draws the first {n} rows.", "Biểu đồ vẽ {n} dòng đầu."),
    "chart_of": ("Chart of {column}", "Biểu đồ {column}"),
    "reports_say": ("What the reports say", "Các báo cáo nói gì"),
    "reported": ("reported", "báo cáo"),
    "was_found": ("found", "tính được"),
    "count_it": ("count it", "tính"),
    "column": ("Column", "Cột"),
    "packs": ("The monthly pack", "Gói số liệu hằng tháng"),
    "packs_note": (
        "For the Working Group and the Government Office: a page, tables and a check that needs nothing of the hub. Made and signed by",
        "Cho Tổ công tác và Văn phòng Chính phủ: một trang, các bảng và phép kiểm tra không cần đến hệ thống. Lập và ký bằng",
    ),
    "no_packs": ("No pack was made yet.", "Chưa lập gói nào."),
    "pack_month": ("Month", "Tháng"),
    "pack_statement": ("Statement", "Bản đã ký"),
    "pack_made": ("Made", "Lập lúc"),
    "as_of_day": ("As of", "Tính đến"),
    "row": ("Row", "Dòng"),
}
