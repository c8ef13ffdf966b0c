"""`pophub demo` keeps what its report says: counted again by psql and by Kafka's own console consumer.

The demo runs on a copy of the declarations, so that a test can add a ministry's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import kafka
import pages_kit
import psutil
import pytest

from pophub.commands.airflow_runs import Airflow
from pophub.settings import Settings
from tests.documented import data_model
from tests.integration.page_blocks import blocks

PROJECT = Path(__file__).resolve().parents[2]
POPHUB = str(Path(sys.executable).with_name("pophub"))
SCALE = "0.3"
AGENCIES = {
    "mps.citizens", "moj.civil_status", "mof.einvoices", "moit.ecommerce_sales", "thanhhoa.procedures",
}  # fmt: skip
"""Read after each year and today; a declared dataset is read once."""
DECLARED = ("connectors", "schemas", "expectations", "codes", "subscriptions", "bases", "figures", "dags")
DEADLINE_S = 900


class Demo(NamedTuple):
    """A demo that stays up: its home, report and the variables of `pophub env`."""

    home: Path
    report: dict[str, Any]
    variables: dict[str, str]
    process: subprocess.Popen[str]


def environment(home: Path) -> dict[str, str]:
    own = {"POPHUB_HOME": str(home), "POPHUB_PROJECT": str(project_of(home))}
    return {k: v for k, v in os.environ.items() if not k.startswith("POPHUB_")} | own


def project_of(home: Path) -> Path:
    """Give the folder of declarations that belongs to a home."""
    return home.with_name("project")


def start(home: Path, *arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start a demo and read the one JSON document that it prints."""
    process = subprocess.Popen(
        [POPHUB, "demo", "--json", *arguments],
        env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    return process, read_report(process)


def read_report(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            return json.loads(text)  # type: ignore[no-any-return]
    assert process.stderr is not None
    pytest.fail(f"the demo printed no report:\n{text}\n{process.stderr.read()[-3000:]}")


def alive(home: Path) -> list[str]:
    """Name the processes that belong to a home."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        try:
            if (
                process.environ().get("POPHUB_SUPERVISED") == str(home)
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(" ".join(process.info["cmdline"] or [])[:80])
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    home = tmp_path_factory.mktemp("demo") / "home"
    for name in DECLARED:
        shutil.copytree(PROJECT / name, project_of(home) / name)
    process, report = start(home, "--seed", "7", "--scale", SCALE)
    exports = subprocess.run(
        [POPHUB, "env", "--json"], env=environment(home), capture_output=True, text=True, check=True
    )
    try:
        yield Demo(home, report, os.environ | json.loads(exports.stdout), process)
    finally:
        try:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=120)
        finally:  # nothing is left behind, whatever went wrong
            process.kill()
            subprocess.run([POPHUB, "down"], env=environment(home), capture_output=True, check=False)


@pytest.fixture(scope="module")
def psql(demo: Demo) -> Callable[[str], list[list[str]]]:
    def ask(statement: str) -> list[list[str]]:
        done = subprocess.run(
            ["psql", "-X", "-A", "-t", "-F", "|", "-c", statement], env=demo.variables, capture_output=True, text=True, check=True
        )  # fmt: skip
        return [line.split("|") for line in done.stdout.splitlines() if line]

    return ask


def consumed(demo: Demo, topic: str, idle_ms: int = 5_000) -> list[str]:
    """Read a topic with Kafka's own console consumer: the key of each committed record.

    It ends when nothing came for `idle_ms`: where a busy machine was slower, less was read.
    """
    done = subprocess.run(
        [demo.variables["JAVA"], "-cp", demo.variables["KAFKA_CLASSPATH"], "org.apache.kafka.tools.consumer.ConsoleConsumer",
         "--bootstrap-server", demo.variables["KAFKA_BOOTSTRAP_SERVERS"], "--command-config", demo.variables["KAFKA_CLIENT_CONFIG"],
         "--topic", topic, "--from-beginning", "--isolation-level", "read_committed", "--timeout-ms", str(idle_ms),
         "--formatter-property", "print.key=true", "--formatter-property", "print.value=false"],
        env=demo.variables, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.stdout.splitlines()


def logged(demo: Demo, stem: str) -> int:
    """Count the accepted versions on the hub's own log as docs/data-model.md tells it to outsiders."""
    read, topic = data_model("outsider"), f"shared.{stem}"
    login = {
        "bootstrap_servers": demo.variables["KAFKA_BOOTSTRAP_SERVERS"].split(","),
        "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "admin",
        "sasl_plain_password": (demo.home / "secrets/kafka.admin").read_text().strip(),
    }  # fmt: skip
    with closing(kafka.KafkaConsumer(**login)) as consumer:
        lanes = consumer.partitions_for_topic(topic)
    return sum(block["rows"] for lane in lanes for block in read["blocks"](lane, topic, **login))


def test_every_connector_adds_up_and_every_run_succeeded(demo: Demo) -> None:
    stems = {f"{path.parent.name}.{path.stem}" for path in (PROJECT / "connectors").glob("*/*.yaml")}
    assert {c["stem"] for c in demo.report["connectors"]} == stems
    for c in demo.report["connectors"]:
        assert (
            c["read"] == c["shared"] + sum(c["quarantined"].values()) + c["duplicate"] + c["superseded"] > 0
        )
    assert len(demo.report["airflow"]) >= 15 + len(stems - AGENCIES) and stems > AGENCIES
    assert {run["state"] for run in demo.report["airflow"]} == {"success"}


def test_no_defect_is_missed_and_nothing_sound_is_rejected(demo: Demo) -> None:
    detection = demo.report["detection"]
    assert detection["injected"] == detection["found"] > 0
    assert detection["missed"] == 0
    assert detection["false_rejections"] == 0
    assert detection["waiting"] > 0


def test_the_figures_of_the_reports_are_found(demo: Demo) -> None:
    figures = demo.report["figures"]
    assert {one["figure"] for one in figures} == {
        "catalogue", "databases", "digitised", "ecommerce", "fee_resolutions", "fees", "security", "services", "sharing",
        "simplification", "task_growth", "tasks",
    }  # fmt: skip
    assert [one for one in figures if not one["equal"]] == []


def figure(demo: Demo, name: str) -> list[dict[str, Any]]:
    """Ask for a figure as of now, as a program would."""
    told = subprocess.run(
        [POPHUB, "figures", name, "--json"], env=environment(demo.home), check=True, capture_output=True
    )
    rows: list[dict[str, Any]] = json.loads(told.stdout)["rows"]
    return rows


def test_the_circle_of_electronic_commerce_is_closed(demo: Demo) -> None:
    """Turnover goes to the Ministry of Finance, which shares back what it finds beside its invoices."""
    (found,) = (c for c in demo.report["connectors"] if c["stem"] == "mof.ecommerce_findings")
    assert found["read"] == found["shared"] > 0
    declared = {row["place"]: row for row in figure(demo, "tax_loss")}
    turnover = {row["place"]: row["turnover"] for row in figure(demo, "ecommerce")}
    for year in ("2023", "2024"):
        assert 0 < declared[year]["declared"] <= turnover[year]  # who has no tax code is not found
        assert 0 < declared[year]["candidates"] <= declared[year]["sellers"]
    assert all(0 < row["without_invoice"] < row["active"] for row in figure(demo, "no_invoice")[-2:])


def test_growth_of_the_ledger_is_57_percent(demo: Demo) -> None:
    first, second = demo.report["growth"]
    assert (first["period"], first["percent"], second["period"]) == ("2023", None, "2024")
    assert second["transactions"] == int(1.57 * first["transactions"] + 0.5)
    assert second["percent"] == 57.0


def test_psql_counts_the_same_states(demo: Demo, psql: Callable[[str], list[list[str]]]) -> None:
    counted = {
        (stem, state, gate): int(count)
        for stem, state, gate, count in psql(
            "select stem, state, coalesce(gate, ''), count(*) from hub.record_state group by 1, 2, 3"
        )
    }
    told = {}
    for c in demo.report["connectors"]:
        told |= {(c["stem"], s, ""): c[s] for s in ("shared", "duplicate", "superseded")}
        told |= {(c["stem"], "quarantined", gate): count for gate, count in c["quarantined"].items()}
    assert {place: count for place, count in told.items() if count} == counted


def test_the_consumer_reads_what_ledger_and_report_count(
    demo: Demo, psql: Callable[[str], list[list[str]]]
) -> None:
    counted = {
        (n, s): int(c)
        for n, s, c in psql("select recipient, stem, count(*) from hub.share_transaction group by 1, 2")
    }
    told = {(r["name"], r["stem"]): r["transactions"] for r in demo.report["recipients"]}
    assert told == counted
    assert {name for name, _ in told} == {"population", "portal", "gdt", "laocai"}
    for (name, stem), transactions in told.items():
        if name == "population":
            assert logged(demo, stem) == transactions, stem
            continue
        topic = f"sub.{name}.{stem}"
        read = len(consumed(demo, topic))
        if read < transactions:
            read = len(consumed(demo, topic, 30_000))
        assert read == transactions, topic


def test_each_agency_is_told_all_of_its_rejections(
    demo: Demo, psql: Callable[[str], list[list[str]]]
) -> None:
    done = subprocess.run(
        [POPHUB, "quarantine", "feedback", "--json"], env=environment(demo.home), capture_output=True, text=True, check=True
    )  # fmt: skip
    rejected = dict(psql("select split_part(stem, '.', 1), count(*) from quarantine.version group by 1"))
    assert set(rejected) <= set(json.loads(done.stdout)["messages"])
    for agency, count in rejected.items():
        assert len(consumed(demo, f"feedback.{agency}")) == int(count), agency


def test_each_key_that_a_subscriber_reads_is_a_head_or_was_one(
    demo: Demo, psql: Callable[[str], list[list[str]]]
) -> None:
    keys = {row[0] for row in psql("select key from ledger.history where stem = 'mps.citizens'")}
    assert set(consumed(demo, "sub.portal.mps.citizens")) == keys


def test_the_ledger_verifies(demo: Demo) -> None:
    done = subprocess.run(
        [POPHUB, "ledger", "verify", "--json"],
        env=environment(demo.home),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert found["rows"] == sum(r["transactions"] for r in demo.report["recipients"])


def test_nothing_in_the_home_can_be_read_by_another_user_of_the_machine(demo: Demo) -> None:
    """Logs of tasks, files of agencies, stores: also where the home itself lets others pass."""
    closed = ("-type", "d", "!", "-perm", "/001", "-prune")
    seen = ("!", "-type", "l", "-perm", "/006", "-print")
    walk = ["find", str(demo.home), "-mindepth", "1", *closed, "-o", *seen]
    assert subprocess.run(walk, capture_output=True, text=True, check=True).stdout == ""


def test_a_dag_that_is_switched_off_is_told_by_status_and_no_simulated_agency_begins_by_itself(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [POPHUB, *arguments, "--json"],
            env=environment(demo.home),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    for name, value in environment(demo.home).items():
        monkeypatch.setenv(name, value)
    with Airflow(Settings.load()) as airflow:
        dag = "/api/v2/dags/mof.einvoices"
        airflow._call("PATCH", dag, json={"is_paused": True})
        try:
            (row,) = [r for r in asked("status")["held_up"] if "its DAG is" in r["what"]]
            assert row["stem"] == "mof.einvoices"
            assert re.search(r"switched off in Airflow since 20[0-9-]{8} [0-9:]{8}\+07:00", row["what"])
            assert not airflow.never_ran("mof.einvoices")
        finally:
            airflow._call("PATCH", dag, json={"is_paused": False})
        assert not [r for r in asked("status")["held_up"] if "its DAG is" in r["what"]]
        runs = airflow.runs([c["stem"] for c in demo.report["connectors"]])
    assert not [r for r in runs if r["run_id"].startswith("first-")], "simulated agencies begin with the demo"


def declare_schools(demo: Demo) -> str:
    """Add the ministry of docs/add-a-connector.md, with its source, as the page says; give the dataset."""
    project = project_of(demo.home)
    for block in blocks("add-a-connector"):
        if block.path and block.path.split("/")[0] in DECLARED:
            path = project / block.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif "create table truong" in block.text:
            source = block.text.replace("/tmp/", f"{project}/")
            subprocess.run(["bash", "-ec", source], check=True)
    with (demo.home / "sources.env").open("a") as addresses:
        addresses.write(f"POPHUB_SOURCE_MOET_URL=sqlite:///{project}/moet-schools.sqlite\n")
    up = subprocess.run(
        [POPHUB, "up"], env=environment(demo.home), capture_output=True, text=True, check=False
    )
    assert up.returncode == 0, up.stdout + up.stderr
    return "moet.schools"


def look(airflow: Airflow, name: str) -> None:
    """Let the DAG that watches look once more now, between its looks every five minutes."""
    airflow.trigger("pophub_live", name)
    states: list[str] = []
    airflow.wait([("pophub_live", name)], lambda _, state: states.append(state), 300)
    assert states == ["success"]


def test_a_new_connector_has_a_run_soon_after_it_is_first_seen_and_one_only(
    demo: Demo, psql: Callable[[str], list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stem = declare_schools(demo)
    for name, value in environment(demo.home).items():
        monkeypatch.setenv(name, value)
    with Airflow(Settings.load()) as airflow:
        airflow.wait_for_dags([stem])
        own, watch = (airflow._call("GET", f"/api/v2/dags/{dag}") for dag in (stem, "pophub_live"))
        soon = datetime.now(UTC) + timedelta(minutes=5)
        assert datetime.fromisoformat(watch["next_dagrun_run_after"]) <= soon and not watch["is_paused"]
        assert datetime.fromisoformat(own["next_dagrun_run_after"]) > datetime.now(UTC), "by itself: midnight"
        look(airflow, "test-1")
        (run,) = airflow.runs([stem])
        assert run["run_id"].startswith("first-")
        airflow.wait([(stem, run["run_id"])], lambda _, state: None, 300)
        look(airflow, "test-2")
        assert airflow.runs([stem]) == [run | {"state": "success"}]
    states = dict(psql(f"select state, count(*) from hub.record_state where stem = '{stem}' group by 1"))
    assert states == {"quarantined": "6", "shared": "2"}


def test_pages_and_registry_are_apart_and_know_who_asks(demo: Demo) -> None:
    pages, registry = (demo.report["urls"][name] for name in ("pages", "registry"))
    secrets = demo.home / "secrets"
    operator = ("admin", (secrets / "airflow.admin").read_text().strip())
    portal = ("subscriber-portal", (secrets / "kafka.subscriber-portal").read_text().strip())
    assert demo.variables["SCHEMA_REGISTRY_URL"] == registry and registry.split(":")[2] != pages.split(":")[2]
    for url, login, status in (
        (pages, None, 401), (pages, portal, 401), (pages, operator, 401), (f"{pages}/subjects", operator, 404),
        (f"{registry}/subjects", None, 401), (f"{registry}/datasets/mps.citizens", operator, 404),
    ):  # fmt: skip
        assert httpx.get(url, auth=login).status_code == status, (url, login and login[0])
    assert httpx.get(f"{registry}/subjects", auth=portal).json() == [
        "sub.portal.laocai.parties-value", "sub.portal.mps.citizens-value",
    ]  # fmt: skip
    for login, known in ((operator, True), (portal, False)):
        with httpx.Client(base_url=pages) as client:
            assert pages_kit.signed_in(client, *login) is known
            assert client.get("/quarantine").status_code == (200 if known else 401)


def test_inside_airflow_its_session_stands_before_the_pages(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(demo.home).items():
        monkeypatch.setenv(name, value)
    with Airflow(Settings.load()) as airflow:
        inside, headers = demo.report["urls"]["airflow"] + "/pophub", dict(airflow._client.headers)
    assert httpx.get(f"{inside}/").status_code == 401
    page = httpx.get(f"{inside}/?lang=en", headers=headers)
    assert page.status_code == 200 and "airflow user" in page.text and "(operator)" in page.text
    assert httpx.get(f"{inside}/static/pophub.css").status_code == 200
    for path in ("/sign-in", "/health"):
        assert httpx.get(inside + path, headers=headers).status_code == 404
    form = {"act": "acknowledged", "stem": "mps.citizens", "code": "waits"}
    for token, status in (("", 403), (pages_kit.form_of(page.text, "/pophub/steps")["token"], 303)):
        answer = httpx.post(f"{inside}/steps", data=form | {"token": token}, headers=headers)
        assert answer.status_code == status


def test_a_second_demo_goes_on_with_the_same_data_and_another_seed_is_refused(demo: Demo) -> None:
    """Runs last: it ends the first demo, and then everything."""
    demo.process.send_signal(signal.SIGINT)
    demo.process.communicate(timeout=120)
    assert demo.process.returncode == 0
    assert alive(demo.home) == []
    refused = subprocess.run(
        [POPHUB, "demo", "--once", "--seed", "8"], env=environment(demo.home), capture_output=True, text=True, check=False
    )  # fmt: skip
    assert refused.returncode == 2
    assert "simulation.other_seed" in refused.stderr
    assert "--fresh" in refused.stderr
    process, report = start(demo.home, "--once")
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert alive(demo.home) == []
    after = {c["stem"]: c["read"] for c in report["connectors"]}
    assert all(after[c["stem"]] >= c["read"] for c in demo.report["connectors"])
    assert len(report["airflow"]) >= len(demo.report["airflow"]) + 5
    assert report["growth"] == demo.report["growth"]
    assert report["detection"]["missed"] == report["detection"]["false_rejections"] == 0
