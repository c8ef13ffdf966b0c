"""Words of the pages of the ledger: English and Vietnamese."""

from __future__ import annotations

LEDGER: dict[str, tuple[str, str]] = {
    "difference_of": ("{n} records do not add up", "{n} bản ghi không khớp"),
    "all_adds_up": (
        "What was read is what was shared, held, repeated or superseded",
        "Số đã đọc bằng số đã chia sẻ, bị giữ, trùng lặp và bị thay thế",
    ),
    "matrix": ("Read by dataset and day", "Số đã đọc theo bộ dữ liệu và ngày"),
    "matrix_note": (
        "The last 14 days with a batch. = adds up, … not judged yet, ≠ does not add up.",
        "14 ngày gần nhất có lô dữ liệu. = khớp, … chưa xét, ≠ không khớp.",
    ),
    "sums_of_day": ("{day}, each dataset as first judged", "{day}, từng bộ dữ liệu, khi xét lần đầu"),
    "sum_note": (
        "read = shared + quarantined + duplicate + superseded; the difference is what is left.",
        "đã đọc = đã chia sẻ + bị cách ly + trùng lặp + đã bị thay thế; chênh lệch là phần còn lại.",
    ),
    "days": ("Days", "Số ngày"),
    "not_judged": ("not judged", "chưa xét"),
    "difference": ("difference", "chênh lệch"),
    "as_of": ("As of a day, or #number of a signed statement", "Tính đến ngày, hoặc #số của bản đã ký"),
    "show": ("Show", "Xem"),
    "as_now": ("as it is now", "như hiện nay"),
    "of_checkpoint": (
        "As signed in statement {number} of {at}.",
        "Theo bản đã ký số {number} lúc {at}.",
    ),
    "signed_until": (
        "Counted from the rows of now. The chain was last checked and signed at {at}, statement {number}.",
        "Tính từ số liệu hiện nay. Chuỗi được kiểm tra và ký gần nhất lúc {at}, bản số {number}.",
    ),
    "not_signed": (
        "Counted from the rows of now; no statement was signed yet.",
        "Tính từ số liệu hiện nay; chưa có bản nào được ký.",
    ),
    "verification": ("Is every row still what was written?", "Mọi dòng có còn đúng như khi ghi?"),
    "verify_now": ("Verify now", "Kiểm tra ngay"),
    "verify_note": (
        "All chains and signed statements, as pophub ledger verify does; one at a time.",
        "Mọi chuỗi và bản đã ký, như pophub ledger verify; mỗi lúc một lượt.",
    ),
    "being_verified": (
        "It is being verified, asked for at {at} by {name}.",
        "Đang kiểm tra, {name} yêu cầu lúc {at}.",
    ),
    "verified_whole": (
        "At {at}: {rows} rows are what was written, {statements} signed statements hold. Asked for by {name}.",
        "Lúc {at}: {rows} dòng đúng như khi ghi, {statements} bản đã ký còn nguyên. Do {name} yêu cầu.",
    ),
    "verified_broken": (
        "At {at}: {n} places are not what was written.",
        "Lúc {at}: {n} chỗ không còn như khi ghi.",
    ),
    "transactions_many": ("{n} share transactions", "{n} giao dịch chia sẻ"),
    "transactions_note": (
        "By month, dataset and recipient, the newest month first.",
        "Theo tháng, bộ dữ liệu và nơi nhận, tháng mới nhất trước.",
    ),
    "unsettled_note": (
        "Datasets with days on which something is not judged yet or does not add up; since the first of these days.",
        "Bộ dữ liệu có ngày còn bản ghi chưa xét hoặc không khớp; từ ngày đầu tiên như vậy.",
    ),
    "no_day": ("Nothing was exchanged then", "Không có lô dữ liệu nào khi đó"),
}
