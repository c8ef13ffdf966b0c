"""A scrape says what PostgreSQL and `pophub status` say, names nobody, and never shows 0 for what it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest
from browsed import with_each_outcome
from hubkit import Project
from prometheus_client.parser import text_string_to_metric_families
from serving import served
from test_quarantine_commands import BAD_NAME, pophub

from pophub.commands.attendant import take_up
from pophub.commands.requests import ask
from pophub.metrics.families import FAMILIES
from pophub.postgres import connect
from pophub.settings import Settings
from pophub.sharing.logins import SCRAPER
from pophub.web.app import create_pages

pytestmark = pytest.mark.timeout(300)
Scraped = dict[str, dict[tuple[tuple[str, str], ...], float]]


def settings_of(project: Project, **endpoints: Any) -> Settings:
    known = project.servers.settings
    return Settings(
        home=known.home, project=project.folder, endpoints=known.endpoints.model_copy(update=endpoints)
    )


@contextmanager
def pages(settings: Settings) -> Iterator[httpx.Client]:
    settings.secret(SCRAPER)
    with served(create_pages(settings)) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def scrape(client: httpx.Client, settings: Settings) -> tuple[Scraped, str]:
    """Scrape as Prometheus does; give the values by sample and labels, and the text."""
    token = (settings.home / "secrets" / SCRAPER).read_text()
    answer = client.get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    found: Scraped = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found, answer.text


def of(found: Scraped, name: str, **labels: str) -> float:
    """Give the one value of a sample."""
    return found[name][tuple(sorted(labels.items()))]


@pytest.fixture
def filled(project: Project) -> Project:
    """What was shared, what failed by two rules, what came twice."""
    with_each_outcome(project)
    return project


def test_a_scrape_counts_what_sql_and_status_count(filled: Project) -> None:
    settings, stem = settings_of(filled), filled.stem
    with pages(settings) as client:
        found, _ = scrape(client, settings)
    names = ("sent", "read", "shared", "quarantined", "duplicate", "superseded")
    (counts,) = filled.servers.query(
        f"select {', '.join(f'sum({name})' for name in names)} from hub.batch_summary where stem = %s", stem
    )
    agency = {"agency": filled.agency, "dataset": stem}
    told = [of(found, "pophub_records_total", **agency, outcome=name) for name in names]
    assert told == [int(one) for one in counts] and told[1] >= 7
    assert (
        of(found, "pophub_residual_records", **agency) == of(found, "pophub_unjudged_records", **agency) == 0
    )
    held = filled.servers.query(
        "select count(*) from quarantine.version where stem = %s and state = 'quarantined'", stem
    )
    assert of(found, "pophub_held_records", **agency) == held[0][0] >= 3
    by_rule = filled.servers.query(
        "select f ->> 'gate', f ->> 'code', coalesce(f ->> 'field', ''), count(distinct id)"
        " from quarantine.version, jsonb_array_elements(failures) f where stem = %s and state = 'quarantined' group by 1, 2, 3",
        stem,
    )
    for gate, code, field, number in by_rule:
        assert of(found, "pophub_held_by_rule", **agency, gate=gate, code=code, field=field) == number
    status = pophub(filled, "status")
    behind = {(s["stem"], s["stage"], s["lane"], s["recipient"]): s["behind"] for s in status["stages"]}
    assert len(behind) > 4
    for (of_stem, stage, lane, to), number in behind.items():
        if number is not None:
            place = {"dataset": of_stem, "stage": stage, "lane": str(lane), "recipient": to or ""}
            assert of(found, "pophub_behind", **place) == number, place
    states = {(s["stem"], s["state"]) for s in status["sources"]}
    assert {(dict(at)["dataset"], dict(at)["state"]) for at in found["pophub_source_state"]} == states
    assert of(found, "pophub_up", server="postgres") == of(found, "pophub_up", server="kafka") == 1
    assert of(found, "pophub_partitions_under_min_isr") == 0
    for quantile in ("0.5", "0.99"):
        place = {"dataset": stem, "recipient": filled.subscriber, "quantile": quantile}
        assert 0 < of(found, "pophub_end_to_end_seconds", **place) < 300


def test_a_stage_that_waits_is_told_with_its_age(project: Project) -> None:
    for person in (1, 2, 3):
        project.put(person, 60)
    project.pass_through("extract", "judge")
    settings = settings_of(project)
    with pages(settings) as client:
        found, _ = scrape(client, settings)
    waiting = project.servers.query("select lane, sequence from judge.lane where stem = %s", project.stem)
    assert sum(number for _, number in waiting) == 3
    for lane, number in waiting:
        place = {
            "dataset": project.stem,
            "stage": "share",
            "lane": str(lane),
            "recipient": project.subscriber,
        }
        assert of(found, "pophub_behind", **place) == number
        if number:
            assert of(found, "pophub_pending_seconds", **place) > 0


def test_what_the_ledger_counts_and_history_lacks_is_told(filled: Project) -> None:
    settings, of_lane = settings_of(filled), (filled.stem, filled.subscriber)
    place = "where stem = %s and recipient = %s and sequence > 0"
    lanes = filled.servers.query(f"select lane from ledger.lane {place}", *of_lane)
    filled.servers.query(f"update ledger.lane set sequence = sequence + 2 {place}", *of_lane)
    try:
        with pages(settings) as client:
            found, _ = scrape(client, settings)
    finally:
        filled.servers.query(f"update ledger.lane set sequence = sequence - 2 {place}", *of_lane)
    assert lanes
    for (lane,) in lanes:
        at = {"dataset": filled.stem, "lane": str(lane), "recipient": filled.subscriber}
        assert of(found, "pophub_ahead_versions", **at) == 2
        assert of(found, "pophub_behind", stage="share", **at) == 0


def test_a_verification_is_told_with_its_age_and_what_it_found(project: Project) -> None:
    project.put(1, 60)
    project.pass_through()
    settings = settings_of(project)

    def verified() -> tuple[float, float]:
        with (
            closing(connect(settings, "pophub_judge")) as judge,
            closing(connect(settings, "pophub_owner")) as owner,
        ):
            ask(judge, "verify", "", "An")
            assert take_up(owner, settings, "verify") is not None
        with pages(settings) as client:
            found, _ = scrape(client, settings)
        return of(found, "pophub_verified_age_seconds"), of(found, "pophub_verified_broken_places")

    change = "update ledger.history set exchanged_at = exchanged_at {} interval '1 second' where stem = %s"
    age, before = verified()
    assert 0 < age < 100
    project.servers.query(change.format("-"), project.stem)
    try:
        assert verified()[1] > before, "a row is not what was written"
    finally:
        project.servers.query(change.format("+"), project.stem)
    assert verified()[1] == before


def test_no_scrape_without_the_token_and_none_names_a_person(filled: Project) -> None:
    settings = settings_of(filled)
    with pages(settings) as client:
        _, text = scrape(client, settings)
        for headers in ({}, {"authorization": "Bearer x"}, {"authorization": "Basic YWRtaW46eA=="}):
            assert client.get("/metrics", headers=headers).status_code == 401
        found, _ = scrape(client, settings)
    assert of(found, "pophub_refused_requests_total", status="401") == 3
    assert (settings.home / "secrets" / SCRAPER).stat().st_mode & 0o777 == 0o600
    for person in range(1, 7):
        assert filled.number_of(person) not in text
    assert BAD_NAME.strip("\x07") not in text and "1990" not in text


@pytest.mark.parametrize(("away", "there"), [("postgres", "kafka"), ("kafka", "postgres")])
def test_of_a_server_that_is_away_there_is_that_and_no_figure(filled: Project, away: str, there: str) -> None:
    lost = {"postgres": {"postgres_port": 1}, "kafka": {"kafka_bootstrap": "127.0.0.1:1"}}
    settings = settings_of(filled, **lost[away])
    with pages(settings) as client:
        found, _ = scrape(client, settings)
    assert (of(found, "pophub_up", server=away), of(found, "pophub_up", server=there)) == (0, 1)
    for family in FAMILIES:
        if family.server == away:
            assert family.sample not in found, "what is not known is left out"
    if away == "kafka":
        assert {dict(at)["stage"] for at in found["pophub_behind"]} == {"share"}
