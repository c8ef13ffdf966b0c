"""A closed period that grew because of a right granted later: growth says by which, and how much."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from command_kit import command
from hubkit import Project, surroundings
from test_ledger import tampered

from pophub.domain.dates import HO_CHI_MINH
from pophub.ledger.checkpoint import Checkpoint, make

pytestmark = pytest.mark.timeout(300)
LAST_YEAR = datetime.now(UTC).year - 1


def exchanged_last_year(project: Project, points: Iterable[tuple[Checkpoint, dict[str, int]]]) -> list[str]:
    """Give statements that date the project's rows a year back, and its signed figures with them."""
    day = f"{LAST_YEAR}-03-15"
    moved = f"set month = '{day[:7]}-01', exchanged_at = '{day}' where stem = '{project.stem}'"
    statements = [f"update ledger.{table} {moved}" for table in ("history", "stretch")]
    for point, counts in points:
        tally = [[recipient, project.stem, day[:7], number] for recipient, number in counts.items()]
        document = json.dumps(point.document | {"tally": tally})
        statements.append(
            f"update ledger.checkpoint set document = $json${document}$json$ where id = {point.id}"
        )
    return statements


def growth(project: Project, point: Checkpoint, shape: str) -> str:
    words = ("growth", "--as-of", f"#{point.id}", "--dataset", project.stem, "--format", shape)
    ran = command(*words, environment=surroundings(project) | {"COLUMNS": "200"})
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def grant_later(project: Project) -> str:
    """Let a second subscriber have what the first one has, from years ago; give its name."""
    other = f"{project.subscriber}late"
    text = (project.folder / f"subscriptions/{project.subscriber}.yaml").read_text()
    text = re.sub("subscriber: .*", f"subscriber: {other}", text)
    text = text.replace("starts: 2022-01-01", "starts: 2022-01-01\n    backdated: Lan, letter 12/2026")
    (project.folder / f"subscriptions/{other}.yaml").write_text(text)
    project.pass_through("prepare", "share")
    return other


def test_growth_tells_the_part_of_a_closed_period_that_a_right_granted_later_brought(
    project: Project,
) -> None:
    for person in (1, 2):
        project.put(person, 30)
    project.pass_through()
    signed = make(project.servers.settings)
    other = grant_later(project)
    project.put(3, 20)  # late to all three, whoever's right is how old
    project.pass_through()
    later = make(project.servers.settings)
    before = {"population": 2, project.subscriber: 2}
    points = ((signed, before), (later, {"population": 3, project.subscriber: 3, other: 3}))
    earlier = f"delete from ledger.checkpoint where id < {signed.id}"
    with tampered(project.servers, earlier, *exchanged_last_year(project, points)):
        text, rows = growth(project, later, "text"), json.loads(growth(project, later, "json"))["rows"]
        header, cells = (line.split(",") for line in growth(project, later, "csv").splitlines())
    today = datetime.now(HO_CHI_MINH).date().isoformat()
    assert (
        f"of +5 in {LAST_YEAR}, 2 came by {other}'s right to {project.stem}, version 1, granted {today} "
        "with starts: 2022-01-01"
    ) in text
    changed: dict[str, Any] = rows[0]["changed_since"]
    assert (rows[0]["transactions"], changed["checkpoint"], changed["transactions"]) == (9, signed.id, 4)
    (granted,) = changed["granted_later"]
    assert granted.pop("granted_at").startswith(f"{datetime.now(UTC):%Y-%m-%dT}")
    assert granted == {
        "recipient": other, "stem": project.stem, "version": 1,
        "starts_at": "2021-12-31T17:00:00+00:00", "transactions": 2,
    }  # fmt: skip
    assert dict(zip(header, cells, strict=True))["granted_later"] == "2"
