"""A record that refers to a row of another dataset waits for it, is shared once it came, and is refused once it went."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from datetime import date

import pytest
from hubkit import Project, hub_of
from outside import check

from pophub.commands.reconcile import examine
from pophub.contracts.load import load_all
from pophub.domain.dates import EPOCH, HO_CHI_MINH, MICROSECOND
from pophub.postgres import connect, transaction
from pophub.prepare import prepare_looked_up
from pophub.reconcile import look_ups
from pophub.settings import Settings
from pophub.sharing.registry import OWNER
from pophub.stores.look_up import settle_looked_up

pytestmark = pytest.mark.timeout(240)
SELLERS = ("sellers", {"branch": "chi_nhanh", "code": "ma"}, ["branch", "code"])
INVOICES = (
    "invoices",
    {"number": "so", "branch": "chi_nhanh", "seller": "ma_ban", "issued_on": "ngay"},
    ["number"],
)
REFERENCE = "references:\n  - {fields: [branch, seller], to: AGENCY.sellers, at: issued_on, grace_s: 86400}\n"
KNOWN = {"type": "expect_reference_known", "kwargs": {"column": "branch"},
         "meta": {"gate": "sufficient", "code": "sufficient.unknown_reference"}}  # fmt: skip


def rule(kind: str, gate: str, code: str, **kwargs: object) -> dict[str, object]:
    return {"type": kind, "kwargs": kwargs, "meta": {"gate": gate, "code": code}}


def declare(
    project: Project, kind: tuple[str, dict[str, str], list[str]], more: str = "", *rules: object
) -> str:
    """Declare a dataset of texts over the table of its name, with a rule of each gate."""
    name, mapping, key = kind
    dated = "issued_on" in mapping
    lines = "\n".join(
        f"  {field}: {{from: {column}{', parse: date' if field == 'issued_on' else ''}}}"
        for field, column in mapping.items()
    )
    project._write(f"connectors/{project.agency}/{name}.yaml", f"""connector: 1
agency: {project.agency}
dataset: {name}
title: {{en: {name}, vi: {name}}}
owner: {{name: x, email: x@x.example}}
contract: 1
lanes: 1
source:
  kind: sql
  url: ${{POPHUB_SOURCE_MPS_URL}}
  table: {name}
  key: [id]
  marker: {{column: cap_nhat, kind: time}}
  deleted: {{column: xoa, values: [true]}}
mapping:
{lines}
key: [{", ".join(key)}]
personal: []
{more.replace("AGENCY", project.agency)}""")  # fmt: skip
    fields = [
        {"name": one, "type": "string"} if one in key
        else {"name": one, "type": ["null", {"type": "int", "logicalType": "date"} if one == "issued_on" else "string"],
              "default": None}
        for one in mapping
    ]  # fmt: skip
    schema = {"type": "record", "name": name, "namespace": "test", "fields": fields}
    project._write(f"schemas/{project.agency}/{name}.v1.avsc", json.dumps(schema))
    gates = [
        rule("expect_not_future", "correct", "correct.date.future", column="issued_on" if dated else "hub_marker",
             holds="date" if dated else "time"),
        rule("expect_present", "sufficient", "sufficient.missing", column=key[0]),
        rule("expect_text", "clean", "clean.text.control", column=key[0], check="control"),
        rule("expect_no_contradiction", "clean", "clean.contradiction"),
        rule("expect_not_future", "live", "live.future", column="hub_marker", days=1, holds="time"),
    ]  # fmt: skip
    suite = {"name": f"{project.agency}.{name}", "expectations": [*gates, *rules], "meta": {}}
    project._write(f"expectations/{project.agency}/{name}.json", json.dumps(suite))
    return f"{project.agency}.{name}"


def put(project: Project, table: str, minutes_ago: float, *values: object, gone: bool = False) -> None:
    places = ", ".join(["%s"] * len(values))
    project.sql(
        f"insert into {table} values (default, {places}, %s, %s)", *values, gone, project.ago(minutes_ago)
    )


def day(project: Project, ago: int) -> date:
    """Give the day so many days ago, as Vietnam counts them."""
    return project.ago(ago * 24 * 60).astimezone(HO_CHI_MINH).date()


def waiting(project: Project, stem: str) -> dict[str, list[str]]:
    found = project.servers.query(
        "select key, waits_for from quarantine.version where stem = %s and state = 'quarantined'", stem
    )
    return dict(found)


def test_a_record_waits_for_what_it_refers_to(bare_project: Project) -> None:
    project = bare_project
    sellers = declare(project, SELLERS)
    invoices = declare(project, INVOICES, REFERENCE, KNOWN)
    project.sql(
        "create table sellers (id serial, chi_nhanh text, ma text, xoa boolean, cap_nhat timestamptz)"
    )
    project.sql("create table invoices (id serial, so text, chi_nhanh text, ma_ban text, ngay date, xoa boolean,"
                " cap_nhat timestamptz)")  # fmt: skip
    project.pass_through("prepare")
    today, before = day(project, 0), day(project, 3)
    put(project, "invoices", 60, "I1", "HN", "A|1", today)
    put(project, "invoices", 60, "I2", "HN", None, today)
    put(project, "invoices", 60, "I3", "HP", "A|1", today)
    project.pass_through(stem=invoices)
    assert project.states(invoices) == {"shared": 1, "quarantined": 2}
    key = {branch: f"{sellers} {branch}|A\\|1" for branch in ("HN", "HP")}
    assert waiting(project, invoices) == {"I1": [key["HN"]], "I3": [key["HP"]]}

    put(project, "sellers", 50, "HN", "A|1")
    project.pass_through(stem=sellers)
    _, judged, _ = project.pass_through(stem=invoices)
    assert (judged["read"], judged["replayed"]) == (0, 1)
    assert project.states(invoices) == {"shared": 2, "quarantined": 1}

    put(project, "sellers", 40, "HN", "A|1", gone=True)
    project.pass_through(stem=sellers)
    put(project, "invoices", 30, "I4", "HN", "A|1", before)  # it was there at the time of the facts
    put(project, "invoices", 30, "I5", "HN", "A|1", today)
    project.pass_through(stem=invoices)
    assert set(waiting(project, invoices)) == {"I3", "I5"}
    put(project, "invoices", 25, "I1", None, None, None, gone=True)  # a delete refers to nothing
    project.pass_through(stem=invoices)
    assert project.states(invoices)["shared"] == 4

    put(project, "sellers", 20, "HN", "A|1")
    put(project, "sellers", 20, "HP", "A|1")
    project.pass_through(stem=sellers)
    assert project.pass_through(stem=invoices)[1]["replayed"] == 2
    assert waiting(project, invoices) == {}
    for stem in (sellers, invoices):
        check(project, stem, subscriber=False)
    assert project.pass_through("judge", stem=invoices)[0]["replayed"] == 0


def test_what_comes_after_all_patience_is_not_waited_for(bare_project: Project) -> None:
    project = bare_project
    sellers = declare(project, SELLERS)
    invoices = declare(project, INVOICES, REFERENCE.replace("86400", "0"), KNOWN)
    project.sql(
        "create table sellers (id serial, chi_nhanh text, ma text, xoa boolean, cap_nhat timestamptz)"
    )
    project.sql("create table invoices (id serial, so text, chi_nhanh text, ma_ban text, ngay date, xoa boolean,"
                " cap_nhat timestamptz)")  # fmt: skip
    project.pass_through("prepare")
    put(project, "invoices", 60, "I1", "HN", "1", day(project, 0))
    project.pass_through(stem=invoices)
    put(project, "sellers", 50, "HN", "1")
    project.pass_through(stem=sellers)
    assert project.pass_through(stem=invoices)[1]["replayed"] == 0
    assert project.states(invoices) == {"quarantined": 1}


STOCK = ("sellers", {"code": "ma", "grade": "hang"}, ["code"])
SALES = (
    "invoices",
    {"number": "so", "seller": "ma_ban", "grade": "hang_ban", "issued_on": "ngay"},
    ["number"],
)
LOOKED_UP = """references:
  - {fields: [seller], to: AGENCY.sellers, at: issued_on, grace_s: 86400}
look_up:
  seller: {by: seller, in: AGENCY.sellers, fields: [grade]}
"""
SAME = rule("expect_same", "correct", "correct.agreement.reference", column="grade", other="hub_seller_grade")
DAY = 24 * 60  # minutes
SELLER_KNOWN = rule("expect_reference_known", "sufficient", "sufficient.unknown_reference", column="seller")


def looked_up(project: Project, stem: str) -> list[tuple[object, ...]]:
    """Give what is kept for those who look a dataset up: key, moments before now in minutes, whether it is gone."""
    return project.servers.query(
        "select l.key, l.valid_from = l.marker, l.payload is null from population.looked_up l"
        " join hub.dataset d on d.number = l.dataset where d.stem = %s order by l.key, l.valid_from",
        stem,
    )


def one_seller(project: Project) -> str:
    """Make sellers and invoices at the source; give the dataset of the first, with one seller shared nine days ago."""
    sellers = declare(project, STOCK)
    project.sql("create table sellers (id serial, ma text, hang text, xoa boolean, cap_nhat timestamptz)")
    project.sql("create table invoices (id serial, so text, ma_ban text, hang_ban text, ngay date, xoa boolean,"
                " cap_nhat timestamptz)")  # fmt: skip
    project.pass_through("prepare")
    put(project, "sellers", 9 * DAY, "S1", "A")
    project.pass_through(stem=sellers)
    return sellers


def test_what_a_record_refers_to_is_looked_up_as_it_stood_on_its_day(bare_project: Project) -> None:
    project = bare_project
    sellers = one_seller(project)
    assert looked_up(project, sellers) == []  # nobody looks it up yet

    invoices = declare(project, SALES, LOOKED_UP, SELLER_KNOWN, SAME)
    put(project, "invoices", 60, "I1", "S1", "A", day(project, 8))
    project.pass_through("prepare")
    assert looked_up(project, sellers) == [("S1", True, False)]  # from history
    project.pass_through("extract", stem=invoices)
    project.servers.query("delete from hub.looked_up where stem = %s", sellers)  # as before `pophub up`
    assert project.run("judge", stem=invoices).error == "judge.not_looked_up"
    project.pass_through("prepare")
    put(project, "sellers", 5 * DAY, "S1", "B")
    put(project, "sellers", 2 * DAY, "S1", "B", gone=True)
    project.pass_through(stem=sellers)
    assert looked_up(project, sellers) == [("S1", True, False), ("S1", True, False), ("S1", True, True)]

    put(project, "invoices", 60, "I2", "S1", "A", day(project, 4))  # it is a B by then
    put(project, "invoices", 60, "I3", "S1", "B", day(project, 4))
    put(project, "invoices", 60, "I4", "S1", "A", day(project, 30))  # before all that is known
    put(project, "invoices", 60, "I5", "S2", "C", day(project, 4))
    put(project, "invoices", 60, "I6", "S1", "B", day(project, 1))  # gone by then
    project.pass_through(stem=invoices)
    refused_codes = {key: codes for key, (_, _, codes) in project.verdicts(invoices).items()}
    assert refused_codes == {
        "I2": {"correct.agreement.reference"},
        "I5": {"sufficient.unknown_reference"},
        "I6": {"sufficient.unknown_reference"},
    }
    put(project, "sellers", 1.5 * DAY, "S2", "D")  # comes later, and says something else
    project.pass_through(stem=sellers)
    project.pass_through(stem=invoices)
    assert "correct.agreement.reference" in project.verdicts(invoices)["I5"][2]
    for stem in (sellers, invoices):
        check(project, stem, subscriber=False)

    (project.folder / f"connectors/{project.agency}/invoices.yaml").unlink()
    project.pass_through("prepare")
    assert looked_up(project, sellers) == []  # nobody does any more


def test_what_a_sound_connector_looks_up_stays_and_who_stops_looking_up_is_judged_on(
    bare_project: Project,
) -> None:
    project = bare_project
    sellers = one_seller(project)
    people = project.declare("mps.citizens")
    project.pass_through("prepare")
    project.put(1, 30)
    invoices = declare(project, SALES, LOOKED_UP, SELLER_KNOWN, SAME)
    known = project.servers.settings
    settings = Settings(home=known.home, project=project.folder, endpoints=known.endpoints)
    with closing(connect(settings, OWNER)) as connection, closing(project.servers.superuser()) as other:
        with transaction(connection, "a short time for each statement") as cursor:
            cursor.execute("set statement_timeout = '2s'")
        other.cursor().execute("begin; lock table population.looked_up in share mode")
        filling = threading.Thread(target=settle_looked_up, args=(connection, load_all(project.folder)[0]))
        filling.start()
        waits = "select 1 from pg_locks where relation = 'population.looked_up'::regclass and not granted"
        while not project.servers.query(waits):
            time.sleep(0.05)
        put(project, "sellers", 8 * DAY, "S2", "B")
        project.pass_through("extract", stem=sellers)
        judging = project.start("judge", stem=sellers)
        project.pass_through(stem=people)  # nobody waits who has nothing to do with it
        assert project.states(people) == {"shared": 1}
        time.sleep(2.5)  # longer than a statement may take
        assert filling.is_alive()
        other.cursor().execute("commit")
        filling.join()
        assert judging.wait().error is None
    kept = [("S1", True, False), ("S2", True, False)]
    assert looked_up(project, sellers) == kept, "what was judged meanwhile is left out"
    project.pass_through("prepare")
    put(project, "invoices", 60, "I1", "S1", "A", day(project, 8))
    project.pass_through(stem=invoices)
    assert project.states(invoices) == {"shared": 1}

    suite = project.folder / f"expectations/{project.agency}/sellers.json"
    sound = suite.read_text()
    suite.write_text(sound.replace("expect_present", "expect_presnt"))
    connectors, _ = load_all(project.folder)
    assert [one.stem for one in connectors] == [people, invoices]
    prepare_looked_up(settings, connectors)
    assert looked_up(project, sellers) == kept
    put(project, "invoices", 59, "I2", "S1", "B", day(project, 8))
    declare(project, SALES, LOOKED_UP, SELLER_KNOWN)  # another contract
    prepare_looked_up(settings, load_all(project.folder)[0])
    assert looked_up(project, sellers) == kept
    suite.write_text(sound)

    declare(project, SALES, LOOKED_UP[: LOOKED_UP.index("look_up:")], SELLER_KNOWN)
    project.pass_through("prepare")
    assert looked_up(project, sellers) == []
    project.pass_through(stem=invoices)
    assert project.states(invoices) == {"shared": 2}

    project.servers.query(
        "insert into judge.contract (stem, digest, declared) select stem, 'x', declared::jsonb - 'file' from judge.contract"
        " where stem = %s order by number desc limit 1", invoices,
    )  # fmt: skip
    assert project.run("judge", stem=invoices).error == "hub.layout"


def test_what_others_look_up_is_held_against_history_and_filled_again(
    bare_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = bare_project
    sellers = one_seller(project)
    declare(project, SALES, LOOKED_UP, SELLER_KNOWN, SAME)
    project.pass_through("prepare")
    for number in (2, 3):
        put(project, "sellers", 8 * DAY, f"S{number}", "A")
    project.pass_through(stem=sellers)
    kept, hub = looked_up(project, sellers), hub_of(project, monkeypatch)
    report = examine(hub, sellers)
    assert (report.findings, len(kept)) == ([], 3)
    assert ("population.looked_up", 3, 3) in {(c.store, c.expected, c.found) for c in report.compared}

    mine = "dataset = (select number from hub.dataset where stem = %s)"
    for change in (
        "delete from population.looked_up where key = 'S1' and ",
        "update population.looked_up set payload = null where key = 'S2' and ",
        "insert into population.looked_up (valid_from, marker, dataset, key)"
        " select valid_from + 1, marker, dataset, key from population.looked_up where key = 'S3' and ",
    ):
        project.servers.query(change + mine, sellers)
    report = examine(hub, sellers)
    assert {(f.code, f.store, f.key) for f in report.findings} == {
        ("reconcile.missing", "population.looked_up", "S1"),
        ("reconcile.altered", "population.looked_up", "S2"),
        ("reconcile.unknown", "population.looked_up", "S3"),
    }
    look_ups.mend(hub.settings, hub.connector(sellers))
    assert looked_up(project, sellers) == kept
    assert examine(hub, sellers).findings == []


MATCHED = """look_up:
  first: {by: grade, in: AGENCY.sellers, match: grade, at: issued_on, fields: [code]}
"""
FIRST = rule("expect_same", "correct", "correct.agreement.reference", column="seller", other="hub_first_code")


def test_what_is_no_key_is_looked_up_in_the_row_that_stood_first_with_it(
    bare_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seller must be the first of its grade: rows that change, go and come are found as they stood on the day."""
    project = bare_project
    sellers = one_seller(project)  # S1 is an A
    invoices = declare(project, SALES, MATCHED, FIRST)
    project.pass_through("prepare")  # what was accepted before is found, too
    put(project, "sellers", 7 * DAY, "S2", "A")
    put(project, "sellers", 5 * DAY, "S1", "B")
    put(project, "sellers", 2 * DAY, "S2", None, gone=True)
    put(project, "sellers", 1 * DAY, "S3", "A")
    project.pass_through(stem=sellers)
    sold = [
        ("I1", "S1", "A", 8, True), ("I2", "S2", "A", 6, False), ("I3", "S2", "A", 4, True), ("I4", "S1", "B", 4, True),
        ("I5", "S3", "A", 0, True), ("I6", "S2", "A", 0, False), ("I7", "S9", "A", 20, True), ("I8", "S9", "C", 4, True),
    ]  # fmt: skip
    for number, seller, grade, ago, _ in sold:
        put(project, "invoices", 60, number, seller, grade, day(project, ago))
    project.pass_through(stem=invoices)
    wrong = {number: {"correct.agreement.reference"} for number, *_, sound in sold if not sound}
    assert {key: codes for key, (_, _, codes) in project.verdicts(invoices).items()} == wrong

    hub = hub_of(project, monkeypatch)
    assert examine(hub, sellers).findings == []
    project.servers.query(
        "update population.looked_up set found_by = null where dataset = (select number from hub.dataset where stem = %s)",
        sellers,
    )
    look_ups.mend(hub.settings, hub.connector(sellers))
    put(project, "invoices", 50, "I9", "S1", "A", day(project, 4))
    project.pass_through(stem=invoices)
    assert set(project.verdicts(invoices)) == {*wrong, "I9"}


TAXPAYERS_TABLE = """create schema dang_ky; create table dang_ky.nguoi_nop_thue (stt bigserial, mst text, ten text,
    so_dai_dien text, loai text, hoat_dong boolean, ngay_cap text, cap_nhat timestamptz)"""
INVOICES_TABLE = """create schema hoadon; create table hoadon.hddt (so_hd text primary key, mst_ban text, ten_ban text,
    so_ddcn_ban text, tong_tien numeric, tien_thue numeric, ban_le boolean, ngay_lap timestamptz, trang_thai text,
    cap_nhat timestamptz)"""
SHOP, LATE = "0101234565", "0100109106"


def taxpayer(project: Project, code: str, minutes_ago: float, name: str, *, active: bool = True) -> None:
    project.sql(
        "insert into dang_ky.nguoi_nop_thue (mst, ten, so_dai_dien, loai, hoat_dong, ngay_cap, cap_nhat)"
        " values (%s, %s, %s, 'Hộ kinh doanh', %s, '01/03/2024', %s)",
        code, name, project.number_of(1), active, project.ago(minutes_ago),
    )  # fmt: skip


def invoice(project: Project, number: str, code: str, name: str, days_ago: float, person: str | None) -> None:
    project.sql(
        "insert into hoadon.hddt values (%s, %s, %s, %s, 100, 8, true, %s, '1', %s)",
        number, code, name, person, project.ago(days_ago * DAY), project.ago(30),
    )  # fmt: skip


def test_an_organisation_passes_the_gates_as_a_person_does(bare_project: Project) -> None:
    project = bare_project
    project.declare("mps.citizens")
    taxpayers = project.declare("mof.taxpayers")
    invoices = project.declare("mof.einvoices", register=True)
    project.sql(TAXPAYERS_TABLE)
    project.sql(INVOICES_TABLE)
    project.environment["POPHUB_SOURCE_MOF_URL"] = project.url()
    project.pass_through("prepare")
    owner, other = project.put(1, 20 * DAY), project.put(2, 20 * DAY)
    project.pass_through("extract", "judge")
    taxpayer(project, SHOP, 9 * DAY, "Tạp hóa An")
    taxpayer(project, SHOP, 5 * DAY, "Siêu thị An")  # another name from then on
    taxpayer(project, SHOP, 2 * DAY, "Siêu thị An", active=False)
    taxpayer(project, "0101234567", 1 * DAY, "Không Có")  # its last digit is wrong
    project.pass_through(stem=taxpayers)
    assert {k: codes for k, (_, _, codes) in project.verdicts(taxpayers).items()} == {
        "0101234567": {"correct.taxcode.digit"}
    }
    invoice(project, "old name", SHOP, "TẠP HÓA  AN", 7, owner)
    invoice(project, "new name", SHOP, "Siêu thị An", 4, None)
    invoice(project, "old name too late", SHOP, "Tạp hóa An", 4, owner)
    invoice(project, "another person", SHOP, "Siêu thị An", 4, other)
    invoice(project, "stopped", SHOP, "Siêu thị An", 1, owner)
    invoice(project, "later", LATE, "Quán Muộn", 1, None)
    project.pass_through(stem=invoices)
    assert {k: codes for k, (_, _, codes) in project.verdicts(invoices).items()} == {
        "old name too late": {"correct.agreement.organisation"},
        "another person": {"correct.agreement.organisation"},
        "stopped": {"correct.organisation.inactive"},
        "later": {"sufficient.unknown_organisation"},
    }
    assert waiting(project, invoices)["later"] == [f"{taxpayers} {LATE}"]
    taxpayer(project, LATE, 10, "Quán Muộn")
    project.pass_through(stem=taxpayers)
    assert project.pass_through(stem=invoices)[1]["replayed"] == 1
    assert "later" not in waiting(project, invoices)
    for stem in (taxpayers, invoices):
        check(project, stem, subscriber=False)


def test_a_version_without_a_time_as_its_marker_is_looked_up_since_its_change(bare_project: Project) -> None:
    """Not since its exchange: what came to the hub late stood before it came."""
    project = bare_project
    sellers = declare(project, STOCK)
    for path, old, new in (
        ("connectors/{}/sellers.yaml", "{column: cap_nhat, kind: time}", "{column: id, kind: sequence, changed_at: cap_nhat}"),
        ("expectations/{}/sellers.json", "hub_marker", "hub_changed_at"),
    ):  # fmt: skip
        file = project.folder / path.format(project.agency)
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
    project.sql("create table sellers (id serial, ma text, hang text, xoa boolean, cap_nhat timestamptz)")
    project.sql("create table invoices (id serial, so text, ma_ban text, hang_ban text, ngay date, xoa boolean,"
                " cap_nhat timestamptz)")  # fmt: skip
    project.pass_through("prepare")
    put(project, "sellers", 9 * DAY, "S1", "A")
    project.pass_through("extract", "judge", stem=sellers)
    invoices = declare(project, SALES, LOOKED_UP, SELLER_KNOWN, SAME)
    project.pass_through("prepare")  # from history
    put(project, "sellers", 5 * DAY, "S1", "B")
    project.pass_through("extract", "judge", stem=sellers)  # by judge
    for number, grade, ago in (("I1", "A", 8), ("I2", "B", 8), ("I3", "A", 4), ("I4", "B", 4)):
        put(project, "invoices", 60, number, "S1", grade, day(project, ago))
    project.pass_through("extract", "judge", stem=invoices)
    refused_codes = {key: codes for key, (_, _, codes) in project.verdicts(invoices).items()}
    assert refused_codes == {"I2": {"correct.agreement.reference"}, "I3": {"correct.agreement.reference"}}
    times = "select l.valid_from from population.looked_up l join hub.dataset d on d.number = l.dataset"
    since = project.servers.query(f"{times} where d.stem = %s order by l.valid_from", sellers)
    assert since == [((project.ago(days * DAY) - EPOCH) // MICROSECOND,) for days in (9, 5)]
