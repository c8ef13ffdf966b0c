"""What the pages say of a held batch: in the reader's language what its code means and what mends it."""

from __future__ import annotations

from pophub.domain.codes import CODES
from pophub.web.counts import Row
from pophub.web.words import Language

REMEDIES_VI = {
    "source.column_missing": "khôi phục cột ở nguồn, hoặc sửa ánh xạ trong phiên bản hợp đồng mới",
    "source.table_missing": "khôi phục bảng ở nguồn, hoặc sửa source.table",
    "source.view_unfilled": "chạy REFRESH MATERIALIZED VIEW ở nguồn, và chạy đều đặn",
    "source.encoding": "ghi lại tệp theo bảng mã đã khai báo",
    "source.file_empty": "gửi lại tệp",
    "source.file_kind": "gửi lại tệp với đúng tên",
    "source.file_truncated": "gửi lại toàn bộ tệp",
    "source.file_changed": "ghi tệp ở nơi khác rồi chuyển tệp đã xong vào thư mục",
    "source.file_bomb": "gửi các tệp nhỏ hơn",
    "source.file_late": "rút tệp lại; nếu là tệp mới hơn thì đặt tên đứng sau tệp đã nhận",
    "source.manifest": "gửi lại tệp cùng bản kê",
    "source.header_missing": "gửi lại tệp kèm dòng tiêu đề đầy đủ",
    "source.header_repeated": "sửa dòng tiêu đề",
    "alert.failed_share": "xem pophub quarantine groups; sau đó giải phóng bằng pophub hold release",
}


def in_language(hold: Row, lang: Language) -> Row:
    """Give a hold with `meaning` and `mend` in a language; `what` stays as it was seen, in English.

    >>> in_language({"code": "source.file_empty", "what": "a.csv", "remedy": "ask X"}, "vi")["mend"]
    'gửi lại tệp'
    """
    code = CODES.get(hold["code"])
    if lang == "en" or code is None:
        return hold | {"meaning": None, "mend": hold["remedy"]}
    return hold | {"meaning": code.vi, "mend": REMEDIES_VI.get(hold["code"])}
