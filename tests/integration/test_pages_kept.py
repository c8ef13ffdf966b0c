"""What pages count by sums that are kept is what the promised views count row by row, and no signed row is counted."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from typing import Any

import pytest
from hubkit import Project
from test_pages_acts import pages
from test_quarantine_commands import BAD_NAME

from pophub.ledger.checkpoint import make
from pophub.postgres import connect, statements, transaction
from pophub.web import counts as sql
from pophub.web import transactions as web_transactions
from pophub.web.transactions import LAST, Given, given, months_of, recipients_of, years_of

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("default"),  # a replay loads Great Expectations, which has warnings of its own
]


@pytest.fixture
def mixed(project: Project) -> Project:
    """Shared, quarantined by two gates, and of replays what was shared, superseded and what stayed; and duplicates."""
    for person in (1, 2):
        project.put(person, 60)
    for person in (3, 4, 5):
        project.put(person, 60, ho_ten=BAD_NAME)
    project.put(6, 60, ngay_sinh="1990-03-15")
    project.pass_through()
    project.update(4, 30, ho_ten="Lê Văn Tư")  # a newer version of one that waits
    project.update(2, 30)  # the content of the head again
    project.pass_through()
    path = project.folder / f"expectations/{project.agency}/citizens.json"
    suite = json.loads(path.read_text())
    suite["expectations"] = [
        one for one in suite["expectations"] if one["meta"]["code"] != "clean.text.control"
    ]
    path.write_text(json.dumps(suite))
    project.pass_through("replay", "share")
    return project


def counted(project: Project) -> Counter[tuple[str, str | None]]:
    """Count the promised view, one row for each record."""
    found = project.servers.query(
        "select state, gate, count(*) from hub.record_state where stem = %s group by 1, 2", project.stem
    )
    return Counter({(state, gate): number for state, gate, number in found})


def kept(project: Project, stem: str) -> list[dict[str, Any]]:
    with (
        closing(connect(project.servers.settings, "pophub_web")) as connection,
        transaction(connection, "test") as cursor,
    ):
        return sql._rows(cursor, sql.STATES, {"stem": stem})


def test_the_states_that_pages_tell_are_those_of_each_record(mixed: Project) -> None:
    told = Counter({(row["state"], row["gate"]): row["records"] for row in kept(mixed, mixed.stem)})
    assert told == counted(mixed)
    assert {state for state, _ in told} == {"shared", "quarantined", "superseded", "duplicate"}
    assert {gate for state, gate in told if state == "quarantined"} != {None}
    assert [row for row in kept(mixed, "") if row["stem"] == mixed.stem] == kept(mixed, mixed.stem)


def given_now(project: Project) -> Given:
    with closing(connect(project.servers.settings, "pophub_web")) as connection:
        return given(connection)


def transactions(project: Project, stem: str) -> list[tuple[str, str, int, Any]]:
    return project.servers.query(
        "select recipient, to_char(month, 'YYYY-MM'), count(*), max(recorded_at) from hub.share_transaction "
        "where stem = %s group by 1, 2 order by 1, 2",
        stem,
    )


@pytest.mark.parametrize("signed", [False, True])
def test_share_transactions_are_those_of_the_view_before_and_after_a_signature(
    mixed: Project, signed: bool
) -> None:
    if signed:
        make(mixed.servers.settings)
        mixed.put(9, 5)
        mixed.pass_through()
    told = given_now(mixed)
    rows = transactions(mixed, mixed.stem)
    assert rows and {row[0] for row in rows} == {"population", mixed.subscriber}
    for recipient in ("population", mixed.subscriber):
        by_month = [(month, number) for to, month, number, _ in rows if to == recipient]
        assert [tuple(row.values()) for row in months_of(told.tally, mixed.stem, recipient)] == by_month[::-1]
    mine = [row for row in recipients_of(told) if row["stem"] == mixed.stem]
    assert [(row["recipient"], row["transactions"], row["last"]) for row in mine] == [
        (to, number, last) for to, _, number, last in rows
    ]
    (all_of_them,) = mixed.servers.query("select count(*) from hub.share_transaction")[0]
    assert sum(row["transactions"] for row in years_of(told.tally)) == all_of_them


def test_what_is_too_much_to_count_is_said_until_it_is_signed(
    mixed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_transactions, "MOST_COUNTED", 0)
    (behind,) = mixed.servers.query(statements("metrics")["unsigned"])[0]
    told = given_now(mixed)
    assert told.uncounted == behind > 0
    mine = [row["transactions"] for row in recipients_of(told) if row["stem"] == mixed.stem]
    assert mine == [number for _, _, number, _ in transactions(mixed, mixed.stem)]
    with pages(mixed, "viewer") as client:
        for page in (f"/datasets/{mixed.stem}", "/ledger", f"/subscriptions/{mixed.subscriber}/{mixed.stem}"):
            assert f"{behind:,} accepted records are not signed yet" in client.get(page).text
    make(mixed.servers.settings)
    assert given_now(mixed).uncounted == 0
    assert months_of(given_now(mixed).tally, mixed.stem, "population")


def test_no_page_looks_at_a_row_of_history_that_was_signed(mixed: Project) -> None:
    """A lane's newest row is read by its key; sums over history are of what came behind the signed heads."""
    with (
        closing(connect(mixed.servers.settings, "pophub_web")) as connection,
        transaction(connection, "test") as cursor,
    ):
        for statement in (sql.STATES, sql.FIRST, sql.RUNS):
            cursor.execute(f"explain {statement}", {"stem": mixed.stem})
            assert "history" not in "\n".join(line for (line,) in cursor.fetchall()), statement
        cursor.execute(f"explain {LAST}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "Index" in plan and "Limit" in plan


def test_the_pages_show_them(mixed: Project) -> None:
    (shared,) = (number for (state, _), number in counted(mixed).items() if state == "shared")
    with pages(mixed, "viewer") as client:
        dataset = client.get(f"/datasets/{mixed.stem}").text
        assert f">{shared}</text>" in dataset and "Share transactions by month" in dataset
        assert client.get(f"/subscriptions/{mixed.subscriber}/{mixed.stem}").status_code == 200
        ledger = client.get("/ledger").text
        assert mixed.subscriber in ledger
