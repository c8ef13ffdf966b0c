"""catalogue: what each dataset has and promises, and whether the promise holds."""

from __future__ import annotations

import os
from typing import Any

from pophub.catalogue.entries import CatalogueEntry, entries
from pophub.commands.choices import demand
from pophub.commands.live import sources
from pophub.commands.output import answer, print_json, print_table, talk
from pophub.commands.shown import local_time, shown, typed
from pophub.domain.errors import PophubError
from pophub.settings import Settings

SENSITIVE = {
    "number": "number of a citizen", "person": "tells of a person", "unsaid": "not classified, so hidden",
    "open": "open",
}  # fmt: skip


def catalogue(stem: str | None, find: str, as_json: bool) -> None:
    """Tell of one dataset, or list those that somebody looks for."""
    settings = Settings.load()
    found = entries(settings.project)
    if stem is not None:
        demand("connector", stem, [one.stem for one in found], "config.unknown_stem")
        found = [one for one in found if one.stem == stem]
    found = [one for one in found if one.tells_of(find)]
    seen = _measured(settings)
    if as_json:
        print_json({"datasets": [_document(one, settings, seen) for one in found]})
    elif stem is not None and found:
        _show(found[0], settings, seen)
    else:
        rows = [
            (one.stem, one.connector.file.title.en, one.title, one.connector.file.owner.name, len(one.fields))
            for one in found
        ]
        print_table("Catalogue", ("dataset", "title", "tên", "owner", "fields"), rows, empty="none is found")
    if seen is None:
        talk.print("the hub does not run: freshness was not measured")


def _measured(settings: Settings) -> dict[str, dict[str, Any]] | None:
    """Give the state of each source by stem; nothing where no hub runs."""
    if not (settings.home / "endpoints.json").exists() and "POPHUB_POSTGRES_HOST" not in os.environ:
        return None
    try:
        return {one["stem"]: one for one in sources(settings)}
    except PophubError:
        return None


def _document(
    entry: CatalogueEntry, settings: Settings, seen: dict[str, dict[str, Any]] | None
) -> dict[str, Any]:
    file, measured = entry.connector.file, (seen or {}).get(entry.stem, {})
    return {
        "stem": entry.stem,
        "title": file.title.model_dump(),
        "owner": file.owner.name,
        "contract": file.contract,
        "promised_s": file.live.promise_s,
        "state": measured.get("state"),
        "newest_change": measured.get("newest_change"),
        "fields": [
            one._asdict() | {"meaning": one.meaning.model_dump(), "codes": one.codes.labels if one.codes else None}
            for one in entry.fields
        ],
        "sample": [typed(entry.connector.contract.fields, row) for row in entry.sample(settings.project)],
        "receivers": [
            {"subscriber": who.subscriber, "title": who.title.model_dump(), "fields": list(grant.fields),
             "purpose": grant.purpose.model_dump(), "legal_basis": grant.legal_basis}
            for who, grant in entry.receivers
        ],
        "figures": [one.name for one in entry.figures],
    }  # fmt: skip


def _show(entry: CatalogueEntry, settings: Settings, seen: dict[str, dict[str, Any]] | None) -> None:
    file, contract = entry.connector.file, entry.connector.contract
    rows = [
        (one.name, one.type, "key" if one.key else "" if one.nullable else "always there",
         SENSITIVE[one.sensitivity], one.meaning.en)
        for one in entry.fields
    ]  # fmt: skip
    print_table(
        f"{file.title.en} · {file.title.vi}: contract {file.contract}, in charge {file.owner.name}",
        ("field", "type", "", "sensitivity", "meaning"), rows,
    )  # fmt: skip
    sample = [typed(contract.fields, row) for row in entry.sample(settings.project)]
    names = [one.name for one in entry.fields]
    print_table("Values that are made up", names, [[shown(row[name]) for name in names] for row in sample])
    received = [
        (who.subscriber, ", ".join(grant.fields), grant.purpose.en, grant.legal_basis)
        for who, grant in entry.receivers
    ]
    print_table(
        "Who receives it", ("subscriber", "fields", "purpose", "legal basis"), received,
        empty="nobody beside the population database" if file.population else "nobody",
    )  # fmt: skip
    answer.print(f"figures: {', '.join(one.name for one in entry.figures) or 'none'}", markup=False)
    promise = (
        "none"
        if file.live.promise_s is None
        else f"the newest change is {file.live.promise_s:,} s old at most"
    )
    answer.print(f"freshness promised: {promise}", markup=False)
    if seen is not None:
        now = seen[entry.stem]
        newest = local_time(now["newest_change"]) or "none"
        answer.print(f"measured: {now['state']}, newest change {newest}", markup=False)
