"""live and alert: the state of each source, and what was told of it."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

from pophub.commands import shown
from pophub.commands.output import answer, print_json, print_table, talk
from pophub.commands.who import acting
from pophub.contracts.load import load_all
from pophub.domain.dates import moment_of
from pophub.live.alerts import page_of
from pophub.live.store import ROLE, LiveStore
from pophub.postgres import connect, statements, transaction
from pophub.settings import Settings

SQL = statements("live")
ALERT = ("alert", "code", "stem", "subject", "what", "opened_at", "last_seen", "closed_at", "closed_by", "told_at")  # fmt: skip


def sources(settings: Settings) -> list[dict[str, Any]]:
    """Give the state of each source."""
    connectors = {c.stem: c for c in load_all(settings.project)[0]}
    with closing(connect(settings, ROLE)) as connection:
        store = LiveStore(connection)
        lags = store.lags([(stem, "shared") for stem in connectors])
        states = store.states(connectors, lags, store.now())
    return [
        {"stem": stem, "state": seen.state, "since": _utc(seen.since), "newest_change": _utc(seen.newest),
         "last_heartbeat": _utc(seen.last_beat), "promise_s": connectors[stem].file.live.promise_s}
        for stem, seen in states.items()
    ]  # fmt: skip


def live(as_json: bool) -> None:
    """Show the state of each source."""
    found = sources(Settings.load())
    if as_json:
        print_json({"version": 1, "sources": found})
        return
    print_sources(found)
    if wrong := [s for s in found if s["state"] not in ("alive", "unknown")]:
        talk.print(f"{len(wrong)} not alive; next: `pophub alert list`, docs/live.md", markup=False)


def print_sources(found: list[dict[str, Any]]) -> None:
    """Print the states as a table, times of Viet Nam."""
    print_table("Sources", ("dataset", "state", "since", "newest change", "last heartbeat"), [
        (s["stem"], s["state"], *(local_time(s[name]) for name in ("since", "newest_change", "last_heartbeat"))) for s in found
    ])  # fmt: skip


def alert_list(all_: bool, limit: int, as_json: bool) -> None:
    """List alerts, owning up to those left out."""
    settings = Settings.load()
    reader = closing(connect(settings, "pophub_read"))
    with reader as connection, transaction(connection, "alerts") as cursor:
        cursor.execute(SQL["alerts"], {"all": all_})
        found = [dict(zip(ALERT, row, strict=True)) for row in cursor.fetchall()]
    for one in found:
        one["page"] = settings.endpoints.pages + page_of(one["code"], one["stem"], one["subject"])
    listed = found[:limit] if limit else found
    if as_json:
        print_json({"version": 1, "total": len(found), "alerts": listed})
        return
    print_table("Alerts", ("alert", "code", "dataset", "subject", "what", "opened", "closed"), [
        (str(a["alert"]), a["code"], a["stem"], a["subject"], a["what"], local_time(a["opened_at"]), local_time(a["closed_at"])) for a in listed
    ], empty="there was none" if all_ else "none is open")  # fmt: skip
    if len(listed) < len(found):
        talk.print(f"{len(listed)} of {len(found):,}; --limit 0 for all", markup=False)
    if listed:
        talk.print(
            f"next: `pophub explain CODE`, docs/live.md; {listed[0]['page']} shows the first", markup=False
        )


def alert_close(number: int, by: str, yes: bool) -> None:
    """Close one alert, or say what would happen."""
    from pophub.live.run import close_alert, closing_of

    settings = Settings.load()
    closed_at, closed_by = closing_of(settings, number)
    if closed_at is not None:
        how = f"by {closed_by}" if closed_by else "by itself"
        answer.print(
            f"alert {number}: unchanged, it was closed {how} at {local_time(closed_at)}", markup=False
        )
        return
    if not yes:
        answer.print(f"would close alert {number} and tell the sinks; add --yes", markup=False)
        return
    connectors = {c.stem: c for c in load_all(settings.project)[0]}
    who = acting(by)
    closed = close_alert(settings, connectors, number, who)
    said = f"closed by {who}" if closed else "unchanged, it was closed in between"
    answer.print(f"alert {number}: {said}", markup=False)


def alert_watch(as_json: bool) -> None:
    """Look once, and fail where a sink could not be told."""
    from pophub.commands.switches import switched_off
    from pophub.wiring import open_hub

    with open_hub() as hub:
        watched = hub.watch(switched_off(hub.settings, hub.connectors))
    if as_json:
        print_json({"version": 1, "busy": watched.busy, "opened": watched.opened, "closed": watched.closed,
                    "states": {stem: seen.state for stem, seen in watched.states.items()}})  # fmt: skip
    elif watched.busy:
        answer.print("another watcher is at work", markup=False)
    else:
        answer.print(f"{watched.opened} opened, {watched.closed} closed", markup=False)
    if watched.failed:
        raise watched.failed[0]


def _utc(at: int | None) -> datetime | None:
    return None if at is None else moment_of(at)


def local_time(at: datetime | None) -> str:
    """Write a time of Viet Nam."""
    return shown.local_time(at)
