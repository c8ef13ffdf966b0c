"""Every code that pophub gives a record or an error: a closed table with its words.

The part before the first dot is the gate of a failed rule, or the origin of an error. Logs,
quarantine, pages and `pophub explain` all take their text from here; none holds a value.
"""

from __future__ import annotations

from typing import NamedTuple

from pophub.domain.errors import ConfigError

GATES = ("contract", "correct", "sufficient", "clean", "live")


class Code(NamedTuple):
    """What a code means in both languages, and what mends it."""

    en: str
    vi: str
    remedy: str


CODES: dict[str, Code] = {
    "contract.date.format": Code(
        "A text is not a date or time of the declared form",
        "Chuỗi không phải là ngày giờ đúng định dạng đã khai báo",
        "send the date in the form that the connector declares",
    ),
    "contract.number.format": Code(
        "A text is not a number of the declared kind",
        "Chuỗi không phải là số đúng kiểu đã khai báo",
        "send digits only, with a leading minus where negative",
    ),
    "contract.number.range": Code(
        "A number does not fit the contract's type",
        "Số vượt quá phạm vi của kiểu dữ liệu",
        "correct the number at the source",
    ),
    "contract.number.nonfinite": Code(
        "A number is not finite",
        "Số không hữu hạn",
        "send an empty value instead of NaN or infinity",
    ),
    "contract.boolean.format": Code(
        "A value is not a yes or no of the declared form",
        "Giá trị không phải đúng/sai theo dạng đã khai báo",
        "send true or false",
    ),
    "contract.text.encoding": Code(
        "A text cannot be read as Unicode",
        "Văn bản không phải là Unicode hợp lệ",
        "send UTF-8",
    ),
    "contract.text.nul": Code(
        "A text holds the character U+0000",
        "Văn bản chứa ký tự U+0000",
        "remove the character at the source",
    ),
    "contract.type": Code(
        "A value has another type than the contract's field",
        "Giá trị khác kiểu với trường trong hợp đồng",
        "send the declared type",
    ),
    "contract.field.missing": Code(
        "The source's column is not there",
        "Thiếu cột ở nguồn",
        "restore the column, or change the mapping",
    ),
    "contract.key.unmappable": Code(
        "The key is missing or cannot be mapped",
        "Khóa bị thiếu hoặc không ánh xạ được",
        "fill in the key at the source",
    ),
    "contract.marker.unmappable": Code(
        "The change marker is missing or cannot be mapped",
        "Dấu thay đổi bị thiếu hoặc không ánh xạ được",
        "fill in the change marker at the source",
    ),
    "contract.size": Code(
        "The record is larger than the connector allows",
        "Bản ghi lớn hơn mức cho phép",
        "shorten the record, or raise limits.max_record_bytes",
    ),
    "correct.id.type": Code(
        "A personal identification number came as a number",
        "Số định danh được gửi dưới dạng số",
        "send it as text, so that leading zeros stay",
    ),
    "correct.id.length": Code(
        "A personal identification number does not have 12 digits",
        "Số định danh không đủ 12 chữ số",
        "correct the number at the source",
    ),
    "correct.id.format": Code(
        "A personal identification number holds something else than digits",
        "Số định danh chứa ký tự không phải chữ số",
        "remove the character at the source",
    ),
    "correct.id.digits": Code(
        "A personal identification number is written in other digits than 0 to 9",
        "Số định danh viết bằng chữ số khác 0-9",
        "correct the number at the source",
    ),
    "correct.id.whitespace": Code(
        "A personal identification number holds a space",
        "Số định danh chứa khoảng trắng",
        "remove the space at the source",
    ),
    "correct.id.province": Code(
        "The first three digits name no place of birth registration",
        "Ba chữ số đầu không phải mã nơi đăng ký khai sinh",
        "correct the number at the source",
    ),
    "correct.id.dob_mismatch": Code(
        "The century, sex or year digits contradict birth date or sex",
        "Chữ số thế kỷ, giới tính hoặc năm sinh mâu thuẫn với ngày sinh hay giới tính",
        "compare number, birth date and sex with the person's papers",
    ),
    "correct.dob.future": Code(
        "The birth date lies after the day of the exchange",
        "Ngày sinh sau ngày trao đổi dữ liệu",
        "correct the birth date at the source",
    ),
    "correct.date.future": Code(
        "The date lies after the day of the exchange",
        "Ngày sau ngày trao đổi dữ liệu",
        "correct the date at the source",
    ),
    "correct.dates.order": Code(
        "Two dates stand in the wrong order",
        "Hai ngày sai thứ tự",
        "correct the dates at the source",
    ),
    "correct.code.unknown": Code(
        "The value is not in the code list",
        "Giá trị không có trong danh mục mã",
        "use a code of the list, or have it added",
    ),
    "correct.agreement.name": Code(
        "The name differs from the population database",
        "Họ tên khác với cơ sở dữ liệu dân cư",
        "compare with the person's papers; both sides are told",
    ),
    "correct.agreement.birth_date": Code(
        "The birth date differs from the population database",
        "Ngày sinh khác với cơ sở dữ liệu dân cư",
        "compare with the person's papers; both sides are told",
    ),
    "correct.amount.range": Code(
        "An amount is out of its bounds",
        "Số tiền ngoài phạm vi cho phép",
        "correct the amount at the source",
    ),
    "correct.taxcode.format": Code(
        "A tax code does not have 10 digits (and 3 of a branch)",
        "Mã số thuế không đúng 10 chữ số (hoặc kèm 3 chữ số chi nhánh)",
        "correct the tax code at the source",
    ),
    "sufficient.missing": Code(
        "A required value is missing",
        "Thiếu giá trị bắt buộc",
        "fill in the value at the source",
    ),
    "sufficient.unknown_person": Code(
        "The person is not in the population database at that time",
        "Người này chưa có trong cơ sở dữ liệu dân cư tại thời điểm đó",
        "nothing: judged again when the person arrives, within the grace time",
    ),
    "clean.text.control": Code(
        "A text holds control or zero-width characters",
        "Văn bản chứa ký tự điều khiển hoặc ký tự không hiển thị",
        "remove the characters at the source",
    ),
    "clean.text.length": Code(
        "A text is longer than it can be",
        "Văn bản quá dài",
        "shorten the text at the source",
    ),
    "clean.name.letters": Code(
        "A name holds digits or symbols",
        "Họ tên chứa chữ số hoặc ký hiệu",
        "correct the name at the source",
    ),
    "clean.name.empty": Code(
        "A name has no visible character",
        "Họ tên không có ký tự nhìn thấy được",
        "fill in the name at the source",
    ),
    "clean.key.duplicate": Code(
        "Another record holds the value that must be unique",
        "Giá trị phải duy nhất đã thuộc về bản ghi khác",
        "find out at the source which of the two holds it",
    ),
    "clean.contradiction": Code(
        "The same version was sent before with another content",
        "Cùng một phiên bản đã được gửi trước đó với nội dung khác",
        "raise the change marker whenever a row changes",
    ),
    "live.stale": Code(
        "The record was too old when it was exchanged",
        "Bản ghi đã quá cũ khi trao đổi",
        "exchange sooner after the change",
    ),
    "live.future": Code(
        "The record's time lies after its exchange",
        "Thời gian của bản ghi sau thời điểm trao đổi",
        "set the source's clock",
    ),
    "gate.column_missing": Code(
        "A column that a rule names is not in the frame",
        "Thiếu cột mà quy tắc cần",
        "report it; no record of the batch was decided",
    ),
    "gate.expectation_raised": Code(
        "An expectation raised an error instead of judging",
        "Một quy tắc bị lỗi khi chạy",
        "run pophub connector check, then mend the suite",
    ),
    "gate.rows_short": Code(
        "Fewer rows were judged than given",
        "Số dòng được xét ít hơn số dòng đưa vào",
        "report it; no record of the batch was decided",
    ),
    "gate.suite_empty": Code(
        "There is nothing to judge, or no rule to judge by",
        "Không có quy tắc hoặc không có dữ liệu để xét",
        "add rules to the suite",
    ),
    "gate.timeout": Code(
        "The rules were not done by the deadline",
        "Việc xét quy tắc quá thời hạn",
        "make the batches smaller, or find the slow rule",
    ),
    "yaml.syntax": Code(
        "The file is not YAML or JSON",
        "Tệp không phải YAML hoặc JSON",
        "correct the line that is named",
    ),
    "yaml.octal": Code(
        "A number is written with leading zeros or another base",
        "Số viết có số 0 ở đầu hoặc theo hệ khác",
        "put it in quotes",
    ),
    "yaml.bool": Code(
        "A word that YAML would take for true or false",
        "Từ mà YAML có thể hiểu là đúng/sai",
        "write true or false, or put it in quotes",
    ),
    "yaml.duplicate_key": Code(
        "A key stands twice",
        "Khóa xuất hiện hai lần",
        "remove one of the two",
    ),
    "yaml.tag": Code(
        "A tag is used",
        "Dùng thẻ YAML",
        "remove the tag",
    ),
    "yaml.alias": Code(
        "An anchor or alias is used",
        "Dùng neo hoặc bí danh YAML",
        "write the value out",
    ),
    "yaml.depth": Code(
        "The file is nested too deeply or too large",
        "Tệp lồng quá sâu hoặc quá lớn",
        "flatten the file",
    ),
    "yaml.root": Code(
        "The file is empty or its root is not a mapping",
        "Tệp rỗng hoặc gốc không phải ánh xạ",
        "begin with key: value",
    ),
    "yaml.multiple": Code(
        "The file holds several documents",
        "Tệp chứa nhiều tài liệu",
        "keep one document a file",
    ),
    "config.unknown_key": Code(
        "A key or name is not known",
        "Khóa hoặc tên không được biết",
        "correct the spelling",
    ),
    "config.missing": Code(
        "A required key is missing",
        "Thiếu khóa bắt buộc",
        "add the key",
    ),
    "config.range": Code(
        "A value is out of its bounds",
        "Giá trị ngoài phạm vi",
        "choose a value within the bounds",
    ),
    "config.type": Code(
        "A value has the wrong type",
        "Giá trị sai kiểu",
        "write a value of the type that is named",
    ),
    "config.value": Code(
        "A value is not one of those allowed",
        "Giá trị không được phép",
        "choose one of those named",
    ),
    "config.format": Code(
        "A date format uses something that pophub does not read",
        "Định dạng ngày không được hỗ trợ",
        "use %Y %m %d %H %M %S %f",
    ),
    "config.variable_missing": Code(
        "A variable is not set",
        "Biến chưa được đặt",
        "export the variable",
    ),
    "config.secret_missing": Code(
        "A secret is not there",
        "Thiếu bí mật",
        "put the secret in place",
    ),
    "config.missing_file": Code(
        "A file that belongs to the connector is missing",
        "Thiếu tệp của bộ kết nối",
        "add the file",
    ),
    "config.path": Code(
        "A file's name and what it says do not agree",
        "Tên tệp và nội dung không khớp",
        "rename the file, or correct the content",
    ),
    "config.authority": Code(
        "Two connectors claim one field of the citizen",
        "Hai bộ kết nối cùng nhận một trường của công dân",
        "leave the field to one of them",
    ),
    "secret.inline": Code(
        "A secret is written in the file",
        "Bí mật bị ghi trực tiếp trong tệp",
        "use ${NAME} and set the variable",
    ),
    "identifier.invalid": Code(
        "A name is not a plain identifier",
        "Tên không phải là định danh hợp lệ",
        "use letters, digits and underscores",
    ),
    "schema.invalid": Code(
        "The schema is not a flat Avro record",
        "Lược đồ không phải là bản ghi Avro phẳng",
        "write one record of plain fields",
    ),
    "schema.duplicate": Code(
        "A field stands twice in the schema",
        "Trường xuất hiện hai lần trong lược đồ",
        "remove one of the two",
    ),
    "schema.recursive": Code(
        "The schema is nested or refers to itself",
        "Lược đồ lồng nhau hoặc tự tham chiếu",
        "use plain types only",
    ),
    "schema.null_array": Code(
        "The schema has an array",
        "Lược đồ có mảng",
        "use plain types only",
    ),
    "schema.nullable": Code(
        "A field outside the key is not nullable, or a key field is",
        "Trường ngoài khóa không cho phép null, hoặc trường khóa cho phép null",
        'write ["null", type], and a plain type for the key',
    ),
    "schema.field_missing": Code(
        "A field is named that the schema does not have",
        "Trường được nêu không có trong lược đồ",
        "correct the name, or add the field in a new version",
    ),
    "suite.invalid": Code(
        "The suite is not Great Expectations' JSON",
        "Bộ quy tắc không phải JSON của Great Expectations",
        "write name and expectations with type, kwargs, meta",
    ),
    "suite.meta": Code(
        "A rule lacks its gate or code",
        "Quy tắc thiếu cổng hoặc mã",
        "write meta.gate and meta.code, the code beginning with the gate",
    ),
    "suite.unknown": Code(
        "An expectation is not known, or cannot tell rows",
        "Quy tắc không được biết hoặc không chỉ ra được dòng",
        "use one of those named in docs",
    ),
    "suite.regex": Code(
        "A regular expression is not anchored",
        "Biểu thức chính quy không neo hai đầu",
        "begin with \\A and end with \\Z",
    ),
    "suite.gate_uncovered": Code(
        "A gate has no rule",
        "Một cổng không có quy tắc nào",
        "add a rule for the gate",
    ),
    "code.unknown": Code(
        "A code is not in the closed list",
        "Mã không có trong danh sách",
        "use one of the list",
    ),
}


def explain(code: str) -> Code:
    """Give the words of a code.

    Errors: `code.unknown`.
    """
    try:
        return CODES[code]
    except KeyError:
        raise ConfigError("code.unknown", f"there is no code {code!r}") from None


def origin(code: str) -> str:
    """Give the part before the first dot: the gate of a rule, the origin of an error."""
    return code.partition(".")[0]


def is_rule(code: str) -> bool:
    """Say whether a code is that of a failed rule of a record."""
    return code in CODES and origin(code) in GATES
