"""Words of the page of a dataset: English and Vietnamese."""

from __future__ import annotations

DATASET: dict[str, tuple[str, str]] = {
    "newest_change": ("newest change {age} ago", "thay đổi mới nhất cách đây {age}"),
    "paused_by": ("Paused by {name} since {at}", "{name} tạm dừng từ {at}"),
    "pause": ("Pause", "Tạm dừng"),
    "resume": ("Resume", "Tiếp tục"),
    "done_pause": ("Paused.", "Đã tạm dừng."),
    "done_resume": ("Resumed.", "Đã tiếp tục."),
    "whom_to_pause": ("What to pause", "Tạm dừng gì"),
    "whole_dataset": ("the whole dataset", "cả bộ dữ liệu"),
    "where_records_are": ("Where the records are", "Bản ghi đang ở đâu"),
    "joints_note": (
        "From the source to each recipient: how many passed, how many wait before the next place.",
        "Từ nguồn đến từng nơi nhận: bao nhiêu đã qua, bao nhiêu đang chờ trước nơi kế tiếp.",
    ),
    "place": ("Place", "Nơi"),
    "waits_for_next": ("wait", "đang chờ"),
    "joint_source": ("read from the source", "đọc từ nguồn"),
    "joint_raw": ("on the raw topic", "trên topic raw"),
    "joint_gates": ("judged by the four gates", "qua bốn cửa"),
    "joint_history": ("accepted", "được chấp nhận"),
    "joint_log": ("the hub's own log", "nhật ký của hệ thống"),
    "last_day": ("Records read in each of the last 24 hours", "Số bản ghi đọc mỗi giờ trong 24 giờ qua"),
    "promises": ("What is promised, and whether it holds", "Cam kết và tình trạng"),
    "promises_note": (
        "Contract version {version}, in charge: {owner}",
        "Hợp đồng phiên bản {version}, phụ trách: {owner}",
    ),
    "promise": ("Promise", "Cam kết"),
    "within": ("at most", "tối đa"),
    "holds_now": ("now", "hiện nay"),
    "does_hold": ("holds", "đạt"),
    "does_not_hold": ("does not hold", "không đạt"),
    "promise_fresh": ("the newest change is not older", "thay đổi mới nhất không cũ hơn"),
    "promise_clock": ("the source's clock is not ahead by more", "đồng hồ nguồn không nhanh hơn"),
    "promise_shared": ("what was sent is judged and shared within", "dữ liệu gửi được xét và chia sẻ trong"),
    "promise_failed": ("records of a batch that fail", "tỷ lệ bản ghi không đạt trong một lô"),
    "promise_mended": ("what was rejected waits no longer", "bản ghi bị từ chối không chờ lâu hơn"),
    "promise_told": ("an agency is told its rejections within", "cơ quan gửi được báo trong"),
    "causes_of_run": (
        "What failed in this run, whatever became of it since; a record counts under each rule.",
        "Những gì không đạt trong lượt này, bất kể kết quả về sau; mỗi bản ghi tính ở mọi quy tắc.",
    ),
    "retry_is_safe": (
        "Running it again is safe: it goes on where the position stands, and what came before is recognised.",
        "Chạy lại an toàn: hệ thống tiếp tục từ vị trí đã đọc và nhận ra những gì đã đến trước đó.",
    ),
    "verdicts": ("What became of them", "Kết quả xét"),
}
