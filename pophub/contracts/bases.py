"""Legal bases with a validity, `bases/<name>.yaml`: records and subscriptions cite them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from pophub.contracts.flaws import Flaws
from pophub.contracts.model import Connector, LegalBasis
from pophub.contracts.patterns import NAME, WORDS, is_name
from pophub.contracts.refusals import read_model
from pophub.contracts.strict_yaml import Document, load_document
from pophub.contracts.subscription_model import Grant, SubscriptionFile
from pophub.contracts.suite import nearest, refuse
from pophub.domain.dates import HO_CHI_MINH, date_of, instant
from pophub.domain.errors import ConfigError
from pophub.domain.record import Columns

FOLDER = "bases"
Bases = Mapping[str, LegalBasis]


def basis_paths(project: Path) -> list[Path]:
    """Give the files of all legal bases, in the order of their names."""
    return sorted((project / FOLDER).glob("*.yaml"))


def read_bases(project: Path) -> tuple[dict[str, LegalBasis], list[ConfigError]]:
    """Read every legal basis of a project; a broken one never hides the others."""
    documents: dict[str, Document] = {}
    found: dict[str, LegalBasis] = {}
    errors: list[ConfigError] = []
    for path in basis_paths(project):
        try:
            document = load_document(path, project)
            if not is_name(path.stem):
                what = f"the file's name {path.stem!r} is not {WORDS[NAME]}"
                raise refuse("config.path", what, document.where())
            found[path.stem], documents[path.stem] = read_model(LegalBasis, document), document
        except ConfigError as error:
            errors += [error, *error.others]
    for name, basis in list(found.items()):
        try:
            _check(documents[name], basis, found)
        except ConfigError as error:
            del found[name]
            errors += [error, *error.others]
    return found, errors


def _check(document: Document, basis: LegalBasis, known: Bases) -> None:
    flaws = Flaws()
    if basis.in_force_to is not None and basis.in_force_to < basis.in_force_from:
        flaws.add(refuse("config.range", "it ends before it is in force", document.where("in_force_to")))
    if basis.replaced_by is not None:
        where = document.where("replaced_by")
        if basis.replaced_by not in known or known[basis.replaced_by] is basis:
            what = f"there is no other basis {basis.replaced_by}{nearest(basis.replaced_by, known)}"
            flaws.add(refuse("config.basis", what, where))
        if basis.in_force_to is None:
            flaws.add(refuse("config.missing", "what is replaced has an end: in_force_to", where))
    flaws.tell()


def in_force(bases: Iterable[LegalBasis], written: str, day: date) -> bool:
    """Tell whether a basis is in force on a day, by its number or another way in which it is written."""
    return any(written in (one.number, *one.written) and one.in_force(day) for one in bases)


def basis_columns(
    connector: Connector, columns: Columns, changed_at: Sequence[int | None], stamps: Sequence[int]
) -> Columns:
    """Give of each record, for each field in which it cites a basis, whether that is in force on the record's day.

    Shape: `hub_<field>_in_force`; the day is that of the facts, of the change, or of the exchange, whichever is
    told first; microseconds UTC are taken in Asia/Ho_Chi_Minh. Who cites nothing is in order.
    """
    kinds = {field.name: field.type for field in connector.contract.fields}
    found: Columns = {}
    for cited in connector.file.cites:
        times = columns[cited.at] if cited.at else changed_at
        days = kinds.get(cited.at or "") == "date"
        found[f"hub_{cited.field}_in_force"] = [
            written is None or in_force(connector.bases, written, _day(time, days, stamp))
            for written, time, stamp in zip(columns[cited.field], times, stamps, strict=True)
        ]
    return found


def _day(time: int | None, days: bool, stamp: int) -> date:
    if time is not None and days:
        return date_of(time)
    return instant(stamp if time is None else time).astimezone(HO_CHI_MINH).date()


def end_of(grant: Grant, bases: Bases, today: date) -> date | None:
    """Give the last day on which a basis of a grant is in force; a day that is over where none is today.

    Shape: None where one has no end, or where the grant cites none.
    """
    ends: list[date] = []
    for basis in (bases[name] for name in grant.bases if name in bases):
        if basis.in_force(today):
            if basis.in_force_to is None:
                return None
            ends.append(basis.in_force_to)
    return max(ends) if ends else today - timedelta(days=1) if grant.bases else None


def standing(
    document: Document, file: SubscriptionFile, bases: Bases, today: date
) -> tuple[SubscriptionFile, list[ConfigError]]:
    """Give a subscription with the grants that stand on a basis in force today, and what is wrong with the others.

    A grant stops where no basis that it cites is in force: it is left out, as if it were not declared.
    """
    kept, errors = [], []
    for at, grant in enumerate(file.grants):
        unknown = [name for name in grant.bases if name not in bases]
        for name in unknown:
            what = f"there is no basis {name}{nearest(name, bases)}"
            place = grant.bases.index(name)
            errors.append(refuse("config.basis", what, document.where("grants", at, "bases", place)))
        over = end_of(grant, bases, today)
        if not unknown and over is not None and over < today:
            what = f"none of {', '.join(grant.bases)} is in force today{_instead(grant.bases, bases)}"
            errors.append(refuse("config.basis", what, document.where("grants", at, "bases")))
        if not unknown and (over is None or over >= today):
            kept.append(grant)
    if len(kept) == len(file.grants):
        return file, errors
    return file.model_copy(update={"grants": tuple(kept)}), errors


def ended_rules(connectors: Iterable[Connector], project: Path, today: date) -> list[ConfigError]:
    """Tell the rules of which no basis is in force any more: they go on judging, and want another one."""
    found = []
    for connector in connectors:
        path, rules = connector.contract.suite_path, connector.contract.rules
        for at, rule in enumerate(rules):
            if not rule.bases or any(basis.in_force(today) for basis in rule.bases):
                continue
            numbers = ", ".join(basis.number for basis in rule.bases)
            successors = [basis.replaced_by for basis in rule.bases if basis.replaced_by]
            what = f"{rule.code}: none of {numbers} is in force today{_told(successors)}"
            where = load_document(path, project).where("expectations", at, "meta", "bases")
            found.append(refuse("config.basis", what, where))
    return found


def _instead(names: Iterable[str], bases: Bases) -> str:
    return _told(successor for name in names if (successor := bases[name].replaced_by))


def _told(names: Iterable[str]) -> str:
    successors = sorted(set(names))
    return f"; replaced by {', '.join(successors)}" if successors else ""
