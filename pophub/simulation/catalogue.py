"""The common catalogue: defects and near misses by name, for a column of a declaration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from pophub.simulation import defects, names
from pophub.simulation.declaration import Declaration, Filling
from pophub.simulation.model import Defect, Row, edit, put
from pophub.simulation.places import DIVIDED

Near = Callable[[Row], str]
"""Changes a sound row into another sound one that looks odd, and says how."""
OTHER_TAX_CODES = (("nine digits", "010203040"), ("letters", "01020304AB"))


def ways(declaration: Declaration) -> list[Defect]:
    """Give every defect of a dataset: those of its columns, then its own."""
    found: list[Defect] = []
    for name, column in declaration.columns.items():
        for defect in column.defects:
            found += _WAYS[defect](name, column, declaration)
    return found + [_own(one.code, one.label, one.set) for one in declaration.defects]


def near_misses(declaration: Declaration) -> list[Near]:
    """Give every near miss of a dataset's columns."""
    columns = declaration.columns.items()
    return [_NEAR[near](name, column) for name, column in columns for near in column.near]


def _own(code: str, label: str, values: Row) -> Defect:
    return Defect(code.partition(".")[0], code, label, lambda row, _: row.update(values))


def _missing(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    return defects.missing(name)


def _words(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    """Write what is no value of the column's kind."""
    if column.date or column.person == "birth_date":
        day = column.format.replace("%d", "31").replace("%m", "02").replace("%Y", "2023")
        code = "contract.dob.invalid" if column.person else "contract.date.format"
        return [Defect("contract", code, f"{name}: 31 February", put(name, day))]
    kind, said = ("boolean", "có lẽ") if column.flag else ("number", "chưa rõ")
    return [Defect("contract", f"contract.{kind}.format", f"{name} in words", put(name, said))]


def _other_form(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    said = "2023-05-14" if column.format.startswith("%d") else "14/05/2023"
    return [Defect("contract", "contract.date.format", f"{name} in another form", put(name, said))]


def _negative(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    return [Defect("correct", "correct.amount.range", f"{name} below 0", put(name, -1))]


def _unknown(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    return [Defect("correct", "correct.code.unknown", f"no such {name}", put(name, "Ngoài danh mục"))]


def _before(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    """Date it before the day that it follows."""
    assert column.date is not None and column.date.after is not None
    follows, form = column.date.after, declaration.columns[column.date.after].format

    def change(row: Row, rng: Random) -> None:
        first = datetime.strptime(row[follows], form) - timedelta(days=rng.randint(1, 30))
        row[name] = first.strftime(column.format)

    return [Defect("correct", "correct.dates.order", f"{name} before {follows}", change)]


def _future(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    day = datetime(2999, 1, 1).strftime(column.format)
    return [Defect("correct", "correct.date.future", f"{name} in the future", put(name, day))]


def _hidden(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    return [defects.hidden_character(name)]


def _id(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    """Spoil a personal number; a line's end inside a file is a flaw of the file, not of the number."""
    born = any(one.person == "birth_date" for one in declaration.columns.values())
    found = defects.personal_id(name, dob=born)
    return [d for d in found if not (declaration.source.files and "newline" in d.label)]


def _unknown_person(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    return [defects.unknown_person(name)]


def _other_name(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    return [defects.other_name(name)]


def _other_birth(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    def change(row: Row, _: Random) -> None:
        birth = datetime.strptime(row[name], column.format)
        row[name] = birth.replace(day=birth.day % 28 + 1).strftime(column.format)

    return [Defect("correct", "correct.agreement.birth_date", "another birth date", change)]


def _tax_code(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    return [
        Defect("correct", "correct.taxcode.format", f"{name} of {label}", put(name, said))
        for label, said in OTHER_TAX_CODES
    ]


def _unknown_reference(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    label = f"{name} stands nowhere"
    return [Defect("sufficient", "sufficient.unknown_reference", label, put(name, "0.000000"))]


def _not_taken(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    assert column.take is not None
    label = f"{name} is not what {column.take.by} says"
    return [Defect("correct", "correct.agreement.reference", label, edit(name, lambda value: int(value) + 1))]


def _divided(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    def change(row: Row, rng: Random) -> None:
        row[name] = rng.choice(DIVIDED)

    return [Defect("correct", "correct.unit.ambiguous", f"{name} of a commune that was divided", change)]


def _tax_code_digit(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    def change(value: str) -> str:
        return f"{value[:9]}{(int(value[9]) + 1) % 10}"

    return [Defect("correct", "correct.taxcode.digit", f"{name} with another last digit", edit(name, change))]


def _unknown_organisation(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    label = f"{name} is not registered"
    return [Defect("sufficient", "sufficient.unknown_organisation", label, put(name, "0000000000"))]


def _other_organisation(name: str, column: Filling, declaration: Declaration) -> list[Defect]:
    label = f"{name} of another organisation"
    return [Defect("correct", "correct.agreement.organisation", label, put(name, "Hợp tác xã Mường Hoa"))]


_WAYS: dict[str, Callable[[str, Filling, Declaration], list[Defect]]] = {
    "missing": _missing,
    "words": _words,
    "other_form": _other_form,
    "negative": _negative,
    "unknown": _unknown,
    "before": _before,
    "future": _future,
    "hidden": _hidden,
    "id": _id,
    "unknown_person": _unknown_person,
    "other_name": _other_name,
    "other_birth": _other_birth,
    "tax_code": _tax_code,
    "unknown_reference": _unknown_reference,
    "not_taken": _not_taken,
    "divided": _divided,
    "tax_code_digit": _tax_code_digit,
    "unknown_organisation": _unknown_organisation,
    "other_organisation": _other_organisation,
}


def _spelling(name: str, column: Filling) -> Near:
    def change(row: Row) -> str:
        row[name], label = names.spellings(row[name])[0]
        return label

    return change


def _spaces(name: str, column: Filling) -> Near:
    def change(row: Row) -> str:
        row[name] = f" {row[name]} "
        return f"near miss: spaces around {name}"

    return change


def _zero(name: str, column: Filling) -> Near:
    def change(row: Row) -> str:
        row[name] = 0
        return f"near miss: {name} of zero"

    return change


def _same_day(name: str, column: Filling) -> Near:
    assert column.date is not None and column.date.after is not None
    follows = column.date.after

    def change(row: Row) -> str:
        row[name] = row[follows]
        return f"near miss: {name} on the day of {follows}"

    return change


_NEAR: dict[str, Callable[[str, Filling], Near]] = {
    "spelling": _spelling,
    "spaces": _spaces,
    "zero": _zero,
    "same_day": _same_day,
}
