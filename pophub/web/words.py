"""The words of the pages in English and Vietnamese; the language that a reader asks for."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from fastapi import Request

from pophub.web.words_catalogue import CATALOGUE
from pophub.web.words_dataset import DATASET
from pophub.web.words_figures import FIGURES
from pophub.web.words_frame import FRAME, NOW
from pophub.web.words_ledger import LEDGER
from pophub.web.words_quarantine import QUARANTINE
from pophub.web.words_record import RECORD
from pophub.web.words_subscriptions import SUBSCRIPTIONS
from pophub.web.words_workbench import WORKBENCH

Language = Literal["en", "vi"]
CHOSEN = "pophub_lang"
"""The cookie that keeps the language which a reader chose; it holds nothing else."""

WORDS: dict[str, tuple[str, str]] = {
    **FRAME,
    **NOW,
    **CATALOGUE,
    **DATASET,
    **FIGURES,
    **LEDGER,
    **QUARANTINE,
    **RECORD,
    **SUBSCRIPTIONS,
    **WORKBENCH,
    "title": ("Sharing of national population data", "Chia sẻ dữ liệu dân cư quốc gia"),
    "connectors": ("Connectors", "Kết nối"),
    "read": ("read", "đã đọc"),
    "shared": ("shared", "đã chia sẻ"),
    "quarantined": ("quarantined", "bị cách ly"),
    "duplicate": ("duplicate", "trùng lặp"),
    "superseded": ("superseded", "đã bị thay thế"),
    "contract": ("contract", "hợp đồng"),
    "correct": ("correct", "đúng"),
    "sufficient": ("sufficient", "đủ"),
    "clean": ("clean", "sạch"),
    "live": ("live", "sống"),
    "gates": ("Failed at gate", "Không qua cổng kiểm tra"),
    "recipients": ("Recipients", "Nơi nhận"),
    "recipient": ("Recipient", "Nơi nhận"),
    "dataset": ("Dataset", "Bộ dữ liệu"),
    "transactions": ("share transactions", "giao dịch chia sẻ"),
    "last": ("last", "gần nhất"),
    "growth": ("Growth of sharing", "Tăng trưởng chia sẻ"),
    "uncounted": (
        "{n} accepted records are not signed yet, and not counted here.",
        "{n} bản ghi được chấp nhận chưa ký, chưa tính ở đây.",
    ),
    "growth_drawn": (
        "Share transactions by year, with the change over the year before",
        "Giao dịch chia sẻ theo năm, kèm thay đổi so với năm trước",
    ),
    "period": ("Period", "Kỳ"),
    "percent": ("over the year before", "so với năm trước"),
    "open": ("so far", "đến nay"),
    "first_judged": ("as first judged", "khi xét lần đầu"),
    "now": ("now", "hiện nay"),
    "two_counts": (
        "What was rejected may be shared, superseded or repaired later; the sums of the first judging stay.",
        "Bản ghi bị từ chối có thể được chia sẻ, thay thế hoặc sửa về sau; số liệu xét lần đầu giữ nguyên.",
    ),
    "as_seen": ("as seen", "ghi nhận"),
    "holds": ("Held", "Đang bị giữ lại"),
    "held_note": (
        "Nothing of these was taken; the position at the source stayed.",
        "Chưa lấy dữ liệu nào; vị trí đọc tại nguồn giữ nguyên.",
    ),
    "next": ("Next", "Việc cần làm"),
    "since": ("since", "từ"),
    "run": ("Run", "Lượt chạy"),
    "runs": ("Runs, as first judged", "Các lượt chạy, khi xét lần đầu"),
    "batches": ("Batches, as first judged", "Các lô, khi xét lần đầu"),
    "batch_count": ("Batches", "Số lô"),
    "batch": ("Batch", "Lô"),
    "exchanged_at": ("exchanged at", "thời điểm trao đổi"),
    "state": ("state", "trạng thái"),
    "sent": ("sent", "đã gửi"),
    "of_run": ("Counts of this run", "Số liệu của lượt chạy này"),
    "no_batch": (
        "It took nothing (the source had nothing new, or its batch is held), or there was none of that name.",
        "Lượt chạy này không lấy dữ liệu (nguồn không có gì mới, hoặc lô đang bị giữ lại), hoặc chưa từng có.",
    ),
    "no_dataset": ("There is no such dataset", "Không có bộ dữ liệu này"),
    "no_run": ("The hub holds nothing of such a run", "Hệ thống không có số liệu của lượt chạy này"),
    "there_are": ("There are", "Hiện có"),
    "no_data": (
        "No record was read yet. Start a connector's DAG in Airflow, or `pophub demo`.",
        "Chưa đọc bản ghi nào. Hãy chạy một DAG trong Airflow, hoặc `pophub demo`.",
    ),
    "adds_up": ("adds up", "khớp"),
    "waits_for_judge": ("sent, not judged yet", "đã gửi, chưa xét"),
    "does_not_add_up": ("does not add up", "không khớp"),
    "source": ("source", "nguồn"),
    "four_gates": ("the contract and four gates", "hợp đồng và bốn cổng kiểm tra"),
    "population": ("population database", "CSDL dân cư"),
    "back": ("back with reasons", "trả lại kèm lý do"),
    "by_month": ("Share transactions by month", "Giao dịch chia sẻ theo tháng"),
    "zone": (
        "Times and periods are those of Asia/Ho_Chi_Minh.",
        "Thời gian và kỳ tính theo giờ Việt Nam.",
    ),
    "in_flow": ("The way of the records", "Đường đi của bản ghi"),
}


def language(request: Request) -> Language:
    """Give the language of `?lang=`, else the one chosen before, else the first of Accept-Language that we have."""
    asked = request.query_params.get("lang") or request.cookies.get(CHOSEN)
    if asked in ("en", "vi"):
        return "vi" if asked == "vi" else "en"
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()[:2]
        if tag in ("en", "vi"):
            return "vi" if tag == "vi" else "en"
    return "en"


def words(lang: Language) -> dict[str, str]:
    """Give all words in one language."""
    index = 1 if lang == "vi" else 0
    return {name: pair[index] for name, pair in WORDS.items()}


def number(value: int, lang: Language) -> str:
    """Write a count with the language's thousands separator.

    >>> number(1234567, "vi"), number(1234567, "en")
    ('1.234.567', '1,234,567')
    """
    text = f"{value:,}"
    return text.replace(",", ".") if lang == "vi" else text


def age(span: timedelta, lang: Language) -> str:
    """Write how long something lasts, in its largest whole unit.

    >>> age(timedelta(hours=3, minutes=59), "en"), age(timedelta(days=2), "vi"), age(timedelta(0), "en")
    ('3 h', '2 ngày', '0 s')
    """
    seconds = max(0, int(span.total_seconds()))
    units = {"en": ("d", "h", "min", "s"), "vi": ("ngày", "giờ", "phút", "giây")}[lang]
    for unit, size in zip(units, (86_400, 3_600, 60, 1), strict=True):
        if seconds >= size:
            return f"{number(seconds // size, lang)} {unit}"
    return f"0 {units[-1]}"
