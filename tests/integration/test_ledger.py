"""The ledger on real servers: tampering by a superuser is named, figures are restated to the row, packs hold."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg2.errors
import pytest
import typer
from hubkit import Project, Servers

from pophub.commands import figures
from pophub.domain import digests
from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.errors import ConfigError, LedgerDiverged
from pophub.ledger.checkpoint import Checkpoint, find, load, make
from pophub.ledger.export import export
from pophub.ledger.growth import Growth, Late, Scope, derived, growth, growth_as_of, late_rows
from pophub.ledger.present import counted, present
from pophub.ledger.signing import public_key
from pophub.ledger.standing import with_standing, year_earlier
from pophub.ledger.verify import Broken, Evidence, verify
from pophub.ledger.witness import Witness
from pophub.postgres import connect
from tests.refused import refused

MINUTE = timedelta(minutes=1)


def fill(project: Project) -> Project:
    """Let citizens in one lane or two be accepted and shared, and sign a checkpoint over them."""
    for person in range(1, 21):
        project.put(person, 600 - person)
    project.pass_through()
    make(project.servers.settings)
    return project


@pytest.fixture(scope="module")
def filled(long_project: Project) -> Project:
    """One project for all tests that add no rows of their own."""
    return fill(long_project)


@pytest.fixture
def fresh(project: Project) -> Project:
    """A project for a test that adds rows."""
    return fill(project)


def found(servers: Servers, witness: bool = True) -> list[Broken]:
    settings = servers.settings
    with closing(connect(settings, "pophub_owner")) as connection:
        kept = Witness(settings) if witness else None
        return verify(connection, evidence=Evidence(load(connection), public_key(settings), kept)).broken


def mine(project: Project, broken: list[Broken]) -> list[Broken]:
    return [b for b in broken if project.stem in b.lane]


@contextmanager
def tampered(servers: Servers, *statements: str) -> Iterator[None]:
    """Let a superuser change tables, and put everything back at the end."""
    tables = ("ledger.history", "ledger.transaction", "ledger.lane", "judge.lane", "ledger.checkpoint")
    connection = servers.superuser()
    try:
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"create temp table kept_{table.replace('.', '_')} as table {table}")
            cursor.execute("set session_replication_role = replica")
            for statement in statements:
                cursor.execute(statement)
            yield
            for table in tables:
                cursor.execute(f"truncate {table}")
                cursor.execute(f"insert into {table} select * from kept_{table.replace('.', '_')}")
    finally:
        connection.close()


def lane_of(project: Project, table: str = "ledger.history") -> tuple[int, list[int]]:
    """Give a lane with rows of this project and their sequences."""
    rows = project.servers.query(
        f"select lane, array_agg(sequence order by sequence) from {table} where stem = %s group by lane order by count(*) desc",
        project.stem,
    )
    return rows[0][0], rows[0][1]


def test_an_untouched_ledger_verifies_with_its_checkpoints(filled: Project) -> None:
    assert found(filled.servers) == []


@pytest.mark.parametrize("table", ["ledger.history", "ledger.transaction"])
@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("update {t} set recorded_at = recorded_at + interval '1 second' where {row4}", "changed"),
        ("update {t} set event_id = '\\x00' where {row4}", "changed"),
        ("delete from {t} where {row4}", "removed"),
        ("update {t} set sequence = case sequence when {s4} then {s6} else {s4} end where {lane} and sequence in ({s4}, {s6})",
         "reordered"),
    ],
)  # fmt: skip
def test_a_superuser_who_touches_one_row_is_found_at_that_row(
    filled: Project, table: str, change: str, word: str
) -> None:
    lane, sequences = lane_of(filled, table)
    fourth, sixth = sequences[3], sequences[5]
    place = f"stem = '{filled.stem}' and lane = {lane}"
    values = {
        "t": table,
        "lane": place,
        "row4": f"{place} and sequence = {fourth}",
        "s4": fourth,
        "s6": sixth,
    }
    statement = change.format(**values)
    if word == "reordered":  # the primary key allows no swap in one statement
        statement = (
            f"update {table} set sequence = 900000 where {place} and sequence = {fourth};"
            f"update {table} set sequence = {fourth} where {place} and sequence = {sixth};"
            f"update {table} set sequence = {sixth} where {place} and sequence = 900000"
        )
    with tampered(filled.servers, statement):
        (broken,) = mine(filled, found(filled.servers))
    assert (broken.table, broken.sequence) == (table, fourth)
    assert word in broken.what
    assert found(filled.servers) == []


def test_a_row_put_in_is_named(filled: Project, capsys: pytest.CaptureFixture[str]) -> None:
    lane, sequences = lane_of(filled, "ledger.transaction")
    last = sequences[-1]
    statement = (
        f"insert into ledger.transaction select month, recipient, stem, lane, {last} + 1, event_id, subscription, exchanged_at, recorded_at, digest "
        f"from ledger.transaction where stem = '{filled.stem}' and lane = {lane} and sequence = {last}"
    )
    with tampered(filled.servers, statement):
        (broken,) = mine(filled, found(filled.servers))
        with pytest.raises(typer.Exit):
            figures.verify(as_json=False)
    assert (broken.table, broken.sequence) == ("ledger.transaction", last + 1)
    assert f"ledger.broken: ledger.transaction, lane {broken.lane}" in capsys.readouterr().out.replace(
        "\n", " "
    )


def rewritten(project: Project, lane: int, after: int, forget: bool = False) -> list[str]:
    """Give statements that change a transaction's time and derive the whole chain again, lane row and all."""
    rows = project.servers.query(
        "select recipient, stem, lane, sequence, event_id, subscription, (extract(epoch from exchanged_at) * 1000000)::bigint, "
        "(extract(epoch from recorded_at) * 1000000)::bigint from ledger.transaction where stem = %s and lane = %s order by sequence",
        project.stem,
        lane,
    )
    chain, statements = b"", []
    for r in rows:
        recorded = r[7] + (1_000_000 if r[3] == after else 0)
        chain = digests.transaction_link(chain, r[0], r[1], r[2], r[3], bytes(r[4]), r[5], r[6], recorded)
        statements.append(
            f"update ledger.transaction set digest = '\\x{chain.hex()}', recorded_at = 'epoch'::timestamptz + {recorded} * interval '1 microsecond' "
            f"where stem = '{project.stem}' and lane = {lane} and sequence = {r[3]}"
        )
    statements.append(
        f"update ledger.lane set chain = '\\x{chain.hex()}' where recipient <> 'shared' and stem = '{project.stem}' and lane = {lane}"
    )
    return statements


def test_a_whole_chain_rewritten_by_a_superuser_is_found_at_its_first_changed_row(fresh: Project) -> None:
    lane, sequences = lane_of(fresh, "ledger.transaction")
    with tampered(fresh.servers, *rewritten(fresh, lane, sequences[2])):
        (broken,) = mine(fresh, found(fresh.servers))
        assert (broken.sequence, broken.table) == (sequences[2], "ledger.transaction")
        assert "rewritten" in broken.what
        (alone,) = mine(fresh, found(fresh.servers, witness=False))
        assert "checkpoint" in alone.what and alone.sequence <= sequences[2]
        fresh.put(50, 1)
        fresh.pass_through()
        with pytest.raises(LedgerDiverged, match=r"ledger\.rewritten"):
            make(fresh.servers.settings)


def test_checkpoints_are_append_only_and_forged_or_missing_ones_are_found(filled: Project) -> None:
    servers = filled.servers
    with pytest.raises(psycopg2.errors.RaiseException):
        servers.query("update ledger.checkpoint set at = now()")
    last = servers.query("select max(id) from ledger.checkpoint")[0][0]
    forged = (
        f"update ledger.checkpoint set document = jsonb_set(document, '{{tally}}', '[]') where id = {last}"
    )
    with tampered(servers, forged):
        assert [(b.table, b.sequence) for b in found(servers)] == [("ledger.checkpoint", last)]
    with tampered(servers, f"delete from ledger.checkpoint where id = {last}"):
        assert ("ledger.checkpoint", last) in [(b.table, b.sequence) for b in found(servers)]
    assert found(servers) == []


def test_the_private_key_lies_outside_the_database_for_its_owner_only(filled: Project) -> None:
    path = filled.servers.settings.home / "secrets" / "ledger.ed25519"
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_new_signs_nothing_new(filled: Project) -> None:
    settings = filled.servers.settings
    first, second = make(settings), make(settings)
    assert (second.id, second.new) == (first.id, False)


def late_between(servers: Servers, a: Checkpoint, b: Checkpoint, scope: Scope) -> list[Late]:
    with closing(connect(servers.settings, "pophub_ledger")) as connection:
        return list(late_rows(connection, a, b, "year", scope))


def test_a_published_figure_stays_and_a_later_one_differs_only_by_listed_late_rows(fresh: Project) -> None:
    servers, scope = fresh.servers, Scope(dataset=fresh.stem)
    published = make(servers.settings)
    before = sum(r.transactions for r in growth_as_of(published, "year", scope))
    assert before == 40  # twenty people, population and one subscriber
    fresh.put(31, 30)
    fresh.put(32, 29)
    fresh.pass_through()
    later = make(servers.settings)
    with closing(connect(servers.settings, "pophub_read")) as connection:
        restated = find(connection, published.at)
        by_number = find(connection, published.id)
        with pytest.raises(ConfigError, match=r"ledger\.no_checkpoint"):
            find(connection, later.id + 1)
    assert restated.fingerprint == by_number.fingerprint == published.fingerprint
    assert sum(r.transactions for r in growth_as_of(restated, "year", scope)) == before
    late = late_between(servers, published, later, scope)
    assert sum(r.transactions for r in growth_as_of(later, "year", scope)) == before + len(late) == 44
    events = servers.query("select event_id from ledger.history where stem = %s", fresh.stem)
    ids = {bytes(event).hex() for (event,) in events}
    assert {row.event_id for row in late} <= ids and len({row.event_id for row in late}) == 2
    with closing(connect(servers.settings, "pophub_ledger")) as connection:
        for one in (published, later):
            assert derived(connection, one) == one.tally()


def at_checkpoint(project: Project, checkpoint: Checkpoint, by: str = "year") -> dict[str, Growth]:
    """Give the growth of a project's population as of now, by period."""
    scope = Scope(dataset=project.stem, recipient="population")
    rows = growth_as_of(checkpoint, by, scope)  # type: ignore[arg-type]
    with closing(connect(project.servers.settings, "pophub_ledger")) as connection:
        now = datetime.now(UTC)
        told = with_standing(connection, checkpoint, now, by, scope, rows)  # type: ignore[arg-type]
    return {row.period: row for row in told}


def test_an_open_period_is_compared_with_the_same_span_of_the_year_before(fresh: Project) -> None:
    servers = fresh.servers
    signed = make(servers.settings)
    cut = year_earlier(datetime.now(UTC))
    lane, sequences = lane_of(fresh)
    assert len(sequences) > 4
    moved = [
        f"update ledger.history set exchanged_at = '{at.isoformat()}', month = '{at.astimezone(HO_CHI_MINH):%Y-%m}-01'"
        f" where stem = '{fresh.stem}' and lane = {lane} and sequence = {sequence}"
        for sequence, at in zip(sequences, [cut - MINUTE, cut - 2 * MINUTE, cut + 5 * MINUTE], strict=False)
    ]
    with tampered(servers, *moved):
        tally = Counter(
            {
                ("population", fresh.stem, month): number
                for month, number in servers.query(
                    "select to_char(month, 'YYYY-MM'), count(*) from ledger.history where stem = %s group by 1",
                    fresh.stem,
                )
            }
        )
        document = signed.document | {"tally": [[*place, number] for place, number in tally.items()]}
        for by in ("year", "quarter", "month"):
            *_, last = at_checkpoint(fresh, replace(signed, document=document), by).values()
            assert (last.open, last.transactions, last.span_before) == (True, 17, 2), by
            assert last.percent == last.year_on_year == Decimal("750.0")


def test_a_closed_period_that_changed_since_it_was_signed_says_so(fresh: Project) -> None:
    servers = fresh.servers
    signed = make(servers.settings)
    now = at_checkpoint(fresh, signed)
    assert {row.changed for row in now.values()} == {None}, "nothing is told of what is open"
    months = [["population", fresh.stem, "2019-05", 7]]
    first = signed.document | {"tally": months, "at": signed.document["at"] - 1}
    later = replace(signed, document=signed.document | {"tally": [[*months[0][:3], 9]]})
    forged = f"update ledger.checkpoint set document = $json${json.dumps(first)}$json$ where id = {signed.id}"
    with tampered(servers, forged):
        changed = at_checkpoint(fresh, later)["2019"].changed
        earliest = servers.query("select min(id) from ledger.checkpoint")[0][0]
    assert changed is not None and changed.checkpoint == earliest
    assert changed.transactions == (7 if earliest == signed.id else 0)


def test_growth_as_it_is_now_is_the_count_of_all_rows_and_stays_as_signed_where_one_was_removed(
    fresh: Project,
) -> None:
    servers = fresh.servers
    signed = make(servers.settings)
    fresh.put(33, 30)
    fresh.put(34, 29, cap_nhat_luc=fresh.ago(28))
    fresh.pass_through()
    with closing(connect(servers.settings, "pophub_read")) as connection:
        now = present(connection)
        assert now == counted(connection)
        assert (now - signed.tally()).total() == 4, "two people, population and one subscriber"
        by_month = sum(row.transactions for row in growth(connection, "month"))
        assert by_month == servers.query("select count(*) from hub.share_transaction")[0][0]
        lane, sequences = lane_of(fresh)
        place = f"stem = '{fresh.stem}' and lane = {lane} and sequence = {sequences[0]}"
        with tampered(servers, f"delete from ledger.history where {place}"):
            assert present(connection) == now
            assert (now - counted(connection)).total() == 1
            (broken,) = mine(fresh, found(servers))
    assert (broken.table, broken.sequence) == ("ledger.history", sequences[0])


def test_growth_counts_each_row_where_nothing_was_ever_signed(filled: Project) -> None:
    with (
        tampered(filled.servers, "truncate ledger.checkpoint"),
        closing(connect(filled.servers.settings, "pophub_read")) as connection,
    ):
        assert present(connection) == counted(connection) != {}


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "verify_pack.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def pack(filled: Project, tmp_path: Path) -> Path:
    settings = filled.servers.settings
    folder = tmp_path / "pack"
    with closing(connect(settings, "pophub_ledger")) as connection:
        export(connection, make(settings), str(filled.now.year), folder)
    return folder


def test_a_pack_is_not_written_over_another(filled: Project, pack: Path) -> None:
    settings = filled.servers.settings
    with closing(connect(settings, "pophub_read")) as connection, refused("ledger.pack_exists"):
        export(connection, make(settings), str(filled.now.year), pack)


def test_a_third_party_checks_the_pack_with_python_alone(filled: Project, pack: Path) -> None:
    code, told = run(pack, "--key", public_key(filled.servers.settings).hex())
    assert code == 0, told
    assert "signatures, rows and figures hold" in told and "NOT PROVED" not in told
    code, told = run(pack)
    assert code == 2, told
    assert "signatures, rows and figures hold" in told and "NOT PROVED" in told
    assert run(pack, "--key", "00" * 32)[0] == 1
    text = "".join(path.read_text() for path in pack.iterdir())
    assert filled.number_of(1) not in text and "Nguyễn" not in text


def edit_csv(path: Path, change: Callable[[list[list[str]]], None]) -> None:
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    change(rows)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def same_lane(names: list[str], one: list[str], other: list[str]) -> bool:
    """Tell whether two rows follow one another in one chain: only their order is signed."""
    places = [names.index(name) for name in ("recipient", "stem", "lane") if name in names]
    return all(one[place] == other[place] for place in places)


@pytest.mark.parametrize("name", ["history.csv", "transaction.csv"])
@pytest.mark.parametrize("what", ["change", "remove", "last", "put in", "reorder"])
def test_an_altered_row_of_the_pack_fails(pack: Path, name: str, what: str) -> None:
    def change(rows: list[list[str]]) -> None:
        if what == "change":
            rows[2][rows[0].index("recorded_us")] = "1"
        elif what == "remove":
            del rows[2]
        elif what == "last":
            del rows[-1]
        elif what == "put in":
            rows.insert(2, rows[2])
        else:
            first = next(at for at in range(1, len(rows) - 1) if same_lane(rows[0], rows[at], rows[at + 1]))
            rows[first], rows[first + 1] = rows[first + 1], rows[first]

    edit_csv(pack / name, change)
    code, told = run(pack)
    assert code == 1
    assert told.startswith("WRONG: ")


def test_altered_figures_and_checkpoints_fail(pack: Path, tmp_path: Path) -> None:
    figures = json.loads((pack / "figures.json").read_text())
    figures["transactions"] += 1
    other = shutil.copytree(pack, tmp_path / "other")
    (other / "figures.json").write_text(json.dumps(figures))
    assert run(other)[0] == 1
    lines = (pack / "checkpoints.jsonl").read_text().splitlines()
    entry = json.loads(lines[-1])
    entry["document"]["tally"][0][3] += 1
    (pack / "checkpoints.jsonl").write_text("\n".join([*lines[:-1], json.dumps(entry)]) + "\n")
    assert run(pack) == (1, f"WRONG: checkpoint {len(lines)} does not carry the hub's signature\n")


def test_a_recipient_that_is_not_what_it_says_is_found(filled: Project) -> None:
    lane, _ = lane_of(filled, "ledger.transaction")
    place = f"stem = '{filled.stem}' and lane = {lane} and recipient = '{filled.subscriber}'"
    for statements, word in (
        ([f"update {t} set recipient = 'population' where {place}" for t in ("ledger.transaction", "ledger.lane")],
         "the hub's own name"),
        ([f"update {t} set recipient = 'stranger' where {place}" for t in ("ledger.transaction", "ledger.lane")],
         "never granted"),
        ([f"delete from ledger.lane where {place}"], "no lane row"),
    ):  # fmt: skip
        with tampered(filled.servers, *statements):
            told = [b.what for b in mine(filled, found(filled.servers))]
        assert any(word in what for what in told), told
    assert found(filled.servers) == []
