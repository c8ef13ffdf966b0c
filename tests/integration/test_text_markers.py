"""Times written as text, in whatever form: each row is read once, or quarantined for its marker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hubkit import Project
from outside import check

pytestmark = pytest.mark.timeout(240)
SMALL = ("(?m)^key: ", "limits: {batch_rows: 2}\nkey: ")
DAY = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}"
NO_WINDOW = ("(?m)^  late_s: 3600\n", "")


@pytest.fixture
def texts(bare_project: Project) -> Project:
    """A project whose source holds the marker as text."""
    bare_project.declare("mps.citizens", SMALL, NO_WINDOW, fields=("citizen_id", "full_name"))
    bare_project.pass_through("prepare")
    bare_project.sql("alter table dancu.cong_dan alter cap_nhat_luc type text")
    return bare_project


def sent(project: Project) -> int:
    """Count the rows that were sent to raw."""
    told = "select coalesce(sum(rows), 0) from extract.batch where stem = %s and state = 'sent'"
    return int(project.servers.query(told, project.stem)[0][0])


def test_rows_in_every_form_are_read_once_and_nothing_comes_again(texts: Project) -> None:
    put = texts.put
    put(1, 0, cap_nhat_luc=f"{DAY} 09:00:00+07:00")
    texts.pass_through()
    put(2, 0, cap_nhat_luc=f"{DAY} 02:30:00+00:00")  # half an hour later
    put(3, 0, cap_nhat_luc=f"{DAY}T09:40:00")
    put(4, 0, cap_nhat_luc=f"{DAY} 09:50:00.5")
    put(5, 0, cap_nhat_luc=f"{DAY} 09:50:00.25")
    put(6, 0, cap_nhat_luc="yesterday")
    texts.pass_through()
    assert texts.states() == {"shared": 5, "quarantined": 1}
    assert {codes for _, _, codes in map(lambda v: (v[0], v[1], tuple(v[2])), texts.verdicts().values())} == {
        ("contract.marker.unmappable",)
    }
    assert sent(texts) == 6
    for _ in range(2):
        texts.pass_through()
    assert sent(texts) == 6
    put(7, 0, cap_nhat_luc=f"{DAY}T03:00:00Z")
    texts.pass_through()
    assert (sent(texts), texts.states()["shared"]) == (7, 6)
    check(texts)


def test_a_crash_among_texts_of_many_forms_loses_none(texts: Project) -> None:
    for person in range(1, 10):
        texts.put(person, 0, cap_nhat_luc=f"{DAY}T{20 - person:02d}:00:00")
        texts.put(person + 10, 0, cap_nhat_luc=f"{DAY} {person:02d}:30:00")
    for _ in range(4):
        assert texts.run("extract", fail="extract.moved").code != 0
    texts.pass_through()
    assert texts.states() == {"shared": 18}
    assert sent(texts) == 18
    check(texts)
