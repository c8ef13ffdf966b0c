"""One field of a drafted contract for each column: its name, its type by trial, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from pophub.contracts.model import AvroField, FieldMapping
from pophub.contracts.personal import folded
from pophub.drafting.profile import ColumnProfile
from pophub.gates.mapping import Column

MAX_NAME = 63
MAX_COLUMN = 128
MAX_PLACES = 12  # behind the point, of a number whose source bounds none
TOLERATED = 0.2  # of the values may be refused, as defects of the source; of more, the type was guessed wrong
_EXACT: dict[str, list[str]] = {
    "integer": ["long"],
    "double": ["double"],
    "boolean": ["boolean"],
    "date": ["date"],
    "time": ["timestamp-micros"],
    "bytes": ["bytes"],
}


@dataclass(frozen=True)
class FieldDraft:
    """A field: how it is read, what it holds, and what its first rules say.

    Shape: `notes` are reasons for a person; `values` are those of a code, `least` a lower bound; `refused` is the
    share of the values seen that the mapping refuses.
    """

    profile: ColumnProfile
    avro: AvroField
    mapping: Mapping[str, str]
    codes: str | None = None
    values: tuple[Any, ...] = ()
    least: int | None = None
    notes: tuple[str, ...] = field(default=())
    refused: float = 0.0

    @property
    def name(self) -> str:
        """The field's name in the contract."""
        return self.avro.name

    @property
    def column(self) -> str:
        """The column's name at the source."""
        return self.profile.column.name


def names_for(columns: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Give a name of the contract for each column, `known` where another connector has one.

    >>> names_for(["Mã hồ sơ", "ma_ho_so", "2024", "hub_key"], {})
    {'Mã hồ sơ': 'ma_ho_so', 'ma_ho_so': 'ma_ho_so_2', '2024': 'f_2024', 'hub_key': 'f_hub_key'}
    """
    found: dict[str, str] = {}
    for column in columns:
        plain = known.get(column) or folded(column) or "field"
        if not plain[0].isalpha() or plain.startswith("hub_"):
            plain = f"f_{plain}"
        name, number = plain[:MAX_NAME], 1
        while name in found.values():
            number += 1
            name = f"{plain[: MAX_NAME - 4]}_{number}"
        found[column] = name
    return found


def draft_field(
    name: str, profile: ColumnProfile, *, key: bool, typed: bool = True, rounds: bool = False
) -> FieldDraft:
    """Draft a field: of the types that may fit, the first that takes the values seen.

    `typed` tells whether a value's type is the source's own word, as a table's is and a workbook's is not;
    `rounds`, whether a number may have lost digits on its way.
    """
    trials = list(_trials(name, profile, key, typed, rounds))
    shares = [_refused(one, key, typed, rounds) for one in trials]
    chosen = next((one for one, share in zip(trials, shares, strict=True) if share <= TOLERATED), None)
    best = chosen or trials[shares.index(min(shares))]
    if refused := shares[trials.index(best)]:
        told = f"{refused:.0%} of the values seen are refused: look at them with `connector try`"
        best = replace(best, notes=(*best.notes, told), refused=refused)
    return best


def _trials(name: str, profile: ColumnProfile, key: bool, typed: bool, rounds: bool) -> Iterable[FieldDraft]:
    """Give what the column may be, the likeliest first; a text at the end takes nearly everything."""
    column = profile.column

    def trial(kind: str, note: str = "", precision: int = 0, scale: int = 0, **mapping: Any) -> FieldDraft:
        told = {"name": name, "type": kind, "nullable": not key, "precision": precision, "scale": scale}
        extra = {at: mapping.pop(at) for at in ("codes_of", "values") if at in mapping}
        least = 0 if kind in ("long", "double", "decimal") and not key and profile.never_negative else None
        return FieldDraft(
            profile, AvroField.model_validate(told), mapping, extra.get("codes_of"), extra.get("values", ()), least,
            (note,) if note else (),
        )  # fmt: skip

    if rounds and profile.lost:
        note = "numbers of more than 15 digits, of which the last ones are lost: ask for texts"
        yield trial("string", note, text="trim")
    elif column.kind in ("text", "other"):
        yield from _text_trials(profile, trial, key, typed)
    elif column.kind == "decimal":
        if column.digits and column.digits <= 38 and not key:
            yield trial("decimal", precision=column.digits, scale=column.scale)
        elif not typed and not key and (scale := _places(profile)) is not None:
            note = (
                f"the source bounds no digits; at most {scale} behind the point were seen, more are refused"
            )
            yield trial("decimal", note, precision=38, scale=scale)
        elif not column.digits and profile.values:
            yield trial("long", "the type bounds no digits; all values seen are whole")
    elif not (key and column.kind == "bytes"):
        for kind in _EXACT[column.kind]:
            yield trial(kind)
    if not typed and not key and not profile.person:
        note = "numbers among the texts: the zeros that they began with are lost"
        yield trial("string", note, text="trim", numbers="as_text")
    yield trial(
        "string", "" if column.kind in ("text", "other") else f"{column.type} as the database prints it"
    )
    if not profile.texts and profile.values:
        yield trial("double", "the column has a type of texts, and holds numbers")


def _text_trials(profile: ColumnProfile, trial: Any, key: bool, typed: bool) -> Iterable[FieldDraft]:
    if not profile.texts and profile.values:  # SQLite writes any value under any type
        yield trial("long", "the values seen are whole numbers")
    if profile.person or key:
        yield trial("string", "a personal identification number, by its values" if profile.person else "")
    if (table := profile.table) is not None:
        yield trial(
            "string",
            f"{'all' if not profile.strange else 'nearly all'} values seen are of the code table {table}",
            text="trim",
            codes=table,
            codes_of=table,
        )
    if (form := profile.date_form) is not None:
        yield trial("date", "a date, by its values", text="trim", parse="date", format=form)
    if (form := profile.time_form) is not None:
        yield trial("timestamp-micros", "a time, by its values", text="trim", parse="time", format=form)
    elif profile.iso_times:
        yield trial("timestamp-micros", "a time, by its values", text="trim", parse="time")
    if profile.few:
        note = f"only these {len(profile.few)} values were seen: taken for a code"
        yield trial("string", note, text="trim", values=profile.few)
    if profile.column.kind == "text":
        yield trial("string", _of_text(profile, typed), text="trim")


def _of_text(profile: ColumnProfile, typed: bool) -> str:
    """Say what a column that stays text may be besides: its type stays once records have it."""
    if profile.lines:
        return "values span lines: no rule on characters that cannot be seen"
    if profile.dated:
        return "dates in more than one form: a text, until the agency sends them in one"
    if profile.grouped:
        return "numbers with dots or commas: a text, until the agency sends plain digits; as a decimal 12.000 would be twelve"
    if profile.counts and not typed:
        return "whole numbers in all values seen; if it is no code, write parse: integer here, and long into the schema"
    return ""


def _places(profile: ColumnProfile) -> int | None:
    """Give how many digits behind the point the numbers have at most; None where all are whole."""
    numbers = [value for value in profile.values if isinstance(value, Decimal) and value.is_finite()]
    found = max((-int(value.as_tuple().exponent) for value in numbers), default=0)
    return found if 0 < found <= MAX_PLACES else None


def _refused(draft: FieldDraft, key: bool, typed: bool, rounds: bool) -> float:
    """Give the share of the values seen that the mapping refuses."""
    values = list(draft.profile.values)
    if not values:
        return 0.0
    mapping = FieldMapping.model_validate({"from": draft.column, **draft.mapping})
    personal_id = draft.profile.person
    column = Column(
        mapping, draft.avro, personal_id=personal_id, from_files=not typed, rounds=rounds, key=key
    )
    return len(column.read(values)[1]) / len(values)
