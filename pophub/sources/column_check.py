"""What only the source can tell of a connector's settings, found before anything is read."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.types import Boolean, Date, DateTime, Enum, Integer, NullType, Numeric, String, TypeEngine

from pophub.contracts.source_model import DatabaseSource
from pophub.domain.errors import ContractBreach
from pophub.domain.record import RESERVED

DAY_S = 86_400


def check_names(columns: Iterable[str], where: str) -> None:
    """Refuse a table with a column of a name that pophub gives columns of its own.

    Errors: `source.column_reserved`.
    """
    if taken := sorted(RESERVED & set(columns)):
        raise ContractBreach(
            "source.column_reserved",
            f"the table has a column named {', '.join(taken)}, a name that pophub needs itself",
            where=where,
            remedy="have the agency give a view in which the column has another name, and name it in "
            "`source.table`",
        )


def check_marker(source: DatabaseSource, kind: TypeEngine[object], dialect: str, where: str) -> None:
    """Refuse a marker whose column holds another type than the connector says.

    Errors: `source.marker_type`, with what to change.
    """
    if source.marker.numbered:
        return
    flaw = _sequence(kind) if source.marker.kind == "sequence" else _time(source, kind, dialect)
    if flaw is not None:
        what, remedy = flaw
        what = f"the marker's column {source.marker.column} is {what} ({_name(kind)})"
        raise ContractBreach("source.marker_type", what, where=where, remedy=remedy)


def _sequence(kind: TypeEngine[object]) -> tuple[str, str] | None:
    if isinstance(kind, Integer | Numeric | NullType) and not isinstance(kind, Boolean):
        return None
    time = isinstance(kind, Date | DateTime)
    instead = "declare `kind: time`" if time else "declare the column with the number that the source raises"
    return "no number, but `kind: sequence` is declared", f"{instead}; texts would be compared as 10 < 9"


def _time(source: DatabaseSource, kind: TypeEngine[object], dialect: str) -> tuple[str, str] | None:
    if dialect == "sqlite":  # has no type of time: a text, or whatever was written
        whole = isinstance(kind, Integer | Boolean)
        return ("a number, but `kind: time` is declared", "declare `kind: sequence`") if whole else None
    if isinstance(kind, Date | DateTime):
        if source.marker.format is not None:
            return "a time already, but a format is declared", "take `source.marker.format` out"
        if isinstance(kind, Date) and source.settling_s < DAY_S:
            return "a date, under which all changes of a day stand", (
                f"declare `settle_s: {DAY_S}` or more: a day is read when it is over, as each key's last row; "
                "or declare a column with the time"
            )
        return None
    if isinstance(kind, String | Enum | NullType):
        return None
    return "no time, but `kind: time` is declared", (
        "declare `kind: sequence`"
        if isinstance(kind, Integer | Numeric)
        else "declare a column with the time"
    )


def _name(kind: TypeEngine[object]) -> str:
    return type(kind).__name__.lower()
