"""The form by which two people correct a record: what it asks, and what it says and keeps where it is refused.

A refused form is shown again with all that was typed but the password. Values that its page had revealed come back
with it, in the form itself: they are read from no store again, so no second look goes on record, and stand in no address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from pophub.contracts.model import Connector
from pophub.domain.errors import ConfigError, PophubError, PromiseBroken
from pophub.postgres import connect
from pophub.quarantine import persons, repair
from pophub.quarantine.selection import Selection
from pophub.settings import Settings
from pophub.sharing.taken import values_of
from pophub.web.asked import put_down
from pophub.web.layout import here
from pophub.web.visitors import Visitor, needs

MOST_CARRIED_BYTES, MOST_CARRIED = 13_000, 60
"""Of revealed values that a form brings back: three bytes a byte in an address's writing, within what a form may have."""


class RefusedForm(NamedTuple):
    """A form that was refused. Shape: `missing` is fields, reason or user; `field` the one whose value is wrong."""

    act: str
    proposal: int
    code: str
    missing: str
    field: str
    form: Mapping[str, str]


Again = Callable[[Request, int, RefusedForm], HTMLResponse]


def add(
    routes: APIRouter, settings: Settings, connector_of: Callable[[int], Connector], again: Again
) -> None:
    """Add the routes; `again` shows the page of a version with a form that was refused."""

    @routes.get("/record/version/{version}/propose")
    @routes.get("/record/version/{version}/approve")
    @needs("see")
    def form_itself(request: Request, version: int) -> RedirectResponse:
        return RedirectResponse(here(request, f"/record/version/{version}"), 303)

    @routes.post("/record/version/{version}/propose")
    @needs("act")
    def propose(request: Request, version: int) -> Response:
        form, connector = request.state.form, connector_of(version)
        sets = [f"{name[4:]}={value}" for name, value in form.items() if name.startswith("set_") and value]
        try:
            _demand({"fields": sets, "reason": form.get("reason"), "user": form.get("user")})
            with closing(connect(settings, "pophub_judge")) as judge:
                who = persons.login(judge, form["user"], form.get("password", ""))
                repair.propose(judge, connector, version, sets, form["reason"], who)
        except (ConfigError, PromiseBroken) as error:
            return again(request, version, _refused("propose", 0, error, form))
        return RedirectResponse(here(request, f"/record/version/{version}", done="proposed"), 303)

    @routes.post("/record/version/{version}/approve")
    @needs("act")
    def approve(request: Request, version: int) -> Response:
        form = request.state.form
        proposal = int(form["proposal"]) if form.get("proposal", "").isdecimal() else 0
        try:
            _demand({"user": form.get("user")})
            with closing(connect(settings, "pophub_judge")) as judge:
                who = persons.login(judge, form["user"], form.get("password", ""))
                persons.demand_proposer(judge, proposal)
                approved = repair.approve(judge, proposal, who)
        except (ConfigError, PromiseBroken) as error:
            return again(request, version, _refused("approve", proposal, error, form))
        chosen = Selection(stem=approved.stem, ids=(approved.version,))
        number = put_down(settings, "replay", approved.stem, who, chosen)
        return RedirectResponse(here(request, f"/quarantine/work/{number}"), 303)


def mended_first(failures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark what `follows` from another failure of the same field: whom a broken number names is not known.

    >>> number = {"gate": "correct", "code": "correct.id.length", "field": "citizen_id"}
    >>> person = {"gate": "sufficient", "code": "sufficient.unknown_person", "field": "citizen_id"}
    >>> [f["follows"] for f in mended_first([number, person])], mended_first([person])[0]["follows"]
    ([False, True], False)
    """
    broken = {f["field"] for f in failures if f["field"] and f["gate"] in ("contract", "correct", "clean")}
    return [
        f | {"follows": f["code"].startswith("sufficient.unknown_") and f["field"] in broken}
        for f in failures
    ]


def words_of_fields(connector: Connector | None) -> dict[str, dict[str, Any]]:
    """Give what columns of the source are `called` in the contract, and the values `allowed` of a field, where few are."""
    if connector is None:
        return {"called": {}, "allowed": {}}
    called: dict[str, list[str]] = {}
    for name, mapping in connector.file.mapping.items():
        called.setdefault(mapping.source, []).append(name)
    listed = {field.name: values_of(connector, field.name) for field in connector.contract.fields}
    allowed = {name: sorted(map(str, values)) for name, values in listed.items() if values}
    return {"called": called, "allowed": allowed}


def _demand(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if not value:
            raise ConfigError("config.missing", f"the form needs {name}", where=name, remedy="fill it in")


def _refused(act: str, proposal: int, error: PophubError, form: Mapping[str, str]) -> RefusedForm:
    where = (error.where or "").rpartition(", ")[2]
    missing, field = (where if error.code == code else "" for code in ("config.missing", "repair.value"))
    return RefusedForm(act, proposal, error.code, missing, field, form)


def form_of(
    settings: Settings, who: Visitor, told: Mapping[str, Any], refused: RefusedForm | None
) -> dict[str, Any]:
    """Give what the forms of a page hold: what was typed before, and who signs, "" where the visitor cannot."""
    asked = who.may("act") and bool(told["fields"] or told["waiting"])
    signer = ""
    if asked:
        with closing(connect(settings, "pophub_judge")) as judge:
            signer = persons.signer(judge, who.name)
    return {"refused": refused, "typed": refused.form if refused else {}, "signer": signer}


def carried(told: Mapping[str, Any]) -> dict[str, str]:
    """Give the revealed values of a page as its forms bring them back; none where they are too many for a form."""
    found = {_seen("", name): value for name, value in told["values"].items()}
    for one in told["waiting"]:
        found |= {_seen(one["repair"], name): value for name, value in one["fields"].items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in found.items())
    return found if len(found) <= MOST_CARRIED and size <= MOST_CARRIED_BYTES else {}


def seen_again(told: Mapping[str, Any], form: Mapping[str, str]) -> dict[str, Any] | None:
    """Give a page's values as its form brought them back, and nothing else of them; None where it did not bring all."""
    brought = {name: form.get(_seen("", name)) for name in told["values"]}
    waiting = [
        one | {"fields": {name: form.get(_seen(one["repair"], name)) for name in one["fields"]}}
        for one in told["waiting"]
    ]
    all_of = [*brought.values(), *(value for one in waiting for value in one["fields"].values())]
    return None if not brought or None in all_of else {"values": brought, "waiting": waiting}


def _seen(proposal: int | str, name: str) -> str:
    return f"seen{proposal}_{name}"
