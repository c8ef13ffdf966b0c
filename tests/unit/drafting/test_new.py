"""connector new drafts connectors from databases that the project has never seen: they load, check and run as they are."""

from __future__ import annotations

import random
import shutil
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from draft_kit import School, stranger
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pophub.cli.program import app
from pophub.drafting.files import scalar

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own

SCHEMA = """
create table "Danh mục loại trường" (ma text primary key, ten text);
create table "Trường học" (
    "Mã trường" text primary key, "Tên trường" text not null,
    "Loại" text references "Danh mục loại trường" (ma), "Mã tỉnh" text, "Số học sinh" integer,
    "Số ĐDCN hiệu trưởng" text, "Ngày thành lập" text, email text unique, "order" numeric(12,2),
    "Cập nhật lúc" datetime not null);
create table lop (truong text not null, "select" text not null, row_version integer not null,
    da_xoa boolean default 0, primary key (truong, "select"));
create table nhat_ky (dong text, gia real);
create table "a.b" (id integer primary key, "x: y" text, updated_at text not null);
"""
NEWEST = datetime(2026, 11, 27, 8)


def fill(source: sqlite3.Connection) -> None:
    chance = random.Random(1)
    source.executescript(SCHEMA)
    kinds = ["TH", "THCS", "THPT"]
    source.executemany('insert into "Danh mục loại trường" values (?, ?)', [(kind, "x") for kind in kinds])
    for at in range(60):
        changed = f"{NEWEST - timedelta(hours=at):%Y-%m-%d %H:%M:%S}"
        head = f"0010{chance.randint(60, 99)}{at:06d}" if at % 3 else None
        row = (f"T{at:04d}", f"Trường {at}", kinds[at % 3], ["01", "08", "38"][at % 3], at * 10, head,
               f"{at % 28 + 1:02d}/09/1975", f"truong{at}@an.example", 1.5, changed)  # fmt: skip
        source.execute(f'insert into "Trường học" values ({", ".join("?" * 10)})', row)
        source.execute("insert into lop values (?, '1A', ?, ?)", (f"T{at:04d}", at, at == 7))
        source.execute("insert into nhat_ky values ('như nhau', 1.5)")
        source.execute('insert into "a.b" values (?, ?, ?)', (at, "z", changed))
    source.commit()


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> School:
    found = stranger(tmp_path, monkeypatch)
    with sqlite3.connect(found.database) as source:
        fill(source)
    monkeypatch.setenv("POPHUB_SOURCE_MOET_URL", f"sqlite:///{found.database}")
    return found


NEW = ("new", "moet.schools", "--from", "POPHUB_SOURCE_MOET_URL", "--table", "Trường học")


def test_a_table_never_seen_is_drafted_checked_and_tried_without_an_edit(school: School) -> None:
    told = school.run(*NEW)["drafted"][0]
    assert told["stem"] == "moet.schools"
    assert [one.partition(":")[0] for one in told["decisions"]] == ["owner", "title", "live"]
    checked = school.run("check", "moet.schools")
    codes = {finding["code"] for finding in checked["findings"]}
    assert codes == {"connector.title", "connector.owner", "connector.promise", "connector.marker_unindexed"}
    tried = school.run("try", "moet.schools")
    assert tried["states"] == {"shared": 60, "quarantined": 0, "duplicate": 0, "superseded": 0}


def test_what_is_guessed_of_a_table(school: School) -> None:
    school.run(*NEW)
    file, fields = school.connector("moet.schools").file, school.connector("moet.schools").contract.fields
    assert {field.name: field.type for field in fields} == {
        "ma_truong": "string", "ten_truong": "string", "loai": "string", "ma_tinh": "string", "so_hoc_sinh": "long",
        "so_ddcn_hieu_truong": "string", "ngay_thanh_lap": "date", "email": "string", "order": "decimal",
        "cap_nhat_luc": "timestamp-micros",
    }  # fmt: skip
    assert (file.key, file.source.marker.column, file.source.marker.kind) == (
        ("ma_truong",),
        "Cập nhật lúc",
        "time",
    )
    assert (file.mapping["ma_tinh"].codes, file.mapping["ngay_thanh_lap"].format) == ("province", "%d/%m/%Y")
    assert [person.id for person in file.people] == ["so_ddcn_hieu_truong"]
    assert (file.unique, file.personal) == (("email",), ("so_ddcn_hieu_truong", "email"))
    rules = {(r.code, r.field): r.kwargs for r in school.connector("moet.schools").contract.rules}
    assert rules["correct.code.unknown", "loai"]["value_set"] == ["TH", "THCS", "THPT"]
    assert ("sufficient.missing", "so_ddcn_hieu_truong") not in rules and (
        "sufficient.missing",
        "email",
    ) in rules
    text = school.texts()["connectors/moet/schools.yaml"]
    assert "# refers to Danh mục loại trường (ma), a table of 3 codes" in text and "# the primary key" in text


def test_every_table_at_once_or_the_decision_that_it_waits_for(school: School) -> None:
    told = school.run("new", "moet", "--from", "${POPHUB_SOURCE_MOET_URL}", "--all")
    assert {one["source"]: one["stem"] for one in told["drafted"]} == {
        '"a.b"': "moet.a_b", "Danh mục loại trường": "moet.danh_muc_loai_truong",
        "Trường học": "moet.truong_hoc", "lop": "moet.lop"}  # fmt: skip
    assert {one["where"]: one["code"] for one in told["passed_over"]} == {"nhat_ky": "connector.no_key"}
    lop = school.connector("moet.lop").file
    assert (lop.key, lop.source.marker.kind) == (("truong", "select"), "sequence")
    assert lop.source.deleted is not None and lop.source.deleted.column == "da_xoa"
    assert school.run("check")["version"] == 1
    assert school.run("try", "moet.lop")["states"]["shared"] == 60
    assert school.run("try", "moet.a_b")["states"]["shared"] == 60
    assert school.run("try", "moet.danh_muc_loai_truong")["states"]["shared"] == 3


def test_a_table_that_tells_no_change_is_scanned_and_the_file_says_what_that_costs(school: School) -> None:
    new = ("new", "moet.kinds", "--from", "POPHUB_SOURCE_MOET_URL", "--table", "Danh mục loại trường")
    told = school.run(*new)
    assert [one for one in told["drafted"][0]["decisions"] if one.startswith("marker: ")]
    source = school.connector("moet.kinds").file.source
    assert (source.marker.kind, source.gone_at_most) == ("scan", 0.05)
    text = school.texts()["connectors/moet/kinds.yaml"]
    for said in (
        "# A scan reads the whole table in each run",
        "# gone is a delete.",
        "{column: COLUMN, kind: time}",
    ):
        assert said in text
    checked = school.run("check", "moet.kinds")
    assert [one for one in checked["findings"] if one["level"] == "error"] == []
    assert checked["connectors"][0]["points"]["marker"] == 10
    tried = school.run("try", "moet.kinds")
    assert (tried["rows"], tried["states"]["shared"], tried["rules"]) == (3, 3, [])
    assert all("_scan" not in one["row"] for one in tried["examples_shared"])
    assert school.run("try", "moet.kinds", "--since", "2026-01-01", code=2)["code"] == "config.marker"


def test_a_scan_can_be_wished_where_a_column_would_be_a_marker(school: School) -> None:
    told = school.run(*NEW, "--marker", "scan")
    assert school.connector("moet.schools").file.source.marker.kind == "scan"
    assert not [one for one in told["drafted"][0]["decisions"] if one.startswith("marker: ")]
    assert school.run("check", "moet.schools")["connectors"][0]["points"]["gates"] >= 15
    assert school.run("try", "moet.schools")["states"]["shared"] == 60


def test_a_key_by_values_alone_is_asked_about_and_is_never_what_a_change_raises(school: School) -> None:
    with sqlite3.connect(school.database) as source:
        source.execute("create table doi (phien_ban integer not null, so integer, t text)")
        source.executemany("insert into doi values (?, ?, 'x')", [(at, at) for at in range(30)])
    new = ("--from", "POPHUB_SOURCE_MOET_URL", "--table", "doi")
    (drafted,) = school.run("new", "moet.doi", *new)["drafted"]
    assert school.connector("moet.doi").file.source.model_dump()["key"] == ("so",)
    assert [one for one in drafted["decisions"] if one.startswith("key: whether so tells rows apart")]
    with sqlite3.connect(school.database) as source:
        source.execute("update doi set so = 1")
    assert school.run("new", "moet.doi_2", *new, code=2)["code"] == "connector.no_key"


def test_names_that_yaml_reads_as_something_else_are_quoted(school: School) -> None:
    for name in ("null", "yes"):
        school.run("new", f"no.{name}", "--from", "POPHUB_SOURCE_MOET_URL", "--table", "lop")
        assert school.connector(f"no.{name}").file.dataset == name


def test_a_key_whose_column_no_file_can_declare_is_a_decision(school: School) -> None:
    with sqlite3.connect(school.database) as source:
        source.execute(f'create table dai ("{"x" * 130}" text primary key, t text)')
    new = ("new", "moet.long", "--from", "POPHUB_SOURCE_MOET_URL", "--table", "dai")
    assert school.run(*new, code=2)["code"] == "connector.no_key"


def test_nothing_is_written_over(school: School) -> None:
    school.run(*NEW)
    before = school.texts()
    assert school.run(*NEW, code=2)["code"] == "connector.exists"
    assert school.texts() == before
    told = school.run("new", "moet", "--from", "POPHUB_SOURCE_MOET_URL", "--all")
    assert len(told["drafted"]) == 4 and {k: v for k, v in school.texts().items() if k in before} == before


def test_neither_values_of_people_nor_the_address_stand_in_a_file(school: School) -> None:
    school.run("new", "moet", "--from", "POPHUB_SOURCE_MOET_URL", "--all")
    with sqlite3.connect(school.database) as source:
        heads = [row[0] for row in source.execute('select "Số ĐDCN hiệu trưởng" from "Trường học"') if row[0]]
    for name, text in school.texts().items():
        assert "an.example" not in text and "sqlite:" not in text, name
        assert not [head for head in heads if head in text], name


def test_a_key_and_a_marker_that_nothing_tells_of_can_be_said(school: School) -> None:
    new = ("new", "moet.log", "--from", "POPHUB_SOURCE_MOET_URL", "--table", "nhat_ky")
    assert school.run(*new, code=2)["code"] == "connector.no_key"
    assert school.run(*new, "--key", "dong", "--marker", "gia", code=2)["code"] == "connector.no_marker"
    assert school.run(*new, "--key", "dong", "--marker", "giaa", code=2)["code"] == "source.column_missing"
    assert school.run(*new, "--key", "dongg", code=2)["code"] == "source.column_missing"
    gone = school.run("new", "moet.x", "--from", "POPHUB_SOURCE_MOET_URL", "--table", "x", code=1)
    assert gone["code"] == "source.table_missing"
    assert school.texts() == {}
    kinds = ("--table", "lop", "--key", "truong,select", "--marker", "row_version")
    school.run("new", "moet.log", "--from", "POPHUB_SOURCE_MOET_URL", *kinds)
    assert school.connector("moet.log").file.source.marker.column == "row_version"


def test_a_draft_like_another_takes_its_owner_promise_and_names(school: School) -> None:
    school.run(*NEW)
    path = school.folder / "connectors/moet/schools.yaml"
    text = path.read_text().replace('{name: "?", email: "?"}', "{name: Register, email: r@moet.example}")
    path.write_text(text.replace("  ten_truong:", "  name:") + "live: {promise_s: 3600}\n")
    for name in ("schemas/moet/schools.v1.avsc", "expectations/moet/schools.json"):
        other = school.folder / name
        other.write_text(other.read_text().replace('"ten_truong"', '"name"'))
    told = school.run("new", "moet.again", *NEW[2:], "--like", "moet.schools")
    again = school.connector("moet.again").file
    assert (again.owner.name, again.live.promise_s, "name" in again.mapping) == ("Register", 3600, True)
    assert [one.partition(":")[0] for one in told["drafted"][0]["decisions"]] == ["title"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("moet.x", "--from", "sqlite://u:hunter2@h/x"), "secret.inline"),
        (("moet.x", "--from", "/no/such/folder"), "connector.from"),
        (("moet.x", "--from", "POPHUB_SOURCE_NONE_URL"), "config.variable_missing"),
        (("moet.x", "--from", "POPHUB_SOURCE_MOET_URL"), "connector.from"),
        (("moet", "--from", "POPHUB_SOURCE_MOET_URL"), "config.value"),
        (("moet.x", "--from", "POPHUB_SOURCE_MOET_URL", "--all"), "config.value"),
    ],
)
def test_a_wrong_word_is_told_with_what_to_write(
    school: School, arguments: tuple[str, ...], code: str
) -> None:
    told = school.run("new", *arguments, code=2)
    assert (told["code"], bool(told["remedy"]), "hunter2" in str(told)) == (code, True, False)


def test_an_address_without_a_password_is_told_as_the_line_to_export(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POPHUB_SOURCE_MOET_URL")
    address = f"sqlite:///{school.database}"
    done = CliRunner().invoke(
        app, ["connector", "new", "moet.schools", "--from", address, "--table", "Trường học"]
    )
    assert done.exit_code == 0 and f"export POPHUB_SOURCE_MOET_URL='{address}'" in done.stderr
    assert address not in "".join(school.texts().values())


def test_a_folder_of_csv_files_is_drafted_from_its_newest(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = school.folder / "in"
    folder.mkdir()
    lines = [
        f"HS{at:03d};Hồ sơ số {at};{at % 28 + 1:02d}/09/2026;2026-11-{at % 27 + 1:02d} 08:00:00"
        for at in range(40)
    ]
    text = "\n".join(["Mã hồ sơ;Nội dung;Ngày nộp;Ngày cập nhật", *lines, ""])
    (folder / "a.csv").write_bytes(text.encode("utf-16"))
    monkeypatch.setenv("POPHUB_SOURCE_HCC_URL", str(folder))
    school.run("new", "hcc.dossiers", "--from", str(folder))
    source = school.connector("hcc.dossiers").file.source
    assert (source.kind, source.model_dump()["delimiter"]) == ("files", ";")
    assert source.marker.column == "Ngày cập nhật"
    assert school.run("check", "hcc.dossiers")["connectors"][0]["points"]["gates"] == 20
    told = school.run("try", "hcc.dossiers")
    assert told["rows"] == 40 and told["states"]["shared"] > 0


def test_a_folder_that_shows_nothing_is_told(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = school.folder / "in"
    folder.mkdir()
    assert school.run("new", "hcc.x", "--from", str(folder), code=2)["code"] == "connector.from"
    (folder / "a.csv").write_text("Mã,Tên\n" + "".join(f"T{at},x\n" for at in range(30)))
    for wish in ((), ("--marker", "Tên")):
        refused = school.run("new", "hcc.x", "--from", str(folder), *wish, code=2)
        assert refused["code"] == "connector.no_marker", "a file proves nothing gone"
    (folder / "a.csv").write_text("only one name\n")
    assert school.run("new", "hcc.x", "--from", str(folder), code=2)["code"] == "connector.from"


def test_files_are_inventories_where_that_is_said(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = school.folder / "in"
    folder.mkdir()
    monkeypatch.setenv("POPHUB_SOURCE_HCC_URL", str(folder))
    (folder / "a.csv").write_text("Mã,Tên\n" + "".join(f"T{at},x\n" for at in range(30)))
    school.run("new", "hcc.x", "--from", str(folder), "--marker", "scan")
    source = school.connector("hcc.x").file.source
    assert (source.kind, source.marker.kind, source.gone_at_most) == ("files", "scan", 0.05)
    text = school.texts()["connectors/hcc/x.yaml"]
    assert "each file is a whole inventory" in text and "reads the whole table" not in text
    tried = school.run("try", "hcc.x")
    assert tried["states"]["shared"] == 30, tried["rules"]


@given(text=st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable()))
def test_a_text_of_a_file_stays_the_text_that_it_is(text: str) -> None:
    from pophub.contracts.strict_yaml import parse_document

    assert parse_document(f"a: {scalar(text)}\n", Path("x")).data == {"a": text}


def test_foreign_keys_between_datasets_are_drafted_as_references(school: School) -> None:
    with sqlite3.connect(school.database) as source:
        source.execute(
            "create table phong (so integer primary key, truong text, lop text, cap_nhat_luc datetime not null,"
            ' foreign key (lop, truong) references lop ("select", truong))'
        )
        source.execute("insert into phong values (1, 'T0001', '1A', '2026-11-27 08:00:00')")
    school.run("new", "moet", "--from", "${POPHUB_SOURCE_MOET_URL}", "--all")
    (room,) = school.connector("moet.phong").file.references
    assert (room.fields, room.to) == (("truong", "lop"), "moet.lop"), "in the order of the key of moet.lop"
    (kind,) = school.connector("moet.truong_hoc").file.references
    assert (kind.fields, kind.to) == (("loai",), "moet.danh_muc_loai_truong")
    rules = {(r.code, r.field) for r in school.connector("moet.phong").contract.rules}
    assert ("sufficient.unknown_reference", "truong") in rules
    assert not [one for one in school.run("check")["findings"] if one["level"] == "error"]
    tried = school.run("try", "moet.phong")
    assert (tried["states"]["shared"], tried["not_judged"]) == (1, ["sufficient.unknown_reference of truong"])


def test_a_foreign_key_to_a_table_that_is_no_dataset_yet_is_told(school: School) -> None:
    with sqlite3.connect(school.database) as source:
        source.execute(
            "create table ghe (ma text primary key, lop text references day_du (ma), cap_nhat_luc datetime)"
        )
        source.execute("create table day_du (ma text primary key)")
        source.executemany("insert into day_du values (?)", [(f"D{at}",) for at in range(60)])
        source.execute("insert into ghe values ('G1', 'D1', '2026-11-27 08:00:00')")
    new = ("new", "moet.ghe", "--from", "POPHUB_SOURCE_MOET_URL", "--table", "ghe")
    assert school.run(*new)["drafted"][0]["guesses"]["lop"].endswith("once that is a dataset, by its key")
    school.run("new", "moet.day_du", "--from", "POPHUB_SOURCE_MOET_URL", "--table", "day_du")
    for path in school.folder.rglob("*ghe*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    school.run(*new)
    (one,) = school.connector("moet.ghe").file.references
    assert (one.fields, one.to) == (("lop",), "moet.day_du"), (
        "a connector of the project reads the table by now"
    )
