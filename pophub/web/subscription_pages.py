"""Who receives what, on which terms, and how far it has come: shared by the hub, and read by the subscriber."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from pophub.contracts.subscription_model import SubscriptionFile
from pophub.domain.errors import PophubError
from pophub.kafka import ReaderPlace, reader_places
from pophub.settings import Settings
from pophub.web.counts import Counts
from pophub.web.declarations import declarations
from pophub.web.layout import PageMaker
from pophub.web.missing import NotThere
from pophub.web.transactions import ask_given, months_of
from pophub.web.visitors import needs

RIGHTS = """
select a.recipient, a.stem, a.since, a.ended_at, coalesce(t.transactions, 0)::bigint as transactions, t.last,
    coalesce(b.behind, 0)::bigint as behind
from hub.access a
left join (select n.recipient, n.stem, sum(n.transactions) as transactions, max(newest.recorded_at) as last
    from ledger.lane n left join lateral (
        select s.recorded_at from ledger.stretch s
        where (s.recipient, s.stem, s.lane) = (n.recipient, n.stem, n.lane) order by s.first desc limit 1
    ) newest on true group by n.recipient, n.stem) t using (recipient, stem)
left join lateral (select sum(j.sequence - coalesce(l.sequence, 0)) as behind from judge.lane j
    left join ledger.lane l on l.stem = j.stem and l.lane = j.lane and l.recipient = a.recipient
    where j.stem = a.stem and a.ended_at is null) b on true
order by a.ended_at is not null, a.recipient, a.stem
"""
TERMS = """
select version, starts_at, ends_at, granted_at, terms from hub.subscription
where recipient = %(recipient)s and stem = %(stem)s order by version desc
"""


def router(settings: Settings, counts: Counts, pages: PageMaker) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(default_response_class=HTMLResponse)

    @routes.get("/subscriptions")
    @needs("see")
    def listed(request: Request) -> HTMLResponse:
        told = counts.figures((RIGHTS,))
        return pages.render(
            request, "subscriptions.html", told=[told], rows=told.rows[0], files=declared(settings.project)
        )

    @routes.get("/subscriptions/{recipient}/{stem}")
    @needs("see")
    def one(request: Request, recipient: str, stem: str) -> HTMLResponse:
        told = counts.figures((RIGHTS, TERMS), recipient=recipient, stem=stem)
        (rights, terms), gave = told.rows, ask_given(counts)
        mine = [row for row in rights if (row["recipient"], row["stem"]) == (recipient, stem)]
        if not mine and not terms:
            there = [("subscriptions", row["recipient"], row["stem"]) for row in rights]
            raise NotThere("no_subscription", f"{recipient} {stem}", there)
        readers, silent = readers_of(settings, counts, stem, [recipient])
        return pages.render(
            request, "subscription.html", told=[told, gave], recipient=recipient, stem=stem, terms=terms,
            months=months_of(gave.rows[0].tally, stem, recipient),
            uncounted=gave.rows[0].uncounted,
            right=next(iter(mine), None), file=declared(settings.project).get(recipient), readers=readers, silent=silent,
        )  # fmt: skip

    return routes


def declared(project: Path) -> dict[str, SubscriptionFile]:
    """Give the subscribers by name, as declared."""
    return {file.subscriber: file for file in declarations(project).subscriptions}


def readers_of(
    settings: Settings, counts: Counts, stem: str, recipients: Sequence[str]
) -> tuple[list[ReaderPlace], PophubError | None]:
    """Give what each group of these subscribers has not read of a dataset, or why Kafka does not tell."""
    if not recipients:
        return [], None
    topics = {f"sub.{one}.{stem}": f"{one}." for one in recipients}
    try:
        told: Any = counts.kept(("readers", *topics), lambda: reader_places(settings, topics))
    except PophubError as error:
        return [], error
    return told.rows, told.broken
