"""Figures by declaration, counted from what flowed through a simulated hub of its own."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import fastavro
import httpx
import pages_kit
import psycopg2
import psycopg2.errors
import pytest
from command_kit import command
from confluent_kafka.admin import AdminClient
from hubkit import started
from serving import served

from pophub.domain.dates import HO_CHI_MINH
from pophub.figures.declared import load_words
from pophub.figures.pack_page import said
from pophub.runtime import hub
from pophub.settings import PROJECT, Settings
from pophub.web.app import create_pages
from pophub.wiring import Hub

REPORTED = {
    "tasks": 9,
    "task_growth": 1,
    "simplification": 1,
    "databases": 5,
    "catalogue": 5,
    "digitised": 2,
    "fees": 2,
    "security": 1,
    "services": 2,
    "ecommerce": 1,
    "fee_resolutions": 1,
}
"""How many numbers of the reports each has: what is not `scaled` in its simulation has them at each scale."""
DAY = date(2024, 12, 31)
FLOW = """
from pophub.contracts.referred import in_turn
from pophub.prepare import prepare_database
from pophub.runtime.hub import serve_agencies
from pophub.settings import Settings
from pophub.simulation.apply import apply
from pophub.simulation.plan import plan
from pophub.wiring import Hub

prepare_database(Settings.load())
history = plan(3, 0.1)
for step in ("2023", "2024"):
    apply(Settings.load(), history, step)
    serve_agencies(Settings.load())
    works = Hub(Settings.load())
    if step == "2023":
        works.prepare()
    due = history.stems("2023" if step == "2023" else None)
    for stem in [stem for turn in in_turn(works.connectors.values()) for stem in turn if stem in due]:
        for stage in ("extract", "judge", "share"):
            getattr(works, stage)(stem, run=f"test-{step}")
"""


@pytest.fixture(scope="module")
def home(forks: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPHUB_HOME", str(folder))
        running = started(("postgres", "kafka"))
        try:
            done = subprocess.run([sys.executable, "-c", FLOW], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-3000:]
            yield folder
        finally:
            hub.stop(running)


def told(*arguments: str) -> Any:
    done = command(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rows(name: str, *arguments: str) -> dict[str, dict[str, Any]]:
    """Give a figure's rows by the text of their first column."""
    return {row["place"]: row for row in told("figures", name, *arguments)["rows"]}


@pytest.mark.parametrize("name", REPORTED)
def test_what_the_reports_say_is_found(home: Path, name: str) -> None:
    found = told("figures", name, "--wanted")["wanted"]
    assert len(found) == REPORTED[name]
    assert all(one["equal"] and one["found"] == one["wanted"] for one in found), found


def standing(stem: str) -> list[dict[str, Any]]:
    """Give the records of a dataset as they stood at the end of 2024."""
    schema = json.loads((PROJECT / f"schemas/{stem.replace('.', '/')}.v1.avsc").read_text())
    with psycopg2.connect(**Settings.load().dsn("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select distinct on (key) key, payload from ledger.history where stem = %s "
            "and exchanged_at < '2025-01-01 00:00:00+07' order by key, marker desc",
            (stem,),
        )
        payloads = [payload for _, payload in cursor.fetchall() if payload is not None]
    found: Any = [fastavro.schemaless_reader(io.BytesIO(payload), schema) for payload in payloads]
    return list(found)


def test_tasks_are_counted_again_from_outside(home: Path) -> None:
    found = rows("tasks", "--as-of", "2024-12-31")
    tasks = standing("project06.tasks")
    counted = Counter((str(task["year"]), task["state"]) for task in tasks)
    for (year, state), number in counted.items():
        assert found[year][state.lower()] == number
    late = Counter(str(t["year"]) for t in tasks if t["state"] == "IN_PROGRESS" and t["deadline"] < DAY)
    assert {year: row["overdue"] for year, row in found.items()} == dict(late)


def test_accounts_findings_dossiers_and_stores_are_counted_again_from_outside(home: Path) -> None:
    day = ("--as-of", "2024-12-31")
    accounts = standing("mps.identity_accounts")
    decree = re.compile("[0-9]+/[0-9]+")
    on_decree = Counter(found[0] for one in accounts if (found := decree.search(one["legal_basis"])))
    given = rows("accounts", *day)
    assert {basis: row["accounts"] for basis, row in given.items()} == on_decree and len(on_decree) == 2
    assert given["59/2022"]["last_on"] <= "2024-06-30" < given["69/2024"]["first_on"]
    usable = {one["citizen_id"] for one in accounts if one["status"] == "Hoạt động" and one["citizen_id"]}
    citizens = rows("accounts", "--by", "holder", *day)["citizen"]
    assert citizens["citizens_percent"] == round(100 * len(usable) / len(standing("mps.citizens")), 1)
    findings = standing("moit.market_findings")
    against = rows("market_findings", *day)
    assert {kind: row["findings"] for kind, row in against.items()} == Counter(
        one["kind"] for one in findings
    )
    settled = Counter(one["kind"] for one in findings if one["settled_on"] is not None)
    assert {kind: row["settled"] for kind, row in against.items()} == settled
    registered = {one["citizen_id"] for one in standing("mps.citizens")}
    dead = [one["citizen_id"] for one in standing("moj.civil_status") if one["event_kind"] == "DEATH"]
    ended = [(row["ended"], row["still_registered"]) for row in rows("residence", *day).values()]
    still = sum(one in registered for one in dead)
    assert tuple(map(sum, zip(*ended, strict=True))) == (len(dead) - still, still) and 0 < still < len(dead)
    dossiers = standing("monre.procedures")
    waiting = [one["submitted_on"] for one in dossiers if one["returned_on"] is None]
    settling = rows("settling", *day)["monre"]
    assert (settling["dossiers"], settling["waiting"]) == (len(dossiers), len(waiting))
    assert settling["oldest_days"] == (DAY - min(waiting)).days
    theirs = {one["party_no"]: one for one in standing("portal.parties")}
    pairs = [(one, theirs.get(one["party_no"])) for one in standing("laocai.parties")]
    for field, row in rows("stores", *day).items():
        linked = [(mine[field], other[field]) for mine, other in pairs if other is not None]
        assert (row["parties"], row["linked"]) == (len(pairs), len(linked))
        assert row["differ"] == sum(mine != other for mine, other in linked)


def test_who_was_given_the_record_of_a_citizen_or_an_organisation_is_told(home: Path) -> None:
    """Both in one way: a tax code is as good as a number."""
    with psycopg2.connect(**Settings.load().dsn("postgres")) as connection, connection.cursor() as cursor:
        for stem, recipients in (
            ("mps.citizens", ["population", "portal"]),
            ("mof.taxpayers", ["population"]),
        ):
            cursor.execute(
                "select key from ledger.history where stem = %s group by key order by count(*) desc, key limit 1",
                (stem,),
            )
            (key,) = cursor.fetchone()  # type: ignore[misc]
            cursor.execute(
                "select recipient, count(*), min(t.exchanged_at), max(t.exchanged_at) from hub.share_transaction t "
                "join ledger.history h using (stem, lane, sequence) where h.stem = %s and h.key = %s and recipient <> 'shared' "
                "group by recipient order by recipient",
                (stem, key),
            )
            counted = cursor.fetchall()
            found = told("usage", key, "--stem", stem)
            given = [
                (
                    one["recipient"],
                    one["times"],
                    datetime.fromisoformat(one["first"]),
                    datetime.fromisoformat(one["last"]),
                )
                for one in found["usage"]
            ]
            assert given == counted and [one[0] for one in given] == recipients
            assert len([one for one in found["versions"] if one["sequence"] is not None]) == counted[0][1]
            plain = command("usage", key, "--stem", stem).stdout
            assert "population" in plain and key not in plain.replace("pophub", "")
    assert found["usage"][0]["purpose"] is None
    portal = told("usage", key := standing("mps.citizens")[0]["citizen_id"])["usage"][-1]
    assert portal["fields"] == ["citizen_id", "full_name", "birth_date", "province_code"]
    assert portal["purpose"]["vi"].startswith("Điền sẵn") and "47/2020" in portal["legal_basis"]
    assert told("usage", "0000000000") == {"version": 1, "versions": [], "usage": []}
    assert command("usage", key, "--stem", "mps.citizen").returncode == 2


def test_a_refused_read_is_counted_in_its_month_once(home: Path) -> None:
    """A login of an agency's topic asks for another one; the broker's log tells so, and is rotated away one day."""
    settings, login, topic = Settings.load(), "source-vss", "shared.mps.citizens"
    reader = AdminClient({
        "bootstrap.servers": settings.endpoints.kafka_bootstrap, "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": login, "sasl.password": settings.secret(f"kafka.{login}"),
    })  # fmt: skip
    assert reader.list_topics(topic, timeout=30).topics[topic].error is not None
    log = home / "logs" / "kafka.log"

    def told() -> int:
        lines = log.read_text().splitlines()
        return sum(f"User:{login} is Denied" in line and f"Topic:LITERAL:{topic} " in line for line in lines)

    until = time.monotonic() + 20
    while not told() and time.monotonic() < until:
        time.sleep(0.1)
    least = told()
    for _ in range(2):  # the same log again
        Hub(settings).watch()
    month = f"{datetime.now(HO_CHI_MINH):%Y-%m}"
    found = rows("leaks")[month]
    assert 1 <= least <= found["refused"] <= told()  # the client goes on asking
    assert found == {"place": month, "refused": found["refused"], "principals": 1, "topics": 1}
    assert rows("leaks", "--by", "principal")[login]["refused"] == found["refused"]
    assert rows("leaks", "--by", "topic")[topic]["refused"] == found["refused"]
    assert rows("leaks", "--as-of", "2024-12-31") == {}


def test_the_state_of_an_earlier_day_can_be_counted_again(home: Path) -> None:
    found = rows("tasks", "--as-of", "2023-12-31")
    assert set(found) == {"2022", "2023"}
    assert found["2023"]["in_progress"] == 70
    assert rows("tasks", "--as-of", "#1") == rows("tasks")


def test_registered_databases_grow_as_reported(home: Path) -> None:
    found = rows("databases")
    assert (found["2023 national"]["databases"], found["2024 national"]["databases"]) == (6, 10)
    assert (found["2024 other"]["databases"], found["2024 other"]["percent"]) == (2_938, 30.0)
    linked = rows("unlinked", "--by", "level")
    assert linked["NATIONAL"]["not_linked"] == 0 < linked["MINISTRY"]["not_linked"]


def test_shares_are_those_of_the_ledger(home: Path) -> None:
    for by in ("month", "quarter", "year"):
        growth = {r["period"]: (r["transactions"], r["percent"]) for r in told("growth", "--by", by)["rows"]}
        shares = {
            place: (row["transactions"], row["percent"]) for place, row in rows("sharing", "--by", by).items()
        }
        *whole, newest = (
            growth  # the newest is not over: the ledger compares it with the same days of the year before
        )
        assert {place: shares[place] for place in whole} == {place: growth[place] for place in whole}
        assert list(shares) == list(growth) and shares[newest] == (growth[newest][0], None)
    found = {place: row["transactions"] for place, row in rows("sharing", "--by", "month").items()}
    upto = rows("sharing", "--by", "month", "--as-of", "2024-02-10")
    assert max(upto) <= "2024-02" and all(upto[m]["transactions"] == found[m] for m in upto if m < "2024-02")
    with psycopg2.connect(**Settings.load().dsn("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from hub.share_transaction where exchanged_at < '2024-02-11 00:00:00+07'"
        )
        assert sum(row["transactions"] for row in upto.values()) == cursor.fetchone()[0]


def test_every_figure_answers_in_each_way_and_names_no_person(home: Path) -> None:
    with psycopg2.connect(**Settings.load().dsn("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("select citizen_id, full_name from population.citizen")
        people = {value for row in cursor.fetchall() for value in row if value}
    assert len(people) > 100
    for figure in told("figures")["figures"]:
        for by in figure["by"] or [None]:
            asked = ["figures", figure["figure"], *(["--by", by] if by else [])]
            done = command(*asked)
            assert done.returncode == 0 and "as of" in done.stdout, done.stderr
            words = set(re.split(r"\s*[│┃]\s*", done.stdout))
            assert not words & people, figure["figure"]
    held = rows("fragmentation")
    assert held["full_name"]["databases"] == 17 and held["full_name"]["agree"] > 0
    target = command("figures", "digitised")
    assert "target: online_percent of 70 by 2025-12-31" in target.stdout


def test_the_role_of_figures_reads_history_and_nothing_else(home: Path) -> None:
    with psycopg2.connect(**Settings.load().dsn("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select table_schema || '.' || table_name, privilege_type from information_schema.role_table_grants "
            "where grantee = 'pophub_figures' union select table_schema || '.' || table_name, privilege_type "
            "from information_schema.column_privileges where grantee = 'pophub_figures'"
        )
        assert set(cursor.fetchall()) == {
            ("hub.layout", "SELECT"), ("ledger.stretch", "SELECT"), ("ledger.history", "SELECT"),
            ("quarantine.obstacle", "SELECT"), ("quarantine.obstacle_answer", "SELECT"), ("live.refused_read", "SELECT"),
        }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("taks",), "cli.choice"),
        (("tasks", "--by", "agncy"), "cli.choice"),
        (("tasks", "--as-of", "yesterday"), "cli.as_of"),
        (("tasks", "--as-of", "#99"), "ledger.no_checkpoint"),
    ],
)
def test_what_is_not_there_is_refused(home: Path, arguments: tuple[str, ...], code: str) -> None:
    done = command("figures", *arguments)
    assert (done.returncode, code in done.stderr) == (2, True), done.stderr


def test_the_pages_show_what_the_command_answers_as_of_a_signed_moment_and_sign_nothing(home: Path) -> None:
    wanted = rows("tasks", "--by", "agency", "--as-of", "2024-12-31")
    signed = told("ledger", "checkpoint", "--list")
    app = create_pages(Settings.load(), visitor=pages_kit.viewer)
    with served(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        listed = httpx.get(
            f"{address}/figures?lang=vi", timeout=60
        ).text  # a client of its own: the language is kept
        assert all(f"/figures/{name}?" in listed for name in REPORTED) and "Nhiệm vụ Đề án 06" in listed
        page = counted(client, "/figures/tasks?by=agency&as_of=2024-12-31")
        table = re.search(r"<table>.*?<tbody>(.*?)</table>", page, re.S)[1]  # type: ignore[index]
        cells = [re.findall(r"<bdi>(.*?)</bdi>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
        found = {row[0]: int(row[1].replace(",", "")) for row in cells if row}
        words = load_words(PROJECT)
        assert found == {said(place, words).en: row["tasks"] for place, row in wanted.items()}
        assert found["tuyenquang"] == 61
        drawn = ElementTree.fromstring(re.search(r"<svg.*?</svg>", page, re.S)[0])  # type: ignore[index]
        assert len(drawn.findall("rect")) == len(found) and "tuyenquang: 61" in drawn.findtext("desc", "")
        assert ">61</td>" in page, "what the report says stands beside what is found"
        reached = counted(client, "/figures/digitised?as_of=2024-12-31")
        rates = [row["online_percent"] >= 70 for row in rows("digitised", "--as-of", "2024-12-31").values()]
        assert "at least 70 by 31/12/2025" in reached
        assert (reached.count(">reached<"), reached.count(">not reached<")) == (
            sum(rates),
            rates.count(False),
        )
        with psycopg2.connect(**Settings.load().dsn("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute("select count(*) from ledger.pack")
            ((packs,),) = cursor.fetchall()
        assert listed.count("SHA-256") - (packs > 0) == packs and ("Chưa lập gói nào" in listed) == (
            packs == 0
        )
        assert "ledger.no_checkpoint" in client.get("/figures/tasks?as_of=%23999").text
        assert "cli.as_of" in client.get("/figures/tasks?as_of=soon").text
        assert client.get("/figures/none").status_code == 404
    assert told("ledger", "checkpoint", "--list") == signed


def counted(client: httpx.Client, path: str) -> str:
    """Look again until a figure is counted."""
    until = time.monotonic() + 60
    while "It is being counted." in (text := client.get(path).text) and time.monotonic() < until:
        time.sleep(0.3)
    return text


def test_no_defect_is_missed(home: Path) -> None:
    from pophub.simulation.detect import detect

    found = detect(Settings.load())
    assert found.injected == found.found > 40
    assert (found.missed_versions, found.refused_versions) == ([], [])


def test_growth_names_its_checkpoint_in_every_form(home: Path, tmp_path: Path) -> None:
    first = told("growth")
    assert first["checkpoint"]["id"] == 1
    assert told("growth", "--as-of", "#1")["rows"] == first["rows"]
    assert told("growth", "--as-of", "#1", "--against", "now")["rows"] == []
    for form in ("csv", "svg", "text"):
        done = command("growth", "--by", "month", "--format", form)
        if form == "svg":
            assert ElementTree.fromstring(done.stdout).tag.endswith("svg")
            assert "checkpoint 1" in done.stdout
        assert "2024-12" in done.stdout
        both_years = re.findall(r"\b202[34]-\d\d[^;<\n]*", done.stdout)
        assert both_years and not [of for of in both_years if "(so far)" in of or ",true," in of], (
            "they have ended"
        )
    verified = told("ledger", "verify")
    assert verified["broken"] == [] and verified["checkpoints"] == 1
    pack = told("ledger", "export", "--period", "2024", "--out", str(tmp_path / "pack"))
    assert pack["transactions"] == next(r["transactions"] for r in first["rows"] if r["period"] == "2024")
    check = subprocess.run(
        [sys.executable, str(tmp_path / "pack" / "verify_pack.py"), "--key", pack["public_key"]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout


def packed(home: Path, name: str, *arguments: str) -> tuple[dict[str, Any], Path]:
    """Make the pack of the last month; give what the command told, and the folder."""
    folder = home / "packs" / name
    return told("pack", "--month", "2024-12", "--out", str(folder), *arguments), folder


@pytest.fixture(scope="module")
def whole(home: Path) -> tuple[dict[str, Any], Path]:
    return packed(home, "whole")


@pytest.fixture(scope="module")
def own(home: Path) -> tuple[dict[str, Any], Path]:
    return packed(home, "own", "--agency", "laocai")


def table(folder: Path, name: str) -> list[dict[str, str]]:
    """Read a CSV of a pack."""
    with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def checked(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the script of a pack as its recipient would, from a folder without the hub."""
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "verify_pack.py"), *arguments], capture_output=True, text=True, check=False, cwd="/"
    )  # fmt: skip
    return done.returncode, done.stdout


def test_the_pack_has_the_numbers_of_the_figures(whole: tuple[dict[str, Any], Path]) -> None:
    made, folder = whole
    assert (made["recipient"], made["changed"]) == ("government_office", True)
    for name, by in (("tasks", "year"), ("services", "agency"), ("sharing", "month")):
        wanted = told("figures", name, "--by", by, "--as-of", "2024-12-31")["rows"]
        as_text = [{k: "" if v is None else str(v) for k, v in row.items()} for row in wanted]
        assert table(folder, f"{name}.{by}") == as_text, (name, by)


def test_a_pack_is_checked_by_its_recipient_and_the_same_again_is_the_same(
    home: Path, whole: tuple[dict[str, Any], Path]
) -> None:
    made, _ = whole
    again, folder = packed(home, "again")
    assert checked(folder, "--key", made["public_key"])[0] == 0
    assert checked(folder)[0] == 2, "a key that lies in the pack proves nothing"
    assert (again["changed"], again["pack"], again["sha256"]) == (False, made["pack"], made["sha256"])
    with psycopg2.connect(**Settings.load().dsn("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("select month::text, agency, recipient, made_by from ledger.pack where agency = ''")
        ((*kept, by),) = cursor.fetchall()
        assert kept == ["2024-12-01", "", "government_office"] and by.startswith("system user ")
    (folder / "changes.csv").write_text("row\n")
    assert checked(folder, "--key", made["public_key"]) == (1, "WRONG: changes.csv is not what was signed\n")
    (folder / "more.csv").write_text("row\n")
    assert checked(folder)[1].startswith("WRONG: not a file of the pack, or missing: more.csv")
    signed = json.loads((folder / "pack.json").read_text())
    (folder / "pack.json").write_text(json.dumps(signed | {"month": "2024-11"}))
    assert "does not carry the hub's signature" in checked(folder)[1]


def test_what_changed_against_the_month_before_is_told(whole: tuple[dict[str, Any], Path]) -> None:
    changes = {(c["figure"], c["row"], c["column"]): c for c in table(whole[1], "changes")}
    now, before = (rows("tasks", "--as-of", day) for day in ("2024-12-31", "2024-11-30"))
    assert now["2024"]["done"] > before["2024"]["done"]
    told_of = changes["tasks.year", "2024", "done"]
    assert (told_of["before"], told_of["now"]) == (str(before["2024"]["done"]), str(now["2024"]["done"]))
    assert ("tasks.year", "2022", "tasks") not in changes


def test_the_page_stands_alone_and_each_chart_has_words_and_a_table(
    whole: tuple[dict[str, Any], Path],
) -> None:
    html = (whole[1] / "pack.html").read_text()
    assert not re.search(r"<script|<link|<img|@import|url\(|https?://(?!www\.w3\.org)", html)
    charts = re.findall(r"<svg.*?</svg>", html, re.S)
    assert len(charts) > 20 and html.count("<table>") > len(charts)
    for chart in charts:
        tree = ElementTree.fromstring(chart)
        assert tree.attrib["role"] == "img"
        title, summary = tree[0], tree[1]
        assert title.text and summary.text and "max" in summary.text
        assert tree.attrib["aria-labelledby"] == f"{title.attrib['id']} {summary.attrib['id']}"
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids)) and 'lang="vi"' in html and 'lang="en"' in html
    assert "Nhiệm vụ Đề án 06" in html and "Tasks of Project 06" in html and "@media print" in html


def test_a_province_s_pack_holds_its_own_province_and_no_pack_a_person(
    whole: tuple[dict[str, Any], Path], own: tuple[dict[str, Any], Path]
) -> None:
    made, folder = own
    assert made["recipient"] == "laocai"
    assert checked(folder, "--key", made["public_key"])[0] == 0
    with psycopg2.connect(**Settings.load().dsn("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("select citizen_id, full_name from population.citizen")
        people = {value for row in cursor.fetchall() for value in row if value}
        cursor.execute("select distinct split_part(stem, '.', 1), stem from judge.lane")
        others = {name for row in cursor.fetchall() for name in row} - {"laocai"}
    others |= {row["place"] for row in table(whole[1], "security.agency")} - {"laocai"}
    others -= {name for name in others if name.startswith("laocai.")}
    others -= {"portal", "catalogue", "security", "project06"}  # plain words too: registers of all agencies
    assert {"thanhhoa", "tuyenquang", "mps", "mps.citizens"} <= others
    texts = {path.name: path.read_text(encoding="utf-8-sig") for path in folder.iterdir()}
    assert {"tasks.agency.csv", "services.agency.csv", "catalogue.province.csv"} <= set(texts)
    assert "tasks.year.csv" not in texts and "fragmentation.field.csv" not in texts
    for name, text in texts.items():
        found = set(re.findall(r"[\w.]+", text)) & others
        assert not found, f"{name} of laocai names {found}"
        if name.endswith(".agency.csv"):
            assert {line.partition(",")[0] for line in text.splitlines()[1:]} <= {"laocai"}
    for path in [*folder.iterdir(), *whole[1].iterdir()]:
        text = path.read_text(encoding="utf-8-sig")
        assert not {one for one in people if one in text}, path.name


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--month", "2024"), "cli.period"),
        (("--month", "2999-01"), "pack.month"),
        (("--month", "2024-12", "--agency", "nowhere"), "cli.choice"),
        (("--month", "2022-01", "--agency", "moj"), "pack.agency"),
    ],
)
def test_a_pack_that_cannot_be_made_is_refused(home: Path, arguments: tuple[str, ...], code: str) -> None:
    out = home / "packs" / "none"
    done = command("pack", "--out", str(out), *arguments)
    assert (done.returncode, code in done.stderr, out.exists()) == (2, True, False), done.stderr


def test_a_kill_before_a_pack_is_on_record_leaves_none_and_nobody_changes_one(home: Path) -> None:
    out = home / "packs" / "killed"
    run = ("pack", "--month", "2024-08", "--agency", "tuyenquang", "--out")
    killed = command(*run, str(out), environment=os.environ | {"POPHUB_FAIL": "pack.recording"})
    with psycopg2.connect(**Settings.load().dsn("postgres")) as connection, connection.cursor() as cursor:
        count = "select count(*) from ledger.pack where month = '2024-08-01'"
        cursor.execute(count)
        assert (killed.returncode, cursor.fetchone()) == (-9, (0,))
        assert command(*run, str(out) + "-again").returncode == 0
        cursor.execute(count)
        assert cursor.fetchone() == (1,)
        with pytest.raises(psycopg2.errors.RaiseException, match="append-only"):
            cursor.execute("delete from ledger.pack")
