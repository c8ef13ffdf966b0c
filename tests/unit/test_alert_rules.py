"""The alert rules and the board of `deploy/` ask for what a scrape has, and each alert leads to what exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import promql_parser
import typer
import yaml
from fastapi.routing import APIRoute
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Match

from pophub.cli.program import app as program
from pophub.domain.codes import CODES
from pophub.live.alerts import page_of
from pophub.metrics.exposition import exposition
from pophub.metrics.families import FAMILIES
from pophub.settings import PROJECT, Endpoints, Settings
from pophub.web.app import create_pages

DEPLOY = PROJECT / "deploy"


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus/rules.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> list[str]:
    board = json.loads((DEPLOY / "grafana/pophub.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return [*asked, *(one["query"]["query"] for one in board["templating"]["list"] if isinstance(one["query"], dict)),
            *(rule["expr"] for rule in rules())]  # fmt: skip


def test_rules_and_board_ask_for_metrics_and_labels_that_exist() -> None:
    text = exposition([]).decode()
    assert {f.name for f in text_string_to_metric_families(text)} == {family.name for family in FAMILIES}
    scraped = set(re.findall(r"^# HELP (\w+) ", text, re.M))
    assert scraped == {family.sample for family in FAMILIES}
    asked = {name for one in expressions() for name in re.findall(r"\bpophub_\w+", one)}
    assert asked == scraped, "each is on the board or in a rule, and nothing else is"
    labels = {label for family in FAMILIES for label in family.labels}
    for one in expressions():
        if not one.startswith("label_values("):  # Grafana's own
            promql_parser.parse(one)
        used = set(re.findall(r"(\w+)\s*=~?\s*\"", one))
        used |= {
            name.strip()
            for group in re.findall(r"(?:by|ignoring) \(([^)]*)\)", one)
            for name in group.split(",")
        }
        assert used <= labels, one


def commands() -> set[str]:
    def below(command: Any, words: tuple[str, ...]) -> Iterator[str]:
        yield " ".join(words)
        for name, sub in getattr(command, "commands", {}).items():
            yield from below(sub, (*words, name))

    return set(below(typer.main.get_command(program), ("pophub",)))


def leads(routes: Iterable[Any], address: str) -> bool:
    """Tell whether an address within the pages is one of theirs."""
    scope = {"type": "http", "method": "GET", "path": urlsplit(address).path}
    return any(isinstance(one, APIRoute) and one.matches(scope)[0] is Match.FULL for one in routes)


def test_each_alert_of_the_hub_leads_to_a_page_that_exists(tmp_path: Path) -> None:
    routes = create_pages(Settings(home=tmp_path, project=PROJECT, endpoints=Endpoints())).routes
    subjects = (
        "source",
        "batch 1",
        "hold 1",
        "recipient tax",
        "recipient shared",
        "group tax.a",
        "quarantine",
        "slot",
    )
    found = {
        page_of(code, "a.b", subject) for code in CODES for subject in subjects if code.startswith("alert.")
    }
    assert [page for page in found if not leads(routes, page)] == []
    assert {"/datasets/a.b", "/subscriptions/tax/a.b", "/quarantine/versions?stem=a.b"} < found
    for told, pages in (("", "http://127.0.0.1:8081"), ("https://hub.example/", "https://hub.example")):
        assert Endpoints(pages_url=told).pages == pages


def test_each_alert_of_the_hub_stands_in_both_runbooks() -> None:
    raised = "".join((PROJECT / f"pophub/live/{name}.py").read_text() for name in ("conditions", "run"))
    codes = set(re.findall(r'"(alert\.\w+)"', raised))
    assert len(codes) >= 14
    for page in ("operate", "live"):
        assert [code for code in codes if f"`{code}`" not in (PROJECT / f"docs/{page}.md").read_text()] == []


def test_each_alert_leads_to_a_page_a_command_and_a_remedy_that_exist(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, project=PROJECT, endpoints=Endpoints())
    known, routes = commands(), create_pages(settings).routes
    assert len({rule["alert"] for rule in rules()}) == len(rules()) >= 15
    for rule in rules():
        told = rule["annotations"]
        told_labels = {label for text in told.values() for label in re.findall(r"\$labels\.(\w+)", text)}
        (metric, *_) = re.findall(r"\bpophub_\w+", rule["expr"])
        (family,) = [one for one in FAMILIES if one.sample == metric]
        assert told_labels <= set(family.labels), rule["alert"]
        base, _, path = told["page"].partition("}}")
        assert base == "{{ $externalLabels.pages "
        assert leads(routes, re.sub(r"\{\{[^}]*\}\}", "x", path)), path
        words = re.sub(r"\{\{[^}]*\}\}", "", told["command"]).split(" --")[0].split()
        assert any(" ".join(words[:n]) in known - {"pophub"} for n in (2, 3)), told["command"]
        name, _, anchor = told["remedy"].partition("#")
        page = (PROJECT / name).read_text()
        heads = {
            re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", page, re.M)
        }
        assert not anchor or anchor in heads, told["remedy"]


def test_the_scrape_of_deploy_is_one_of_loopback_by_a_file() -> None:
    told = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())
    (job,) = told["scrape_configs"]
    assert (
        job["static_configs"] == [{"targets": ["127.0.0.1:8081"]}]
        and "credentials_file" in job["authorization"]
    )
    assert told["rule_files"] == ["rules.yaml"] and told["global"]["external_labels"]["pages"].startswith(
        "http://127.0.0.1"
    )
