"""Words of the pages of subscriptions: English and Vietnamese."""

from __future__ import annotations

SUBSCRIPTIONS: dict[str, tuple[str, str]] = {
    "place_subscriptions": ("Subscriptions", "Đăng ký nhận"),
    "subscriptions_note": (
        "Who receives what; rights that ended stand below.",
        "Ai nhận dữ liệu nào; các quyền đã hết hạn ở cuối.",
    ),
    "right_since": ("Right since", "Có quyền từ"),
    "ended_at": ("ended at {at}", "hết hạn lúc {at}"),
    "not_shared_yet": ("accepted, not shared yet", "đã chấp nhận, chưa chuyển"),
    "no_subscriptions": ("Nobody has a right yet.", "Chưa nơi nào có quyền nhận."),
    "no_subscription": ("There is no such subscription", "Không có đăng ký này"),
    "how_far_read": ("How far it has read", "Đã đọc đến đâu"),
    "readers_note": (
        "Records on its topic that a group has not read; nothing expires unless the topic was set so.",
        "Số bản ghi trên topic mà nhóm chưa đọc; không gì hết hạn trừ khi topic được đặt như vậy.",
    ),
    "reader_group": ("Group", "Nhóm đọc"),
    "unread": ("not read yet", "chưa đọc"),
    "to_loss": ("until the oldest is lost", "đến khi bản ghi cũ nhất bị mất"),
    "nothing_to_lose": ("nothing expires", "không gì hết hạn"),
    "nobody_reads": ("No group of it has read yet.", "Chưa nhóm nào của nơi nhận đọc."),
    "terms": ("Terms on record", "Điều khoản đã ghi"),
    "terms_version": ("Version {number}", "Phiên bản {number}"),
    "purpose": ("Purpose", "Mục đích"),
    "legal_basis": ("Legal basis", "Căn cứ pháp lý"),
    "valid": ("Valid", "Hiệu lực"),
    "fields_granted": ("Fields granted", "Trường được cấp"),
    "rows_granted": ("Rows granted", "Dòng được cấp"),
    "on_record_since": ("On record since", "Ghi nhận từ"),
}
