"""usage: the versions of a record, and who was given them: a citizen by number, an organisation by tax code."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from pophub.commands.choices import demand
from pophub.commands.output import answer, print_json, print_table
from pophub.commands.shown import local_time
from pophub.contracts.load import connector_paths, stem_at
from pophub.postgres import connect
from pophub.quarantine import trace
from pophub.quarantine.trace import FoundRecord, Hit, Usage
from pophub.settings import Settings


def usage(key: str, stem: str | None, as_json: bool) -> None:
    """Tell what became of each version of a key, and to whom the accepted ones went; no value is shown."""
    settings = Settings.load()
    if stem is not None:
        known = [stem_at(path) for path in connector_paths(settings.project)]
        demand("connector", stem, known, "config.unknown_stem")
    with closing(connect(settings, "pophub_owner")) as connection:
        found: FoundRecord = trace.find(connection, key, {})
        given = trace.usage(connection, key)
    hits = sorted((one for one in found.hits if stem in (None, one.stem)), key=_in_time)
    given = [one for one in given if stem in (None, one.stem)]
    if as_json:
        print_json({"versions": [_version(one) for one in hits], "usage": [_given(one) for one in given]})
        return
    print_table(
        "Versions", ("dataset", "exchanged", "state", "event"),
        [(one.stem, local_time(one.exchanged_at), one.state, one.event_id) for one in hits],
        empty="neither history nor quarantine knows this key",
    )  # fmt: skip
    print_table(
        "Who was given it", ("dataset", "recipient", "times", "first", "last", "purpose", "legal basis"),
        [(one.stem, one.recipient, one.times, local_time(one.first), local_time(one.last), *_why(one)) for one in given],
        empty="nobody",
    )  # fmt: skip
    if hits:
        answer.print("next: pophub population as-of DAY KEY --stem DATASET", markup=False)


def _in_time(hit: Hit) -> tuple[str, str, int]:
    at = hit.exchanged_at.isoformat() if hit.exchanged_at else ""
    return hit.stem, at, hit.sequence or hit.version or 0


def _why(one: Usage) -> tuple[str, str]:
    """Give purpose and legal basis of the grant."""
    terms = one.terms or {"purpose": {"en": "population database"}, "legal_basis": ""}
    return terms["purpose"]["en"], terms["legal_basis"]


def _version(hit: Hit) -> dict[str, Any]:
    return {
        "stem": hit.stem, "state": hit.state, "event_id": hit.event_id, "lane": hit.lane, "sequence": hit.sequence,
        "quarantine_version": hit.version, "exchanged_at": hit.exchanged_at and hit.exchanged_at.isoformat(),
    }  # fmt: skip


def _given(one: Usage) -> dict[str, Any]:
    terms = one.terms or {}
    return {
        "stem": one.stem, "recipient": one.recipient, "times": one.times, "first": one.first.isoformat(),
        "last": one.last.isoformat(), "purpose": terms.get("purpose"), "legal_basis": terms.get("legal_basis"),
        "fields": terms.get("fields"),
    }  # fmt: skip
