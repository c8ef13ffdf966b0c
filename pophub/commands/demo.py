"""demo and simulate: the whole hub at work on the simulated agencies."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psutil

from pophub.commands.airflow_runs import Airflow
from pophub.commands.output import print_json, talk
from pophub.commands.report import figures, print_report
from pophub.commands.servers import forget, prepare
from pophub.domain.errors import ConfigError, PromiseBroken
from pophub.postgres import connect, transaction
from pophub.runtime import hub as servers
from pophub.settings import Settings

if TYPE_CHECKING:
    from pophub.simulation.apply import Applied
    from pophub.simulation.plan import Plan

STEPS = ("2023", "2024", "today")
RUN_S = 1800


class Talk:
    """Says on standard error what is done, each step with its seconds."""

    def __init__(self) -> None:
        self.begun = float(os.environ.get("POPHUB_STARTED") or psutil.Process().create_time())

    def __call__(self, what: str, seconds: float | None = None) -> None:
        clock = f"{time.time() - self.begun:7.1f} s"
        spent = "" if seconds is None else f"  ({seconds:.1f} s)"
        talk.print(f"{clock}  {what}{spent}", markup=False)


def simulate(step: str, seed: int, scale: float) -> None:
    """Write one step of the simulated agencies' history."""
    from pophub.simulation.apply import apply
    from pophub.simulation.plan import plan

    if step not in STEPS:
        raise ConfigError(
            "cli.choice", f"--step takes {', '.join(STEPS)}, not {step}", remedy="pophub simulate --help"
        )
    settings = Settings.load()
    applied = apply(settings, plan(seed, scale), step)  # type: ignore[arg-type]
    servers.serve_agencies(settings)
    talk.print(
        f"{applied.rows} rows written" if applied.changed else "unchanged: this step was written before"
    )


def demo(*, once: bool, fresh: bool, seed: int | None, scale: float | None, as_json: bool) -> None:
    """Start, simulate, run, report; then stay until Ctrl-C, or end at once."""
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    tell = Talk()
    settings = Settings.load()
    if fresh:
        forget(settings)
    try:
        with ThreadPoolExecutor(1) as pool:
            written: list[Future[Plan]] = []

            def ready(found: Settings) -> None:
                """Prepare the hub; let the agencies live through their first year while Airflow starts."""
                prepare(found)
                written.append(pool.submit(_first_year, found, seed, scale, tell))

            settings = servers.start(
                settings, report=lambda name, s: tell(f"started: {name}", s), prepare=ready
            )
            history = written[0].result() if written else _first_year(settings, seed, scale, tell)
        report, login = _run(settings, history, tell)
        if once:
            del report["urls"]  # of servers that are stopped by the time that someone reads this
        if as_json:
            print_json(report)
        else:
            print_report(report, login)
        _judge_report(report)
        if not once:
            tell("the hub stays up; press Ctrl-C to stop everything")
            signal.pause()
    except KeyboardInterrupt:
        tell("interrupted: stopping everything")
        if not once:
            return
        raise
    finally:
        servers.stop(Settings.load())
        tell("stopped")


def _first_year(settings: Settings, seed: int | None, scale: float | None, tell: Talk) -> Plan:
    """Plan the agencies' whole history and write its first step."""
    from pophub.simulation.plan import plan

    known_seed, known_scale = _data_at_hand(settings)
    begun = time.monotonic()
    history = plan(known_seed if seed is None else seed, known_scale if scale is None else scale)
    tell(
        f"planned the agencies' history, seed {history.seed}, scale {history.scale:g}",
        time.monotonic() - begun,
    )
    _write(settings, history, STEPS[0], tell)
    return history


def _write(settings: Settings, history: Plan, step: str, tell: Talk) -> Applied:
    from pophub.simulation.apply import apply

    begun = time.monotonic()
    applied = apply(settings, history, step)  # type: ignore[arg-type]
    servers.serve_agencies(settings)
    if applied.changed:
        tell(f"simulated {step}: {applied.rows:,} rows at the agencies", time.monotonic() - begun)
    return applied


def _run(settings: Settings, history: Plan, tell: Talk) -> tuple[dict[str, Any], str]:
    """Let history pass: each step is written at the agencies, then every connector's DAG runs."""
    from pophub.contracts.load import load_all
    from pophub.contracts.referred import in_turn

    connectors, broken = load_all(settings.project)
    for error in broken:
        tell(f"left out: {error}")
    turns = in_turn(connectors)  # they need what others tell
    stems = [stem for turn in turns for stem in turn]
    unwritten = {c.stem for c in connectors} - history.stems()  # a reader's own: read at the end
    with Airflow(settings) as airflow:
        airflow.wait_for_dags(stems)
        for step in STEPS:
            applied = _write(settings, history, step, tell)
            name = f"demo-{step}" if step != "today" else f"demo-today-{applied.round}"
            due = history.stems(step) | (unwritten if step == STEPS[-1] else set())  # type: ignore[arg-type]
            if step == STEPS[-1]:
                _find(settings, tell)
            for turn in turns:
                _run_dags(airflow, [stem for stem in turn if stem in due], name, tell)
        report = figures(settings)
        report["airflow"] = airflow.runs(stems)
        mine = [
            (r["dag_id"], r["run_id"]) for r in report["airflow"] if r["run_id"] == "demo-2024"
        ]  # the largest
        report["worker_memory_mb"] = airflow.peak_memory_mb(mine, ("extract", "judge", "share"))
    states = servers.state(settings)
    report["seconds"] = round(time.time() - tell.begun, 1)
    report["memory_mb"] = sum(s.memory_bytes for s in states) >> 20
    urls = {"airflow": settings.endpoints.airflow_url, "pages": settings.endpoints.web_url,
            "registry": settings.endpoints.registry_url}  # fmt: skip
    report["urls"] = urls
    password = servers.environment(settings)["AIRFLOW_PASSWORD_FILE"]
    return report, f"{airflow.user}, password in {password}"


def _find(settings: Settings, tell: Talk) -> None:
    """Let the Ministry of Finance join the turnover that it received by now with its invoices."""
    from pophub.simulation.circle import close_circle

    begun = time.monotonic()
    found = close_circle(settings)
    tell(f"the Ministry of Finance found {found:,} differences", time.monotonic() - begun)


def _data_at_hand(settings: Settings) -> tuple[int, float]:
    """Give seed and scale of the data that an earlier demo left; 1 and 1 where there is none."""
    with (
        closing(connect(settings, "pophub_read")) as connection,
        transaction(connection, "settings") as cursor,
    ):
        cursor.execute("select name, value from extract.setting where name like 'simulation.%'")
        known = dict(cursor.fetchall())
    return int(known.get("simulation.seed", 1)), float(known.get("simulation.scale", 1.0))


def _run_dags(airflow: Airflow, stems: list[str], run: str, tell: Talk) -> None:
    begun = time.monotonic()
    runs = [(stem, run) for stem in stems if airflow.state(stem, run) != "success"]
    for stem, name in runs:
        airflow.trigger(stem, name)
    airflow.wait(runs, lambda dag, state: tell(f"{run}: {dag} {state}", time.monotonic() - begun), RUN_S)


def _judge_report(report: dict[str, Any]) -> None:
    """Stop with exit code 1 where the report shows a broken promise."""
    wrong = []
    if bad := [r["dag_id"] for r in report["airflow"] if r["state"] != "success"]:
        wrong.append(f"DAG runs that did not succeed: {', '.join(sorted(set(bad)))}")
    if report["detection"]["missed"] or report["detection"]["false_rejections"]:
        wrong.append("the gates missed defects, or rejected sound records")
    for c in report["connectors"]:
        rest = c["shared"] + sum(c["quarantined"].values()) + c["duplicate"] + c["superseded"]
        if c["read"] != rest:
            wrong.append(f"{c['stem']} does not add up")
    if other := [
        f"{one['figure']} {one['row']} {one['column']}" for one in report["figures"] if not one["equal"]
    ]:
        wrong.append(f"figures are not those of the reports: {', '.join(other)}")
    if wrong:
        raise PromiseBroken(
            "demo.promise",
            "; ".join(wrong),
            remedy="look at the runs on Airflow's page and at `pophub status`",
        )
