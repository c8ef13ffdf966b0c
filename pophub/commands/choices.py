"""Names among the arguments: one that is nowhere known is refused with the nearest that is, never answered with nothing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from pophub.contracts.load import connector_paths, load_all, load_subscriptions, stem_at
from pophub.contracts.rule_codes import project_codes
from pophub.contracts.suite import nearest
from pophub.domain.codes import GATES, origin
from pophub.domain.errors import ConfigError
from pophub.postgres import connect, transaction
from pophub.quarantine import browse
from pophub.quarantine.selection import Selection
from pophub.settings import Settings

STEMS = """
select stem from judge.lane union select stem from extract.batch union select stem from extract.hold
"""
RECIPIENTS = "select distinct recipient from ledger.lane"
MOST_NAMED = 30


def demand(what: str, name: str, known: Iterable[str], code: str = "cli.choice", see: str = "") -> None:
    """Go on where a name is known; `see` says where all stand that are too many to be named.

    >>> demand("recipient", "portl", ["gdt", "portal"])
    Traceback (most recent call last):
    pophub.domain.errors.ConfigError: cli.choice: there is no recipient portl, did you mean portal. Next: one of gdt, portal

    Errors: `code`, with the nearest name.
    """
    choices = sorted(known)
    if name not in choices:
        few = len(choices) <= MOST_NAMED or not see
        remedy = f"one of {', '.join(choices) or 'none'}" if few else see
        raise ConfigError(code, f"there is no {what} {name}{nearest(name, choices)}", remedy=remedy)


def demand_dataset(stem: str) -> None:
    """Go on where a dataset is declared in this project, or data of it came here before.

    Errors: `config.unknown_stem`.
    """
    declared = _declared()
    if stem not in declared:
        demand("dataset", stem, declared | _in_database(STEMS), "config.unknown_stem")


def demand_agency(agency: str) -> None:
    """Go on where an agency has a dataset that `demand_dataset` knows.

    Errors: `cli.choice`.
    """
    declared = _declared()
    if agency not in _agencies(declared):
        demand("agency", agency, _agencies(declared | _in_database(STEMS)))


def demand_recipient(recipient: str) -> None:
    """Go on where someone is declared to receive, or received before.

    Errors: `cli.choice`.
    """
    project = Settings.load().project
    files = load_subscriptions(project, load_all(project)[0])[0]
    known = {"population", *(file.subscriber for file in files)}
    if recipient not in known:
        demand("recipient", recipient, known | _in_database(RECIPIENTS))


def demand_names(chosen: Selection) -> None:
    """Go on where each name that restricts a selection is known.

    Errors: `config.unknown_stem`, `cli.choice`, `cli.unknown_code`; `quarantine.unknown` of a version.
    """
    if chosen.stem is not None:
        demand_dataset(chosen.stem)
    if chosen.agency is not None:
        demand_agency(chosen.agency)
    if chosen.code is not None:
        known = {code for code in project_codes(Settings.load().project) if origin(code) in GATES}
        demand("code of a failed rule", chosen.code, known, "cli.unknown_code", "use one of docs/codes.md")
    if chosen.field is not None:
        _demand_field(chosen.field)
    if chosen.ids:
        _demand_versions(chosen.ids)


def _demand_field(field: str) -> None:
    settings = Settings.load()
    known = {f.name for c in load_all(settings.project)[0] for f in c.contract.fields}
    if field in known:
        return
    with closing(connect(settings, "pophub_read")) as connection:
        blamed = {cause.field for cause in browse.groups(connection, Selection(state=None)) if cause.field}
    demand("contract field", field, known | blamed, see="see the schemas in schemas/")


def _demand_versions(ids: Iterable[int]) -> None:
    wanted = set(ids)
    possible = tuple(number for number in wanted if abs(number) < 1 << 63)
    with closing(connect(Settings.load(), "pophub_read")) as connection:
        found = browse.listing(connection, Selection(ids=possible, state=None), 0)
    if lost := wanted - {row["id"] for row in found}:
        raise ConfigError(
            "quarantine.unknown",
            f"there is no version {', '.join(map(str, sorted(lost)))} in quarantine",
            remedy="use one of `pophub quarantine list`",
        )


def _declared() -> set[str]:
    return {stem_at(path) for path in connector_paths(Settings.load().project)}


def _agencies(stems: Iterable[str]) -> set[str]:
    return {stem.partition(".")[0] for stem in stems}


def _in_database(sql: str) -> set[str]:
    with (
        closing(connect(Settings.load(), "pophub_read")) as connection,
        transaction(connection, "known names") as cursor,
    ):
        cursor.execute(sql)
        return {str(name) for (name,) in cursor.fetchall()}
