"""up, status, doctor, env."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass, field
from typing import Any

import typer

from pophub.commands.held_up import held_up
from pophub.commands.live import local_time, print_sources, sources
from pophub.commands.output import answer, print_json, print_object, print_table, talk
from pophub.domain.errors import ConfigError, PophubError, TransientError
from pophub.postgres import connect, transaction
from pophub.runtime import hub as servers
from pophub.runtime.lag import StageLag, stage_lags
from pophub.runtime.ports import external
from pophub.settings import Settings
from pophub.sources.left_out import in_words, left_out

TableRows = list[tuple[object, ...]]


def prepare(settings: Settings) -> None:
    """Prepare database and broker for the connectors at hand, and tell what is left out."""
    for error in prepared(settings):
        talk.print(f"left out: {error}", markup=False)


def prepared(settings: Settings) -> list[ConfigError]:
    """Prepare database and broker for the connectors at hand; give what is left out, and why."""
    from pophub.adapters import Adapters
    from pophub.contracts.load import load_all, load_subscriptions
    from pophub.impact import settle_all
    from pophub.prepare import prepare as set_up

    connectors, broken = load_all(settings.project)
    subscriptions, unsound = load_subscriptions(settings.project, connectors)
    refused = set_up(settings, connectors, subscriptions)
    return broken + unsound + refused + settle_all(Adapters(settings), connectors)


def step(name: str, seconds: float) -> None:
    """Tell that a step is done, with its seconds."""
    talk.print(f"  {name:<34} {seconds:6.1f} s", markup=False)


def forget(settings: Settings) -> None:
    """Stop everything that was started from this home, and delete its data; addresses and secrets stay."""
    servers.stop(settings)
    servers.erase(settings)
    shutil.rmtree(settings.home / "agencies", ignore_errors=True)


def up(fresh: bool) -> None:
    """Start everything and say where it is; `fresh` forgets all data first."""
    settings = Settings.load()
    if fresh:
        forget(settings)
    settings = servers.start(settings, report=step, prepare=prepare)
    for name in sorted(settings.made_secrets):
        if not settings.has_secret(name):
            talk.print(f"secret.lost: {name} was in use and is not here; see `pophub doctor`", markup=False)
    found = settings.endpoints
    talk.print(
        f"Airflow {found.airflow_url}, pages {found.web_url}, registry {found.registry_url}", markup=False
    )
    talk.print("next: `pophub demo`, `pophub status`, `pophub down`", markup=False)


@dataclass
class _Standing:
    """What files, PostgreSQL and the broker tell of the work; `unknown` is why some of it is missing."""

    left_out: dict[str, list[str]]
    lanes: TableRows = field(default_factory=list)
    holds: TableRows = field(default_factory=list)
    alive: list[dict[str, Any]] = field(default_factory=list)
    stuck: list[dict[str, Any]] = field(default_factory=list)
    stages: list[StageLag] = field(default_factory=list)
    unknown: PophubError | None = None


def status(as_json: bool) -> None:
    """Show servers, then sources, lanes and what is held up where PostgreSQL answers.

    Errors: exit code 3 where a server runs and the database or the broker does not answer; what is known
    without it is shown all the same.
    """
    settings = Settings.load()
    states = servers.state(settings)
    running = {s.name for s in states if s.running}
    found = _standing(settings, running)
    if as_json:
        print_json({
            "servers": [dict(name=s.name, running=s.running, state=s.phase, pid=s.pid, since=s.since, uptime_s=s.uptime_s, restarts=s.restarts, address=s.address, memory_bytes=s.memory_bytes) for s in states],
            "lanes": [dict(zip(("stem", "lane", "sequence", "shared", "behind"), row, strict=True)) for row in found.lanes],
            "stages": [one.as_json() for one in found.stages],
            "sources": found.alive,
            "held_up": found.stuck,
            "left_out": found.left_out,
            "holds": [dict(zip(("stem", "code", "what", "since"), row, strict=True)) for row in found.holds],
            "unknown": found.unknown and {"code": found.unknown.code, "what": found.unknown.what, "next": found.unknown.remedy},
        })  # fmt: skip
    else:
        _print_servers(states)
        _print_standing(found)
    if found.unknown is not None and running:
        raise typer.Exit(found.unknown.exit_code)


def _print_servers(states: list[servers.ServerState]) -> None:
    print_table("Servers", ("server", "state", "up for", "restarts", "pid", "address", "MB"), [
        (s.name, s.phase, _duration(s.uptime_s), s.restarts, str(s.pid or ""), s.address, (s.memory_bytes or 0) >> 20)
        for s in states])  # fmt: skip


def _duration(seconds: int | None) -> str:
    """Write a time span by its two largest units.

    >>> _duration(59), _duration(3_720), _duration(90_000)
    ('59 s', '1 h 2 min', '1 d 1 h')
    """
    if seconds is None:
        return ""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _print_standing(found: _Standing) -> None:
    if found.alive:
        print_sources(found.alive)
    if found.lanes:
        print_table("Lanes", ("dataset", "lane", "accepted", "shared", "behind"), found.lanes)
    if found.stages:
        print_table("Stages", ("dataset", "stage", "lane", "behind", "oldest, s", "worker"), [
            (s.stem, f"{s.stage} to {s.recipient}" if s.recipient else s.stage, "" if s.lane is None else s.lane,
             _amount(s.behind, "blocks" if s.stage == "judge" else "versions"), s.oldest_s, s.worker)
            for s in found.stages if s.behind or s.worker
        ], empty="none is behind, none streams")  # fmt: skip
    if found.left_out:
        print_table("Files", ("dataset", "what nothing reads"), [
            (stem, in_words(names)) for stem, names in found.left_out.items()
        ])  # fmt: skip
    if found.stuck:
        print_table("Held up", ("dataset", "what", "since", "next"),
                    [(row["stem"], row["what"], local_time(row["since"]), row["next"]) for row in found.stuck])  # fmt: skip
    if found.unknown is not None:
        answer.print(f"not known: {found.unknown.what} ({found.unknown.code})", markup=False)
        answer.print(f"  next:  {found.unknown.remedy}", markup=False)


def _standing(settings: Settings, running: set[str]) -> _Standing:
    """Ask PostgreSQL and the broker, each as far as it answers."""
    found = _Standing(_left_out(settings))
    if "postgres" not in running:
        found.unknown = _silent(settings, "postgres", "how far sources, lanes and stages are", running)
        return found
    try:
        found.lanes, found.holds = _lanes(settings)
        found.alive, found.stuck = sources(settings), held_up(settings, _off(settings, running))
        found.stages = _stages(settings, broker="kafka" in running)
    except TransientError:
        found.unknown = _silent(settings, "postgres", "how far sources, lanes and stages are", running)
        return found
    if any(one.stage == "judge" and one.behind is None for one in found.stages):
        found.unknown = _silent(settings, "kafka", "how far judge is behind", running)
    return found


def _silent(settings: Settings, server: str, missing: str, running: set[str]) -> PophubError:
    """Say what is not known since a server is silent, what starts it again, and where its log is."""
    log = settings.home / "logs" / f"{server}.log"
    if external(server):
        how, mend = "does not answer", "it is not ours: look on the machine where it runs"
    elif server in running:
        mend = f"if that does not go by, read the end of {log}, then `pophub down` and `pophub up`"
        how = "runs and does not answer"
    else:
        how, mend = "is stopped", f"`pophub up` starts it; the end of {log} says why it ended"
    return TransientError(f"{server}.unreachable", f"{missing}: {server} {how}", remedy=mend)


def _left_out(settings: Settings) -> dict[str, list[str]]:
    from pophub.contracts.load import load_all

    return left_out(settings, load_all(settings.project)[0])


def _off(settings: Settings, running: set[str]) -> dict[str, str]:
    """Give whose DAG is switched off in an Airflow that runs."""
    from pophub.commands.switches import switched_off
    from pophub.contracts.load import load_all

    if "airflow-api-server" not in running:
        return {}
    return switched_off(settings, {c.stem for c in load_all(settings.project)[0]})


def _stages(settings: Settings, *, broker: bool) -> list[StageLag]:
    from pophub.contracts.load import load_all, load_subscriptions

    connectors, _ = load_all(settings.project)
    subscriptions = load_subscriptions(settings.project, connectors)[0]
    return stage_lags(settings, connectors, subscriptions, broker=broker)


def _amount(behind: int | None, of: str) -> str:
    return "" if behind is None else f"{behind:,} {of}"


def _lanes(settings: Settings) -> tuple[TableRows, TableRows]:
    connection = connect(settings, "pophub_read")
    try:
        with transaction(connection, "status") as cursor:
            cursor.execute(
                "select j.stem, j.lane, j.sequence, coalesce(min(l.sequence), 0), j.sequence - coalesce(min(l.sequence), 0) "
                "from judge.lane j left join ledger.lane l on (l.stem, l.lane) = (j.stem, j.lane) and not exists ("
                "select from hub.access a where (a.recipient, a.stem) = (l.recipient, l.stem) and a.ended_at is not null) "
                "group by 1, 2 order by 1, 2"
            )
            lanes = cursor.fetchall()
            cursor.execute(
                "select stem, code, what, since from extract.hold where released_at is null order by since"
            )
            return lanes, cursor.fetchall()
    finally:
        connection.close()


def doctor(as_json: bool) -> None:
    """Print findings; exit 1 when one of them is a failure."""
    findings = servers.diagnose(Settings.load())
    if as_json:
        print_json({"findings": [vars(f) for f in findings]})
    else:
        for f in findings:
            mend = f"\n      next: {f.remedy}" if f.level != "ok" and f.remedy else ""
            answer.print(f"{f.level:<5} {f.subject}: {f.what}{mend}", markup=False)
    if any(f.level == "fail" for f in findings):
        raise typer.Exit(1)


def env(as_json: bool) -> None:
    """Print the exports."""
    variables = servers.environment(Settings.load())
    if as_json:
        print_object(variables)  # to be exported as they are: no version among them
        return
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
