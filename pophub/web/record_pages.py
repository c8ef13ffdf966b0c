"""One record: found by what names it, its way to every recipient, its values for a reason, its correction by two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from pophub import avro
from pophub.commands.shown import marked, typed
from pophub.contracts.model import Connector
from pophub.contracts.rule_codes import project_codes
from pophub.domain.digests import lane_of
from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, connect
from pophub.quarantine import browse, steps, trace
from pophub.quarantine.carried import carrying
from pophub.quarantine.reasons import masked
from pophub.quarantine.trace import Moment, Passage
from pophub.settings import Settings
from pophub.sharing.secret_in_use import PSEUDONYMS, pseudonym_secret
from pophub.sharing.subscription import subscription_secret
from pophub.web import corrections
from pophub.web.corrections import RefusedForm
from pophub.web.counts import Counts
from pophub.web.declarations import declarations
from pophub.web.layout import PageMaker
from pophub.web.missing import NotThere
from pophub.web.subscription_pages import declared, readers_of
from pophub.web.visitors import needs

MOST = (1 << 63) - 1


def router(settings: Settings, counts: Counts, pages: PageMaker) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(default_response_class=HTMLResponse)
    _searches(routes, settings, pages)
    _records(routes, settings, counts, pages)
    return routes


def _searches(routes: APIRouter, settings: Settings, pages: PageMaker) -> None:
    @routes.get("/record")
    @needs("find")
    def search(request: Request) -> HTMLResponse:
        return pages.render(request, "search.html", found=None)

    @routes.post("/record")
    @needs("find")
    def find(request: Request) -> HTMLResponse:
        text = request.state.form.get("text", "")
        if not text:
            raise ConfigError("config.missing", "a search takes a key or an id", remedy="type one")
        with _opened(settings) as (judge, reader):
            found = trace.find(judge, text, _secrets(settings, reader))
            connectors = [] if trace.is_digest(text) else declarations(settings.project).connectors
            hits, reaches = carrying(judge, text, connectors)
        found = found._replace(hits=trace.merged([*found.hits, *hits]))
        return pages.render(request, "search.html", found=found, reaches=reaches)

    @routes.get("/record/event/{event_id}")
    @needs("see")
    def event(request: Request, event_id: str) -> HTMLResponse:
        try:
            wanted = bytes.fromhex(event_id)
        except ValueError:
            wanted = b""
        with _opened(settings) as (judge, _):
            hits = trace.of_event(judge, wanted)
        if not hits:
            raise NotThere("no_record", event_id, [("record",)])
        return pages.render(
            request, "search.html", found=trace.FoundRecord(hits, {"event": len(hits)}), reaches=()
        )


def _records(routes: APIRouter, settings: Settings, counts: Counts, pages: PageMaker) -> None:
    def page_of(
        request: Request, told: dict[str, Any], *, values: bool = False, refused: RefusedForm | None = None
    ) -> HTMLResponse:
        brought = corrections.seen_again(told, refused.form) if refused else None
        seen = values or brought is not None
        told |= brought or ({} if values else {"values": {name: None for name in told["values"]}})
        told |= corrections.form_of(settings, request.state.visitor, told, refused)
        given = [one.recipient for one in told["passages"].values() if one.state == "given"]
        readers, silent = readers_of(settings, counts, told["stem"], given)
        return pages.render(
            request, "record.html", 422 if refused else 200, revealed=seen, readers=readers, silent=silent,
            carried=corrections.carried(told) if seen else {}, files=declared(settings.project),
            back="/" + "/".join(told["action"]), **told,
        )  # fmt: skip

    def again(request: Request, version: int, refused: RefusedForm) -> HTMLResponse:
        return page_of(request, _failed(settings, version), refused=refused)

    corrections.add(routes, settings, partial(_of_version, settings), again)

    @routes.get("/record/version/{version}")
    @needs("see")
    def failed(request: Request, version: int) -> HTMLResponse:
        return page_of(request, _failed(settings, version))

    @routes.get("/record/accepted/{stem}/{lane}/{sequence}")
    @needs("see")
    def accepted(request: Request, stem: str, lane: int, sequence: int) -> HTMLResponse:
        return page_of(request, _accepted(settings, stem, lane, sequence))

    @routes.post("/record/version/{version}")
    @needs("act")
    def reveal_failed(request: Request, version: int) -> HTMLResponse:
        return page_of(request, _revealed(settings, request, _failed(settings, version)), values=True)

    @routes.post("/record/accepted/{stem}/{lane}/{sequence}")
    @needs("act")
    def reveal_accepted(request: Request, stem: str, lane: int, sequence: int) -> HTMLResponse:
        told = _accepted(settings, stem, lane, sequence)
        return page_of(request, _revealed(settings, request, told), values=True)

    @routes.get("/audit")
    @needs("audit")
    def audit(request: Request) -> HTMLResponse:
        with closing(connect(settings, "pophub_web")) as connection:
            return pages.render(request, "audit.html", rows=steps.reveals(connection))


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Connection, Connection]]:
    """Open a connection that sees keys and what was sent, and one that sees to whom what was given."""
    with (
        closing(connect(settings, "pophub_judge")) as judge,
        closing(connect(settings, "pophub_web")) as reader,
    ):
        yield judge, reader


def _of_version(settings: Settings, version: int) -> Connector:
    """Give the connector of a version."""
    with closing(connect(settings, "pophub_judge")) as judge:
        stem = _shown(settings, judge, version)["stem"]
    if (found := _known(settings, stem)) is None:
        raise ConfigError(
            "config.unknown_stem", f"there is no connector {stem}", remedy="see `pophub connector list`"
        )
    return found


def _known(settings: Settings, stem: str) -> Connector | None:
    return next((c for c in declarations(settings.project).connectors if c.stem == stem), None)


def _secrets(settings: Settings, reader: Connection) -> dict[tuple[str, str], bytes]:
    """Give what the transaction ids of each recipient are derived from; nothing where the secret is not here."""
    if not settings.has_secret(PSEUDONYMS):
        return {}
    secret = pseudonym_secret(reader, settings)
    files = declarations(settings.project).subscriptions
    grants = [(file.subscriber, grant.dataset) for file in files for grant in file.grants]
    return {(who, stem): subscription_secret(secret, f"sub.{who}.{stem}") for who, stem in grants}


def _failed(settings: Settings, version: int) -> dict[str, Any]:
    """Give a version that failed: what the page tells of it, the row as sent under `values`."""
    with _opened(settings) as (judge, reader):
        seen = _shown(settings, judge, version)
        connector, stem, event = _known(settings, seen["stem"]), seen["stem"], seen["event_id"]
        moments = [
            *trace.of_batch(reader, stem, seen["batch"]),
            Moment(seen["first_judged_at"], "failed", seen["gate"]),
        ]
        for one in seen["repairs"]:
            moments.append(Moment(one["proposed_at"], "proposed", one["proposed_by"], one["reason"]))
            if one["approved_by"]:
                moments.append(Moment(one["approved_at"], "approved", one["approved_by"]))
        after = Whereabouts([], {})
        if seen["state"] == "shared" and connector is not None:
            lane = lane_of(seen["key"], connector.file.lanes)
            after = _after(settings, reader, stem, event, trace.acceptance(judge, stem, lane, event))
            moments += after.moments
        elif seen["state"] not in ("quarantined", "shared"):
            moments.append(Moment(seen["last_judged_at"], seen["state"]))
        if seen["expired_at"]:
            moments.append(Moment(seen["expired_at"], "expired"))
        moments += trace.looks(reader, stem, event)
    open_ = seen["state"] == "quarantined" and seen["expired_at"] is None
    return {
        "stem": stem, "event_id": event, "key": masked(seen["key"]), "state": seen["state"], "version": version,
        "contract": seen["contract"], "batch": seen["batch"], "place": (seen["lane"], seen["raw_offset"], seen["row"]),
        "failures": corrections.mended_first(seen["failures"]), "moments": sorted(moments), "passages": after.passages, "values": _as_sent(seen["sent"]),
        "fields": _repairable(connector) if open_ and seen["operation"] != "delete" else [],
        "waiting": _waiting(connector, seen["repairs"]) if open_ else [],
        "keys": connector.file.key if connector else (), **corrections.words_of_fields(connector),
        "action": ("record", "version", str(version)), "owner": connector.file.owner if connector else None,
    }  # fmt: skip


def _shown(settings: Settings, judge: Connection, version: int) -> dict[str, Any]:
    try:
        return browse.show(judge, min(version, MOST), None, project_codes(settings.project))
    except ConfigError:
        raise NotThere("no_record", str(version), [("quarantine",)]) from None


def _accepted(settings: Settings, stem: str, lane: int, sequence: int) -> dict[str, Any]:
    """Give an accepted version: what the page tells of it, the record under `values`."""
    connector = _known(settings, stem)
    if not (0 <= lane < 1 << 15 and 0 <= sequence <= MOST):
        raise NotThere("no_record", f"{stem}/{lane}/{sequence}", [("record",)])
    with _opened(settings) as (judge, reader):
        row = trace.accepted(judge, stem, lane, sequence)
        if row is None:
            raise NotThere("no_record", f"{stem}/{lane}/{sequence}", [("record",)])
        after = _after(settings, reader, stem, row.event_id, (lane, sequence, row.recorded_at))
        moments = [
            *trace.of_batch(reader, stem, row.batch),
            *after.moments,
            *trace.looks(reader, stem, row.event_id),
        ]
    values: dict[str, Any] = {}
    if row.payload is not None and connector is not None:
        values = typed(connector.contract.fields, avro.decode_known(connector.contract.schemas, row.payload))
    return {
        "stem": stem, "event_id": row.event_id, "key": masked(row.key), "version": None, "contract": row.contract,
        "state": "deleted" if row.operation == "d" else "shared", "batch": row.batch, "place": (lane, sequence),
        "failures": [], "moments": sorted(moments), "passages": after.passages, "values": _as_sent(values), "fields": [], "waiting": [], "keys": (), "called": {}, "allowed": {},
        "action": ("record", "accepted", stem, str(lane), str(sequence)),
        "owner": connector.file.owner if connector else None,
    }  # fmt: skip


class Whereabouts(NamedTuple):
    """What became of a version once it was accepted: the moments, and by subscriber its passage."""

    moments: list[Moment]
    passages: dict[str, Passage]


def _after(
    settings: Settings, reader: Connection, stem: str, event: str, found: tuple[int, int, Any] | None
) -> Whereabouts:
    """Tell when a version was accepted, and so stood in the population database, and what became of it for each subscriber."""
    if found is None:
        return Whereabouts([], {})
    lane, sequence, at = found
    passages = trace.recipients_of(reader, stem, lane, sequence, event, _secrets(settings, reader))
    moments = [Moment(at, "accepted", f"{lane} / {sequence}"), Moment(at, "in_population", event)]
    moments += [Moment(one.at, "given", one.recipient) for one in passages if one.at]
    return Whereabouts(moments, {one.recipient: one for one in passages})


def _as_sent(values: dict[str, Any] | None) -> dict[str, str]:
    return {name: marked(value) for name, value in (values or {}).items()}


def _repairable(connector: Connector | None) -> list[Any]:
    """Give the fields that a correction may set: all but those that say whom the record is about."""
    if connector is None:
        return []
    return [field for field in connector.contract.fields if field.name not in connector.file.key]


def _waiting(connector: Connector | None, repairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the proposals that nobody approved yet, their values as a person reads them."""
    fields = connector.contract.fields if connector else ()
    return [r | {"fields": _as_sent(typed(fields, r["fields"]))} for r in repairs if not r["approved_by"]]


def _revealed(settings: Settings, request: Request, told: dict[str, Any]) -> dict[str, Any]:
    """Keep who is to see the values, and why, before they are shown; give the page with that look in its line."""
    stem, event = told["stem"], told["event_id"]
    reason = request.state.form.get("reason", "")
    with _opened(settings) as (judge, reader):
        steps.reveal(judge, stem, trace.record_named(event), 1, reason, request.state.visitor.name)
        before = [one for one in told["moments"] if one.what != "revealed"]
        return told | {"moments": sorted([*before, *trace.looks(reader, stem, event)])}
