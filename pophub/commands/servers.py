"""up, status, doctor, env."""

from __future__ import annotations

import shlex

import typer

from pophub.commands.held_up import held_up
from pophub.commands.live import local_time, print_sources, sources
from pophub.commands.output import answer, print_json, print_table, talk
from pophub.domain.errors import ConfigError
from pophub.postgres import connect, transaction
from pophub.runtime import hub as servers
from pophub.runtime.lag import StageLag, stage_lags
from pophub.settings import Settings
from pophub.sources.left_out import in_words, left_out


def prepare(settings: Settings) -> None:
    """Prepare database and broker for the connectors at hand, and tell what is left out."""
    for error in prepared(settings):
        talk.print(f"left out: {error}", markup=False)


def prepared(settings: Settings) -> list[ConfigError]:
    """Prepare database and broker for the connectors at hand; give what is left out, and why."""
    from pophub.contracts.load import load_all, load_subscriptions
    from pophub.prepare import prepare as set_up

    connectors, broken = load_all(settings.project)
    subscriptions, unsound = load_subscriptions(settings.project, connectors)
    return broken + unsound + set_up(settings, connectors, subscriptions)


def step(name: str, seconds: float) -> None:
    """Tell that a step is done, with its seconds."""
    talk.print(f"  {name:<34} {seconds:6.1f} s", markup=False)


def up() -> None:
    """Start everything and say where it is."""
    settings = servers.start(Settings.load(), report=step, prepare=prepare)
    for name in sorted(settings.made_secrets):
        if not settings.has_secret(name):
            talk.print(f"secret.lost: {name} was in use and is not here; see `pophub doctor`", markup=False)
    talk.print(f"Airflow {settings.endpoints.airflow_url}, pages {settings.endpoints.web_url}", markup=False)
    talk.print("next: `pophub demo`, `pophub status`, `pophub down`", markup=False)


def status(as_json: bool) -> None:
    """Show servers, then sources, lanes and what is held up where PostgreSQL answers."""
    settings = Settings.load()
    states = servers.state(settings)
    running = {s.name for s in states if s.running}
    lanes, holds = _lanes(settings) if "postgres" in running else ([], [])
    alive = sources(settings) if "postgres" in running else []
    stuck = held_up(settings) if "postgres" in running else []
    unread = _left_out(settings)
    stages = _stages(settings, broker="kafka" in running) if "postgres" in running else []
    if as_json:
        print_json({
            "servers": [dict(name=s.name, running=s.running, pid=s.pid, since=s.since, address=s.address, memory_bytes=s.memory_bytes) for s in states],
            "lanes": [dict(zip(("stem", "lane", "sequence", "shared", "behind"), row, strict=True)) for row in lanes],
            "stages": [one.as_json() for one in stages],
            "sources": alive,
            "held_up": stuck,
            "left_out": unread,
            "holds": [dict(zip(("stem", "code", "what", "since"), row, strict=True)) for row in holds],
        })  # fmt: skip
        return
    print_table("Servers", ("server", "state", "pid", "address", "MB"), [
        (s.name, "running" if s.running else "stopped", str(s.pid or ""), s.address, (s.memory_bytes or 0) >> 20) for s in states])  # fmt: skip
    if alive:
        print_sources(alive)
    if lanes:
        print_table("Lanes", ("dataset", "lane", "accepted", "shared", "behind"), lanes)
    if stages:
        print_table("Stages", ("dataset", "stage", "lane", "behind", "oldest, s", "worker"), [
            (s.stem, f"{s.stage} to {s.recipient}" if s.recipient else s.stage, "" if s.lane is None else s.lane,
             _amount(s.behind, "blocks" if s.stage == "judge" else "versions"), s.oldest_s, s.worker)
            for s in stages if s.behind or s.worker
        ], empty="none is behind, none streams")  # fmt: skip
    if unread:
        print_table("Files", ("dataset", "what nothing reads"), [
            (stem, in_words(names)) for stem, names in unread.items()
        ])  # fmt: skip
    if stuck:
        print_table("Held up", ("dataset", "what", "since", "next"),
                    [(row["stem"], row["what"], local_time(row["since"]), row["next"]) for row in stuck])  # fmt: skip


def _left_out(settings: Settings) -> dict[str, list[str]]:
    from pophub.contracts.load import load_all

    return left_out(settings, load_all(settings.project)[0])


def _stages(settings: Settings, *, broker: bool) -> list[StageLag]:
    from pophub.contracts.load import load_all, load_subscriptions

    connectors, _ = load_all(settings.project)
    subscriptions = load_subscriptions(settings.project, connectors)[0]
    return stage_lags(settings, connectors, subscriptions, broker=broker)


def _amount(behind: int | None, of: str) -> str:
    return "" if behind is None else f"{behind:,} {of}"


def _lanes(settings: Settings) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
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
        print_json([vars(f) for f in findings])
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
        print_json(variables)
        return
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
