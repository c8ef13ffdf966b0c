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
from hubkit import GRANTED, Project, Servers

from pophub.commands import ledger as commands
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

SMALL_BATCHES = ("(?m)^key: ", "limits: {batch_rows: 5}\nkey: ")
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
def fresh(bare_project: Project) -> Project:
    """A project for a test that adds rows, in batches of five too."""
    bare_project.declare("mps.citizens", SMALL_BATCHES, fields=GRANTED)
    bare_project.pass_through("prepare")
    return fill(bare_project)


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
    tables = ("ledger.history", "ledger.stretch", "ledger.lane", "judge.lane", "ledger.checkpoint")
    connection = servers.superuser()
    try:
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"create temp table kept_{table.replace('.', '_')} as table {table}")
            cursor.execute("set session_replication_role = replica")
            for statement in statements:
                cursor.execute(statement)
            try:
                yield
            finally:
                for table in tables:
                    cursor.execute(f"delete from {table}")  # others may refer to it
                    cursor.execute(f"insert into {table} select * from kept_{table.replace('.', '_')}")
    finally:
        connection.close()


def lane_of(project: Project, table: str = "ledger.history") -> tuple[int, list[int]]:
    """Give a lane with rows of this project and the sequences that name them: of a stretch its first one."""
    column = "sequence" if table == "ledger.history" else "first"
    rows = project.servers.query(
        f"select lane, array_agg({column} order by {column}) from {table} where stem = %s group by lane order by count(*) desc",
        project.stem,
    )
    return rows[0][0], rows[0][1]


def test_an_untouched_ledger_verifies_with_its_checkpoints(filled: Project) -> None:
    assert found(filled.servers) == []


CHANGES = [
    ("update {t} set recorded_at = recorded_at + interval '1 second' where {one}", "changed"),
    ("update {t} set exchanged_at = exchanged_at + interval '1 second' where {one}", "changed"),
    ("delete from {t} where {one}", "removed"),
    ("update {t} set {far} where {one}; update {t} set {down} where {other};"
     "update {t} set {up} where {lane} and {column} > 900000", "reordered"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "change", "word"),
    [
        *(("ledger.history", *one) for one in CHANGES),
        ("ledger.history", "update {t} set event_id = '\\x00' where {one}", "changed"),
        *(("ledger.stretch", *one) for one in CHANGES),
        ("ledger.stretch", "update {t} set granted = granted + 1 where {one}", "changed"),
        ("ledger.stretch", "update {t} set month = month - interval '1 month' where {one}", "changed"),
        ("ledger.stretch", "update {t} set history_month = '2000-01-01' where {one}", "changed"),
        ("ledger.stretch", "update {t} set omitted = '{{[1,100000)}}' where {one}", "changed"),
    ],
)
def test_a_superuser_who_touches_one_row_is_found_at_that_row(
    filled: Project, table: str, change: str, word: str
) -> None:
    lane, sequences = lane_of(filled, table)
    first, third = sequences[1], sequences[3]
    place = f"stem = '{filled.stem}' and lane = {lane}"
    column = "sequence" if table == "ledger.history" else "first"
    moves = {"far": 900_000, "down": first - third, "up": third - first - 900_000}
    columns = (column,) if table == "ledger.history" else ("first", "last")
    swaps = {name: ", ".join(f"{c} = {c} + {by}" for c in columns) for name, by in moves.items()}
    statement = change.format(
        t=table, lane=place, column=column, **swaps,
        one=f"{place} and {column} = {first}", other=f"{place} and {column} = {third}",
    )  # fmt: skip
    with tampered(filled.servers, statement):
        (broken,) = mine(filled, found(filled.servers))
    assert (broken.table, broken.sequence) == (table, first)
    assert word in broken.what
    assert found(filled.servers) == []


def test_history_that_was_rewritten_since_the_last_checkpoint_is_not_what_the_stretches_counted(
    fresh: Project,
) -> None:
    """Whoever derives history's chain again must also have been every subscriber's ledger."""
    fresh.put(40, 20)
    fresh.pass_through()
    table = "(select stem, lane, sequence from ledger.history where stem = %s order by recorded_at desc limit 1) last"
    ((lane, sequence),) = fresh.servers.query(f"select lane, sequence from {table}", fresh.stem)
    place = f"stem = '{fresh.stem}' and lane = {lane}"
    ((previous, *row),) = fresh.servers.query(
        "select coalesce((select digest from ledger.history b where (b.stem, b.lane, b.sequence) = (h.stem, h.lane, h.sequence - 1)), ''), "
        "key, marker, operation, content, payload, contract, (extract(epoch from exchanged_at) * 1000000)::bigint, "
        f"(extract(epoch from recorded_at) * 1000000)::bigint from ledger.history h where {place} and sequence = {sequence}"
    )
    key, marker, operation, content, payload, contract, *times = row
    chain = digests.history_link(
        bytes(previous), fresh.stem, lane, sequence, b"x" * 16, key, marker, operation, bytes(content), bytes(payload),
        contract, *times,
    )  # fmt: skip
    with tampered(
        fresh.servers,
        f"update ledger.history set event_id = '\\x{(b'x' * 16).hex()}', digest = '\\x{chain.hex()}' where {place} and sequence = {sequence}",
        f"update judge.lane set chain = '\\x{chain.hex()}' where {place}",
    ):
        (broken,) = mine(fresh, found(fresh.servers))
    assert (broken.table, broken.sequence) == ("ledger.stretch", sequence)


def test_a_row_put_in_is_named(filled: Project, capsys: pytest.CaptureFixture[str]) -> None:
    lane, _ = lane_of(filled, "ledger.stretch")
    place = f"stem = '{filled.stem}' and lane = {lane}"
    ((last,),) = filled.servers.query(f"select max(last) from ledger.stretch where {place}")
    names = "granted, subscription, history_month, month, exchanged_at, recorded_at, digest"
    statement = (
        f"insert into ledger.stretch (recipient, stem, lane, first, last, {names}) "
        f"select recipient, stem, lane, {last} + 1, {last} + 1, {names} from ledger.stretch where {place} and last = {last}"
    )
    with tampered(filled.servers, statement):
        (broken,) = mine(filled, found(filled.servers))
        with pytest.raises(typer.Exit):
            commands.verify(as_json=False)
    assert (broken.table, broken.sequence) == ("ledger.stretch", last + 1)
    assert f"ledger.broken: ledger.stretch, lane {broken.lane}" in capsys.readouterr().out.replace("\n", " ")


def rewritten(project: Project, lane: int, after: int) -> list[str]:
    """Give statements that change a stretch's time and derive the whole chain again, lane row and all."""
    rows = project.servers.query(
        "select recipient, stem, lane, first, last, granted, subscription, (extract(epoch from exchanged_at) * 1000000)::bigint, "
        "(extract(epoch from recorded_at) * 1000000)::bigint, (select string_agg(event_id, '' order by sequence) "
        "from ledger.history h where (h.stem, h.lane) = (s.stem, s.lane) and h.sequence between s.first and s.last) "
        "from ledger.stretch s where stem = %s and lane = %s order by first",
        project.stem,
        lane,
    )
    chain, statements = b"", []
    for recipient, stem, _, first, last, granted, subscription, exchanged, at, events in rows:
        recorded = at + (1_000_000 if first == after else 0)
        chain = digests.stretch_link(
            chain,
            recipient,
            stem,
            lane,
            first,
            last,
            (),
            granted,
            subscription,
            exchanged,
            recorded,
            bytes(events),
        )
        statements.append(
            f"update ledger.stretch set digest = '\\x{chain.hex()}', recorded_at = 'epoch'::timestamptz + {recorded} * interval '1 microsecond' "
            f"where stem = '{project.stem}' and lane = {lane} and first = {first}"
        )
    statements.append(
        f"update ledger.lane set chain = '\\x{chain.hex()}' where recipient <> 'shared' and stem = '{project.stem}' and lane = {lane}"
    )
    return statements


def test_a_whole_chain_rewritten_by_a_superuser_is_found_at_its_first_changed_row(fresh: Project) -> None:
    lane, sequences = lane_of(fresh, "ledger.stretch")
    with tampered(fresh.servers, *rewritten(fresh, lane, sequences[2])):
        (broken,) = mine(fresh, found(fresh.servers))
        assert (broken.sequence, broken.table) == (sequences[2], "ledger.stretch")
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
        tampered(filled.servers, "delete from ledger.checkpoint"),
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


@pytest.mark.parametrize("name", ["history.csv", "stretch.csv"])
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
    lane, _ = lane_of(filled, "ledger.stretch")
    place = f"stem = '{filled.stem}' and lane = {lane} and recipient = '{filled.subscriber}'"
    for statements, word in (
        ([f"update {t} set recipient = 'population' where {place}" for t in ("ledger.stretch", "ledger.lane")],
         "the hub's own name"),
        ([f"update {t} set recipient = 'stranger' where {place}" for t in ("ledger.stretch", "ledger.lane")],
         "never granted"),
        ([f"delete from ledger.lane where {place}"], "no lane row"),
    ):  # fmt: skip
        with tampered(filled.servers, *statements):
            told = [b.what for b in mine(filled, found(filled.servers))]
        assert any(word in what for what in told), told
    assert found(filled.servers) == []
