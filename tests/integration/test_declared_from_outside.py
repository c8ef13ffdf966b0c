"""The datasets' sources changed in ways that the simulation does not know, by SQL or by a file.

For each dataset at least one defect of each gate must be refused by its rule, and what looks odd but is
sound must pass. A sound row is the sample of the connector that its case names.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from first_cases import COMPANY, FIRST, LIVING, REGISTERED
from hubkit import Project
from load_cases import ARABIC, EMPTY, LOAD, Case, Changed
from openpyxl import Workbook
from psycopg2 import sql
from topic_source import into_topic

from pophub.contracts.load import load_all
from pophub.contracts.source_model import SqlSource
from pophub.domain.codes import GATES
from pophub.domain.tax_codes import check_digit
from pophub.settings import PROJECT

sys.path.insert(0, str(Path(__file__).parents[1]))

from api_kit import TOKEN, Agency, serving

pytestmark = pytest.mark.timeout(240)
HOUR = ZoneInfo("Asia/Ho_Chi_Minh")
CONNECTORS = {one.stem: one for one in load_all(PROJECT)[0]}
BIG = "9" * 30
DEAD = "a citizen who died on 10 March 2024, registered three days ago"
REFERRED, PAPERLESS = "1.004222", "1.004224"  # the procedure that sound dossiers name, and a paperless one
SAID = {"Lệ phí": 20_000, "Lệ phí trực tuyến": 15_000, "Không giấy": None}


def dossier(sub: str, ret: str, name: str, fee: str, state: str, birth: str) -> Case:
    """Give the case of dossiers, whose columns go by other names at each agency."""
    return Case(
        "returned.pass",
        (
            ({fee: "1.5e3"}, "contract.number.format"),
            ({sub: ARABIC}, "contract.date.format"),
            ({sub: "01/01/2100", ret: None}, "correct.date.future"),
            ({ret: "29/02/2024"}, "correct.dates.order"),
            ({name: "Lê Thị Mận"}, "correct.agreement.name"),
            ({birth: "15/03/1991"}, "correct.agreement.birth_date"),
            ({state: EMPTY}, "sufficient.missing"),
            ({name: "Nguyễn\u202eVăn An"}, "clean.text.control"),
        ),
        ({name: "NGUYỄN  VĂN AN"}, {sub: " 10/03/2024 "}, {fee: "000"}, {fee: None}, {ret: None}),
    )


VIETNAMESE = dossier("Ngày nộp", "Ngày trả", "Họ và tên", "Lệ phí", "Trạng thái", "Ngày sinh")
COUNTERS = dossier("ngay_nop", "ngay_tra", "ho_ten", "le_phi", "trang_thai", "ngay_sinh")
PARTIES = Case(
    "individual.pass",
    (
        ({"ngay_doi_chieu": ARABIC}, "contract.date.format"),
        ({"trang_thai": "hoạt động"}, "correct.code.unknown"),
        ({"ho_ten": "Lê Thị Mận"}, "correct.agreement.name"),
        ({"ngay_sinh": "15/03/1991"}, "correct.agreement.birth_date"),
        ({"mst": "01012345678"}, "correct.taxcode.format"),
        ({"so_ddcn": "001090999999"}, "sufficient.unknown_person"),
        ({"dia_chi": EMPTY}, "sufficient.missing"),
        ({"ten_tc": "An\u200bPhát"}, "clean.text.control"),
    ),
    (
        {"ho_ten": "nguyễn văn an"},
        {"so_ddcn": None, "ho_ten": None, "ngay_sinh": None, "mst": "0101234567-001"},
        {"trang_thai": " Ngừng"},
    ),
)
CASES = {
    "portal.parties": PARTIES,
    "laocai.parties": PARTIES,
    "laocai.procedure_catalogue": Case(
        "full.pass",
        (
            ({"Số giấy tờ": "ba"}, "contract.number.format"),
            ({"Ngày quyết định": "30/02/2023"}, "contract.date.format"),
            ({"Mức độ": "toàn trình"}, "correct.code.unknown"),
            ({"Lệ phí": 5_999}, "correct.amount.range"),
            ({"Tên thủ tục": EMPTY}, "sufficient.missing"),
            ({"Quyết định": "12\u200d/QĐ"}, "clean.text.control"),
        ),
        ({"Lệ phí": 6_000}, {"Không giấy": "X"}, {"Tên thủ tục": "Ạ" * 2000}),
    ),
    "mof.taxpayers": Case(
        "company.pass",
        (
            ({"ngay_cap": ARABIC}, "contract.date.format"),
            ({"loai": "doanh nghiệp"}, "correct.code.unknown"),
            ({"so_dai_dien": "00109099900"}, "correct.id.length"),
            ({"ngay_cap": "01/01/2100"}, "correct.date.future"),
            ({"ten": EMPTY}, "sufficient.missing"),
            ({"ten": "An\u200bPhát"}, "clean.text.control"),
        ),
        ({"so_dai_dien": None}, {"hoat_dong": False}, {"ten": "Công ty 'A'"}, {"loai": " Hộ kinh doanh "}),
    ),
    "security.criteria": Case(
        "reported.pass",
        (
            ({"so_dat": "18,5"}, "contract.number.format"),
            ({"trang_thai": "đã báo cáo"}, "correct.code.unknown"),
            ({"so_tieu_chi": 0, "so_dat": 0}, "correct.amount.range"),
            ({"ngay_yeu_cau": "02/03/2024"}, "correct.dates.order"),
            ({"ten_cq": ""}, "sufficient.missing"),
            ({"so_van_ban": "12\u2066/BC"}, "clean.text.control"),
        ),
        ({"so_dat": 24}, {"so_van_ban": None}, {"cap": " Tỉnh "}),
    ),
    "mps.identity_accounts": Case(
        "citizen.pass",
        (
            ({"ngay_cap": ARABIC}, "contract.date.format"),
            ({"muc_do": "Mức 0"}, "correct.code.unknown"),
            ({"so_ddcn": "00109099900"}, "correct.id.length"),
            ({"mst": "01012345678"}, "correct.taxcode.format"),
            ({"ho_ten": "Lê Thị Mận"}, "correct.agreement.name"),
            ({"mst": "0101234573", "ten_tc": None}, "sufficient.unknown_organisation"),
            ({"mst": REGISTERED, "ten_tc": "Công ty Khác"}, "correct.agreement.organisation"),
            ({"so_ddcn": "001090999999"}, "sufficient.unknown_person"),
            ({"can_cu": "Nghị định 69/2024/NĐ-CP", "ngay_cap": "30/06/2024"}, "correct.basis"),
            ({"can_cu": "Nghị định 59/2022/NĐ-CP", "ngay_cap": "01/07/2024"}, "correct.basis"),
            ({"can_cu": EMPTY}, "sufficient.missing"),
            ({"ho_ten": "Nguyễn\u0001Văn An"}, "clean.text.control"),
            ({"ngay_kich_hoat": "09/03/2024"}, "correct.dates.order"),
            (
                {"so_ddcn": DEAD, "ngay_cap": "11/03/2024", "ngay_kich_hoat": None},
                "correct.account.after_death",
            ),
            ({"so_ddcn": DEAD, "ngay_kich_hoat": "11/03/2024"}, "correct.account.after_death"),
            (
                {"so_ddcn": DEAD, "ngay_kich_hoat": "11/03/2024", "trang_thai": "Khóa"},
                "correct.account.after_death",
            ),
        ),
        (
            {"so_ddcn": DEAD},  # opened and made active on the day of death
            {
                "so_ddcn": DEAD,
                "ngay_cap": "11/03/2024",
                "ngay_kich_hoat": "11/03/2024",
                "cap_nhat": 4,
            },  # registered later
            {"so_ddcn": DEAD, "ngay_cap": "09/03/2024", "trang_thai": "Khóa"},  # locked after the death
            {"ho_ten": "nguyễn văn an"},
            {"ngay_cap": "30/06/2024", "ngay_kich_hoat": "30/06/2024"},
            {"can_cu": "Nghị định 69/2024/NĐ-CP", "ngay_cap": "01/07/2024", "ngay_kich_hoat": " 01/07/2024"},
            {"so_ddcn": None, "ho_ten": None, "mst": REGISTERED, "ten_tc": COMPANY.upper()},
        ),
    ),
    "moit.market_findings": Case(
        "settled.pass",
        (
            ({"Mức phạt": BIG}, "contract.number.format"),
            ({"Sàn": "SHOPE"}, "correct.code.unknown"),
            ({"Mã số thuế": "0101234567-01"}, "correct.taxcode.format"),
            ({"Ngày phát hiện": "13/03/2024"}, "correct.dates.order"),
            ({"Mã số thuế": ""}, "sufficient.missing"),
            ({"Mã số thuế": "0101234573"}, "sufficient.unknown_organisation"),
            ({"Người bán": "Công ty Khác"}, "correct.agreement.organisation"),
            ({"Người bán": "An\u200bPhát"}, "clean.text.control"),
        ),
        ({"Ngày xử lý": ""}, {"Mức phạt": "0"}, {"Người bán": COMPANY.lower()}),
    ),
    "catalogue.targets": Case(
        "locality.pass",
        (
            ({"ty_le": "70 %"}, "contract.number.format"),
            ({"doi_tuong": "Bộ"}, "correct.code.unknown"),
            ({"ty_le": "-0001"}, "correct.amount.range"),
            ({"han": "09/01/2024"}, "correct.dates.order"),
            ({"can_cu": EMPTY}, "sufficient.missing"),
            ({"noi_dung": "Tỷ lệ\u2069"}, "clean.text.control"),
        ),
        ({"ty_le": "0"}, {"doi_tuong": " Bộ, ngành"}, {"han": "31/12/9999"}),
    ),
    **LOAD,
    **FIRST,
    "thanhhoa.procedures": VIETNAMESE._replace(
        defects=tuple(one for one in VIETNAMESE.defects if one[1] != "correct.date.future")
    ),
    "catalogue.fee_resolutions": Case(
        "resolved.pass",
        (
            ({"giam": "40 %"}, "contract.number.format"),
            ({"ngay_nq": ARABIC}, "contract.date.format"),
            ({"trang_thai": "đã ban hành"}, "correct.code.unknown"),
            ({"giam": "-0001"}, "correct.amount.range"),
            ({"tinh": EMPTY}, "sufficient.missing"),
            ({"so_nq": "10/NQ\u2069"}, "clean.text.control"),
        ),
        ({"giam": "100"}, {"tinh": " laocai "}, {"so_nq": None, "ngay_nq": None}),
    ),
    "portal.simplifications": Case(
        "in_progress.pass",
        (
            ({"giay_to": BIG}, "contract.number.format"),
            ({"trang_thai": "hoàn thành"}, "correct.code.unknown"),
            ({"da_bo": "-1"}, "correct.amount.range"),
            ({"han": "09/01/2024"}, "correct.dates.order"),
            ({"da_bo": EMPTY}, "sufficient.missing"),
            ({"bo": "mps\u2066"}, "clean.text.control"),
        ),
        ({"da_bo": "000"}, {"bo": "  mof"}, {"han": "31/12/9999"}),
    ),
    "laocai.procedures": COUNTERS._replace(
        defects=(
            *COUNTERS.defects,
            ({"ma_tt": "1.004223"}, "sufficient.unknown_reference"),
            ({"le_phi": "000"}, "correct.agreement.reference"),
            ({"le_phi": "20000"}, "correct.agreement.reference"),
            ({"truc_tuyen": False}, "correct.agreement.reference"),
            ({"ma_tt": PAPERLESS, "so_giay": "1"}, "correct.agreement.reference"),
        ),
        sound=(
            {"ho_ten": "NGUYỄN  VĂN AN"},
            {"le_phi": " 15000 "},
            {"le_phi": None},
            {"truc_tuyen": False, "le_phi": "20000", "so_giay": "99"},
            {"truc_tuyen": None, "le_phi": "1"},  # nobody knows how it came
            {"ma_tt": PAPERLESS, "so_giay": "0"},
        ),
    ),
    "tuyenquang.procedures": VIETNAMESE,
    "monre.procedures": VIETNAMESE,
    "mic.procedures": VIETNAMESE,
    "portal.dossiers": COUNTERS,
}


def rows_of(project: Project, stem: str) -> tuple[list[Changed], dict[str, str], set[str]]:
    """Give the rows to write, the code that each defective key must fail by, and the sound keys."""
    case, source = CASES[stem], CONNECTORS[stem].file.source
    path = PROJECT / "tests" / "samples" / stem / f"{case.sample}.json"
    base = json.loads(path.read_text())["raw"]
    key = CONNECTORS[stem].file.mapping[CONNECTORS[stem].file.key[0]].source
    changed = case.changed or source.marker.changed_at or source.marker.column
    people = {LIVING: project.number_of(1), DEAD: project.number_of(2)}
    person = {c: v for c, v in known(project, case.born).items() if c in base}
    stale, future = ({changed: days} for days in case.days)
    late = [] if case.days[0] is None else [(stale, "live.stale")]  # a log tells of no change that is old
    plan = [*case.defects, *late, (future, "live.future"), *((one, "") for one in case.sound)]
    rows, wanted, sound = [], {}, set()
    for index, (change, code) in enumerate(plan, start=1):
        row = {**base, **person, **dict(case.base), **change}
        row = {c: people.get(v, v) if isinstance(v, str) else v for c, v in row.items()}
        row[key] = tax_code(project, index) if key == "mst" else f"T{project.number}-{index:03d}"
        row |= {number: index for number in ("stt", "rev") if number in row}
        days = change.get(changed, 1)
        at = (project.now - timedelta(days=days)).astimezone(HOUR)
        for column in (changed, *case.also):
            row[column] = at.strftime(source.marker.format) if source.marker.format else at
        rows.append(row)
        if code:
            wanted[row[key]] = code
        else:
            sound.add(row[key])
    return rows, wanted, sound


def tax_code(project: Project, index: int) -> str:
    """Give a tax code of this project whose last digit checks the others; not every nine digits have one."""
    nines = (f"{project.number % 1000:03d}{index:03d}{more:03d}" for more in range(100))
    return next(f"{nine}{check_digit(nine)}" for nine in nines if check_digit(nine) < 10)


def known(project: Project, birth: str) -> Changed:
    """Give the citizen whom a sound row names, by each agency's name of the column."""
    number = project.number_of(1)
    name = "Nguyễn Văn An"
    return {"so_ddcn": number, "ho_ten": name, "ngay_sinh": birth,
            "Số định danh": number, "Họ và tên": name, "Ngày sinh": birth,
            "Mã số thuế": REGISTERED, "Người bán": COMPANY, "mst_dv": REGISTERED, "ten_dv": COMPANY}  # fmt: skip


def into_postgres(project: Project, table: str, rows: list[Changed]) -> None:
    def kind(value: Any) -> str:
        return {bool: "boolean", datetime: "timestamptz"}.get(type(value), "text")

    schema, _, name = table.partition(".")
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(c), sql.SQL(kind(v))) for c, v in rows[0].items()
    )
    place = sql.Identifier(schema, name)
    project.sql(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    project.sql(sql.SQL("create table {} ({})").format(place, columns))
    for row in rows:
        names = sql.SQL(", ").join(map(sql.Identifier, row))
        places = sql.SQL(", ").join(sql.Placeholder() * len(row))
        values = (str(value) if type(value) is int else value for value in row.values())
        project.sql(sql.SQL("insert into {} ({}) values ({})").format(place, names, places), *values)


def publish(project: Project, table: str, key: str) -> None:
    """Let a table be read by its log, as an agency does once."""
    place = sql.Identifier(*table.split("."))
    project.sql(sql.SQL("alter table {} add primary key ({})").format(place, sql.Identifier(key)))
    project.sql(sql.SQL("create publication pophub for table {}").format(place))


def drop_slots(project: Project) -> None:
    """Let the server forget how far its log was read: the project's database is dropped then."""
    project.sql(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()"
    )


def into_sqlite(path: Path, table: str, rows: list[Changed]) -> None:
    columns = ", ".join(f'"{name}"' for name in rows[0])
    with closing(sqlite3.connect(path)) as source, source:
        source.execute(f"create table {table} ({columns})")
        places = ", ".join("?" * len(rows[0]))
        source.executemany(f"insert into {table} values ({places})", [list(row.values()) for row in rows])


def into_csv(path: Path, rows: list[Changed]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def into_jsonl(path: Path, rows: list[Changed]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8")


def into_xlsx(path: Path, rows: list[Changed]) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    book.save(path)


WRITERS: dict[str, Callable[[Path, list[Changed]], None]] = {
    ".csv": into_csv,
    ".jsonl": into_jsonl,
    ".xlsx": into_xlsx,
}


def into_api(rows: list[Changed], changed: str, opened: ExitStack) -> str:
    """Serve the rows by another API than the simulation's as long as the test lasts; give its address."""
    told = [{**row, changed: row[changed].isoformat()} for row in rows]
    return f"{opened.enter_context(serving(Agency(told, changed))).url}/cursor"


def fill(project: Project, stem: str, rows: list[Changed], folder: Path, opened: ExitStack) -> None:
    """Write the rows where a connector's source says, and set its variable."""
    source = CONNECTORS[stem].file.source
    variable = source.url.strip("${}")
    if source.kind == "files":
        drop = folder / stem
        drop.mkdir()
        path = drop / source.pattern.replace("*", "20240399")
        path = path if path.suffix else path.with_suffix(".csv")
        WRITERS[path.suffix](path, rows)
        os.utime(path, (project.now.timestamp() - 60,) * 2)  # at rest for long enough
        project.environment[variable] = str(drop)
    elif source.kind == "kafka":
        found = into_topic(project, own_topic(project, stem), rows)
        project.environment |= {variable.replace("_URL", f"_{end}"): value for end, value in found.items()}
    elif source.kind == "http":
        project.environment[variable] = into_api(rows, source.marker.column, opened)
        project.environment[variable.replace("_URL", "_TOKEN")] = TOKEN
    elif "." in source.table:
        into_postgres(project, source.table, rows)
        if source.kind == "cdc":
            publish(project, source.table, source.key[0])
        project.environment[variable] = project.url()
    else:
        into_sqlite(folder / "source.sqlite", source.table, rows)
        project.environment[variable] = f"sqlite:///{folder / 'source.sqlite'}"


def own_topic(project: Project, stem: str) -> str:
    """Give the name of the project's own topic, in the place of the agency's."""
    return f"{project.agency}.of.{stem}"


def own_targets(project: Project, stem: str) -> list[tuple[str, str]]:
    """Give the edits by which a connector reads, refers to and looks up what is the project's own."""
    file = CONNECTORS[stem].file
    places = [("to", one.to) for one in file.references] + [
        ("in", one.dataset) for one in file.look_up.values()
    ]
    found = [
        (rf"{key}: {re.escape(other)}", f"{key}: {project.agency}.{other.partition('.')[2]}")
        for key, other in places
    ]
    if file.source.kind == "kafka":
        found.append((r"(?m)^  topic: .*$", f"  topic: {own_topic(project, stem)}"))
    return found


def refer(project: Project, stem: str, folder: Path, opened: ExitStack) -> None:
    """Let what records refer to be accepted before them: the sound sample of that dataset."""
    rows, _, sound = rows_of(project, stem)
    key = CONNECTORS[stem].file.mapping[CONNECTORS[stem].file.key[0]].source
    (row,) = (one for one in rows if one[key] == min(sound))
    said = {name: value for name, value in SAID.items() if name in row}
    rows = [{**row, **said, key: REFERRED}]
    if "Không giấy" in row:
        rows.append({**rows[0], key: PAPERLESS, "Không giấy": "x"})
    fill(project, stem, rows, folder, opened)
    own = project.declare(stem)
    project.pass_through("prepare", "extract", "judge", stem=own)


def register(project: Project) -> None:
    """Let the organisation be accepted that sound rows name: the sound sample of taxpayers."""
    rows, _, sound = rows_of(project, "mof.taxpayers")
    row = next(one for one in rows if one["mst"] in sound and one["ten"] == COMPANY)
    source = CONNECTORS["mof.taxpayers"].file.source
    assert isinstance(source, SqlSource)
    into_postgres(project, source.table, [{**row, "mst": REGISTERED, "so_dai_dien": None, "hoat_dong": True}])
    project.environment["POPHUB_SOURCE_MOF_URL"] = project.url()
    own = project.declare("mof.taxpayers")
    project.pass_through("prepare", "extract", "judge", stem=own)


def register_deaths(project: Project) -> None:
    """Let the civil status register tell who died, who did not after all, and who married."""
    events = [  # days ago, registration, kind, person, day, cancelled
        (20, "KH1", "KH", 1, "20230101", False),
        (10, "KT1", "KT", 1, "20230101", False),
        (5, "KT1", "KT", 1, "20230101", True),
        (3, "KT2", "KT", 2, "20240310", False),
    ]
    into_postgres(project, "hotich.su_kien", [
        {"stt": stt, "so_dk": f"{number}-{project.number}", "loai": kind, "so_ddcn": project.number_of(person),
         "ho_ten": "Nguyễn Văn An", "ngay_sinh": "19900315", "so_ddcn_2": None, "ngay_su_kien": day, "ma_tinh": "01",
         "huy": cancelled, "cap_nhat": project.now - timedelta(days=ago)}
        for stt, (ago, number, kind, person, day, cancelled) in enumerate(events, start=1)
    ])  # fmt: skip
    project.environment["POPHUB_SOURCE_MOJ_URL"] = project.url()
    project.pass_through("extract", "judge", stem=f"{project.agency}.civil_status")
    assert project.verdicts(f"{project.agency}.civil_status") == {}


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Give what ends with the test: servers of agencies."""
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("stem", CASES)
def test_an_invented_defect_of_each_gate_is_refused_and_each_near_miss_passes(
    bare_project: Project, tmp_path: Path, opened: ExitStack, stem: str
) -> None:
    project = bare_project
    shutil.copytree(PROJECT / "bases", project.folder / "bases")
    for reference in CONNECTORS[stem].file.references:
        refer(project, reference.to, tmp_path, opened)
    if CONNECTORS[stem].file.organisations:
        register(project)
    buries = any(one.match for one in CONNECTORS[stem].file.look_up.values())
    if buries:
        project.declare("moj.civil_status")
    own = project.declare(stem, *own_targets(project, stem), register=True)
    if CONNECTORS[stem].file.people:
        project.declare("mps.citizens")
        for person in (1, 2):
            project.put(person, 60 * 24 * 30, ho_ten="Nguyễn Văn An", ngay_sinh="15/03/1990")
        project.pass_through("prepare", "extract", "judge")
    if buries:
        register_deaths(project)
    rows, wanted, sound = rows_of(project, stem)
    fill(project, stem, rows, tmp_path, opened)
    project.pass_through("prepare", "extract", "judge", stem=own)
    drop_slots(project)
    refused = project.verdicts(own)
    assert {code.partition(".")[0] for code in wanted.values()} == set(GATES)
    assert {key: code in refused[key][2] if key in refused else None for key, code in wanted.items()} == (
        dict.fromkeys(wanted, True)
    ), {key: (refused.get(key), code) for key, code in wanted.items()}
    assert set(refused) == set(wanted), {key: refused[key] for key in set(refused) - set(wanted)}
    accepted = project.servers.query("select key from population.head where stem = %s", own)
    assert {key for (key,) in accepted} == sound


def test_each_dataset_is_changed_here_citizens_beside() -> None:
    """Those of citizens are in `test_gates_from_outside.py`."""
    assert set(CONNECTORS) - {"mps.citizens"} == set(CASES)
    assert all(case.sound for case in CASES.values())
