"""Terms of grants are append-only: nothing is shared by terms that are not on record, and none is rewritten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hubkit import Project
from outside import read_topic

pytestmark = pytest.mark.timeout(300)


def file_of(project: Project, name: str = "") -> Path:
    return project.folder / f"subscriptions/{name or project.subscriber}.yaml"


def edit(project: Project, *pairs: tuple[str, str]) -> None:
    text = file_of(project).read_text()
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file_of(project).write_text(text)


def messages(project: Project) -> int:
    return len(read_topic(project.servers, f"sub.{project.subscriber}.{project.stem}"))


def recorded(project: Project) -> list[tuple[int, list[str]]]:
    return project.servers.query(
        "select version, terms->'fields' from hub.subscription where recipient = %s order by 1",
        project.subscriber,
    )


def test_terms_that_change_without_a_new_version_are_refused_and_share_nothing(project: Project) -> None:
    project.put(1, 30)
    project.pass_through()
    before = recorded(project)
    edit(project, (", province_code]", ", province_code, sex]"))
    refused = project.run("prepare")
    assert (refused.error, "fields changed under version 1" in refused.text) == ("subscription.changed", True)
    project.put(2, 20)
    project.pass_through("extract", "judge")
    assert project.run("share").error == "subscription.changed"
    assert (messages(project), recorded(project)) == (1, before)
    edit(project, ("    starts:", "    version: 2\n    starts:"))
    project.pass_through("prepare", "share")
    assert [version for version, _ in recorded(project)] == [1, 2]
    assert (messages(project), recorded(project)[0]) == (2, before[0])
    edit(project, ("version: 2", "version: 1"), (", sex]", "]"))
    assert project.run("prepare").error == "subscription.version"


def test_narrower_rows_are_refused_before_anything_is_shared_by_them(project: Project) -> None:
    edit(project, ("    starts:", "    rows: {province_code: ['01']}\n    starts:"))
    project.put(1, 30)
    project.pass_through("extract", "judge")
    assert project.run("share").error == "subscription.changed", "without a `pophub up`, too"


@pytest.fixture
def last_year(project: Project) -> Iterator[Project]:
    """A project whose one accepted version was exchanged a year ago."""
    project.put(1, 30)
    project.pass_through()
    places = "month, exchanged_at from ledger.history where stem = %s"
    ((month, exchanged_at),) = project.servers.query(f"select {places}", project.stem)
    change = "update ledger.history set month = %s, exchanged_at = %s where stem = %s"
    ago = datetime(datetime.now(UTC).year - 1, 3, 15, tzinfo=UTC)
    project.servers.query(change, ago.date().replace(day=1), ago, project.stem)
    yield project
    project.servers.query(change, month, exchanged_at, project.stem)


def test_a_right_that_counts_in_months_that_are_over_takes_a_word(last_year: Project) -> None:
    project = last_year
    other = f"{project.subscriber}late"
    text = re.sub("subscriber: .*", f"subscriber: {other}", file_of(project).read_text())
    file_of(project, other).write_text(text)
    assert project.run("prepare").error == "subscription.backdated"
    today = f"starts: {datetime.now(UTC).date():%Y-%m-01}"
    for words in (today, "starts: 2022-01-01\n    backdated: Lan, letter 12/2026"):
        file_of(project, other).write_text(text.replace("starts: 2022-01-01", words))
        project.pass_through("prepare")
        project.servers.query("delete from hub.subscription where recipient = %s returning 1", other)


@pytest.mark.parametrize("zone", ["Asia/Ho_Chi_Minh", "UTC", "America/New_York"])
def test_a_right_starts_at_one_instant_whatever_the_session_time_zone(project: Project, zone: str) -> None:
    edit(project, ("starts: 2022-01-01", "version: 2\n    starts: 2024-05-06\n    ends: 2024-06-07"))
    project.servers.query(f"alter role pophub_owner set timezone to '{zone}'")
    try:
        project.pass_through("prepare")
    finally:
        project.servers.query("alter role pophub_owner reset timezone")
    ((starts, ends),) = project.servers.query(
        "select starts_at, ends_at from hub.subscription where recipient = %s and version = 2",
        project.subscriber,
    )
    assert starts.astimezone(UTC) == datetime(2024, 5, 5, 17, tzinfo=UTC)
    assert ends.astimezone(UTC) == datetime(2024, 6, 6, 17, tzinfo=UTC)
