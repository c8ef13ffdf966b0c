"""The first page: is anything stuck or missing? One sentence, and what is wrong, the worst first."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from pophub.domain.dates import moment_of, today
from pophub.live.conditions import Condition, of_bases
from pophub.live.run import ending_rights
from pophub.live.state import Seen
from pophub.live.store import LiveStore
from pophub.live.watch import look
from pophub.postgres import Connection, transaction
from pophub.quarantine import browse, holds, repair, steps
from pophub.settings import Settings
from pophub.sharing.subscription import recipients
from pophub.web.counts import Counts, Figures
from pophub.web.declarations import declarations
from pophub.web.layout import PageMaker
from pophub.web.visitors import needs

WORST = (
    "kafka.unreachable", "alert.unbalanced", "alert.offline", "alert.held", "alert.failed_share", "alert.lag",
    "alert.reader_slow", "alert.slot_kept", "alert.silent", "alert.frozen", "alert.clock_wrong", "alert.overdue", "alert.untold",
    "proposed", "waits", "paused", "alert.basis_ends", "alert.access_ended",
)  # fmt: skip
"""What is wrong, the worst first: codes, and three words of these pages."""
LATE = ("frozen", "silent", "offline", "held", "catching_up", "clock_wrong")
KAFKA_S = 0.6
BALANCE = """
select coalesce(sum(waiting), 0)::bigint as waiting, count(distinct stem) filter (where not balanced and waiting = 0) as wrong
from hub.reconciliation_by_day
"""
JUDGED = "select batch, max(judged_at) from judge.reconciliation where batch = any(%s) group by batch"
ALERTED = "select code, stem, subject, what, opened_at from live.alert where closed_at is null"


class Matter(NamedTuple):
    """Something that is stuck or missing. `records`: versions that a link lists, where it is about versions."""

    code: str
    stem: str
    subject: str
    what: str
    since: datetime | None
    records: int | None = None
    step: steps.StepTaken | None = None

    @property
    def rank(self) -> tuple[bool, int, datetime]:
        """Where it stands among the others: what somebody acknowledged comes last, then the worst and oldest."""
        worst = WORST.index(self.code) if self.code in WORST else len(WORST)
        return self.step is not None, worst, self.since or datetime.max.replace(tzinfo=UTC)


@dataclass
class NowSeen:
    """What one look found, of which the page is made; `promised` counts the datasets that promise how fresh they are."""

    states: dict[str, Seen] = field(default_factory=dict)
    matters: list[Matter] = field(default_factory=list)
    promised: int = 0
    held: int = 0
    oldest: datetime | None = None
    waiting: int = 0
    wrong: int = 0

    @property
    def late(self) -> list[str]:
        """The datasets whose source is late."""
        return [stem for stem, seen in self.states.items() if seen.state in LATE]


def router(settings: Settings, counts: Counts, pages: PageMaker) -> APIRouter:
    """Make the route."""
    routes = APIRouter(default_response_class=HTMLResponse)

    @routes.get("/")
    @needs("see")
    def now(request: Request) -> HTMLResponse:
        told = look_again(settings, counts)
        found: NowSeen = told.rows[0]
        matters = [*kafka_down(settings), *found.matters]
        return pages.render(request, "now.html", told=[told], found=found, matters=matters)

    return routes


def look_again(settings: Settings, counts: Counts) -> Figures:
    """Look at everything, or give what was seen last."""
    return counts.found("now", partial(look_now, settings))


def sources(settings: Settings, counts: Counts) -> Figures:
    """Give the state of each dataset's source."""
    told = look_again(settings, counts)
    return told._replace(rows=[{stem: seen.state for stem, seen in told.rows[0].states.items()}])


def look_now(settings: Settings, connection: Connection) -> NowSeen:
    """Look at everything that can be stuck, over one connection that sees no personal data."""
    declared = declarations(settings.project)
    connectors, files = {c.stem: c for c in declared.connectors}, declared.subscriptions
    store = LiveStore(connection)
    states, conditions = look(
        store, connectors, recipients(connectors, files), store.now(), store.failing(connectors, ())
    )
    conditions += of_bases(ending_rights(settings.project, files), today())
    with transaction(connection, "pages") as cursor:
        cursor.execute(BALANCE)
        ((waiting, wrong),) = cursor.fetchall()
        cursor.execute(ALERTED)
        alerts = cursor.fetchall()
        batches = [int(one.subject[6:]) for one in conditions if one.subject.startswith("batch ")]
        cursor.execute(JUDGED, (batches,))
        judged = {f"batch {batch}": at for batch, at in cursor.fetchall()}
    opened = {(code, stem, subject): at for code, stem, subject, _, at in alerts}
    conditions += [
        Condition(*one[:4]) for one in alerts if one[0] == "alert.reader_slow"
    ]  # the watcher asks Kafka
    causes = browse.waiting(connection)
    found = NowSeen(states, waiting=int(waiting), wrong=int(wrong))
    found.promised = sum(c.file.live.promise_s is not None for c in connectors.values())
    found.held = sum(one.records for one in causes)
    found.oldest = min((one.first_seen for one in causes), default=None)
    matters = [*of_conditions(conditions, states, opened, judged), *_of_people(connection, causes)]
    found.matters = sorted(acknowledged(matters, steps.open_steps(connection)), key=lambda one: one.rank)
    return found


def of_conditions(
    conditions: Iterable[Condition],
    states: Mapping[str, Seen],
    opened: Mapping[tuple[str, str, str], datetime],
    judged: Mapping[str, datetime],
) -> Iterator[Matter]:
    """Give what the watcher would tell: since the source's state began, the batch was judged, or the alert was opened."""
    for one in conditions:
        since = judged.get(one.subject, opened.get(one.name))
        if one.subject == "source" and states[one.stem].since is not None:
            since = moment_of(states[one.stem].since or 0)
        yield Matter(one.code, one.stem, one.subject, one.what, since)


def _of_people(connection: Connection, causes: Iterable[browse.Waiting]) -> Iterator[Matter]:
    """Give what waits for a person: versions, proposals, and what someone paused."""
    for one in causes:
        yield Matter("waits", one.stem, "", "", one.first_seen, one.records)
    for proposal in repair.waiting(connection, None):
        subject = f"proposal {proposal['proposal']}"
        yield Matter("proposed", proposal["stem"], subject, "", proposal["proposed_at"])
    for pause in holds.pauses(connection):
        yield Matter("paused", pause["stem"], pause["recipient"], "", pause["paused_at"])


def acknowledged(matters: Iterable[Matter], taken: Iterable[steps.StepTaken]) -> Iterator[Matter]:
    """Say of each what somebody acknowledged."""
    known = {(s.stem, s.code, s.field): s for s in taken if s.act == "acknowledged"}
    for one in matters:
        yield one._replace(step=known.get((one.stem, one.code, one.subject)))


def kafka_down(settings: Settings) -> list[Matter]:
    """Say that Kafka does not answer, where none of its servers takes a connection."""
    for place in settings.endpoints.kafka_bootstrap.split(","):
        host, _, port = place.strip().rpartition(":")
        try:
            socket.create_connection((host, int(port)), KAFKA_S).close()
            return []
        except (OSError, ValueError):
            continue
    return [Matter("kafka.unreachable", "", "", "", None)]
