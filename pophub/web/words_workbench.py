"""Words of the connector workbench: English and Vietnamese."""

from __future__ import annotations

WORKBENCH: dict[str, tuple[str, str]] = {
    "place_workbench": ("Workbench", "Bàn thử kết nối"),
    "workbench_note": (
        "Try a connector's three files before they go through git. Nothing that you paste is kept or published.",
        "Thử ba tệp của một kết nối trước khi đưa qua git. Nội dung bạn dán không được lưu hay công bố.",
    ),
    "start_from": ("Start from the files in force of", "Bắt đầu từ tệp đang dùng của"),
    "a_new_one": ("a new dataset", "một bộ dữ liệu mới"),
    "take_them": ("Take them", "Lấy"),
    "text_connector": ("Connector (YAML)", "Kết nối (YAML)"),
    "text_schema": ("Schema (Avro)", "Lược đồ (Avro)"),
    "text_suite": ("Suite (JSON)", "Bộ quy tắc (JSON)"),
    "text_rows": (
        "Rows to judge, a JSON object a line; else the samples of the dataset",
        "Các dòng để xét, mỗi dòng một đối tượng JSON; nếu trống thì dùng mẫu của bộ dữ liệu",
    ),
    "or_upload": (
        "Paste each text, or choose its file, which then stands in the place of the text: UTF-8, 512 kB for all of them.",
        "Dán từng văn bản, hoặc chọn tệp để thay cho văn bản đó: UTF-8, tổng cộng tối đa 512 kB.",
    ),
    "upload_of": ("File: {what}", "Tệp: {what}"),
    "upload_rows": ("rows to judge", "các dòng để xét"),
    "try_it": ("Check and judge", "Kiểm tra và xét"),
    "being_judged": ("It is being judged.", "Đang xét."),
    "findings": ("What is wrong, and what could be better", "Lỗi và điểm có thể tốt hơn"),
    "no_job": ("Nothing of that number is tried here", "Không có lượt thử nào mang số này"),
    "no_findings": ("The three files are sound.", "Ba tệp đều hợp lệ."),
    "finding_error": ("error", "lỗi"),
    "finding_advice": ("advice", "khuyến nghị"),
    "at_line": ("{file}, line {line}", "{file}, dòng {line}"),
    "score_of": (
        "{score} of 100 points, without those for source and marker, which nobody asks here.",
        "{score} trên 100 điểm, không kể nguồn và mốc thay đổi, vốn không được hỏi ở đây.",
    ),
    "rows_judged": ("Rows, judged", "Các dòng, đã xét"),
    "rows_note": (
        "At each gate as a run would judge; values of fields that tell of a person are masked.",
        "Ở mỗi cổng kiểm tra như một lượt chạy sẽ xét; giá trị của trường về cá nhân bị che.",
    ),
    "no_rows_judged": ("There is no row to judge.", "Không có dòng nào để xét."),
    "row_name": ("Row", "Dòng"),
    "gate_passed": ("passed", "qua"),
    "gate_failed": ("failed", "không qua"),
    "mapped_record": ("Mapped record", "Bản ghi sau ánh xạ"),
    "not_as_named": ("not as its name says", "không đúng như tên"),
    "changed_lines": ("Difference to the files in force", "Khác với tệp đang dùng"),
    "nothing_changed": ("Nothing differs from the files in force.", "Không khác gì tệp đang dùng."),
    "download": ("Download", "Tải về"),
    "publish_by_git": (
        "Publish by git: a file that is downloaded changes nothing here.",
        "Công bố qua git: tệp tải về không thay đổi gì ở đây.",
    ),
}
