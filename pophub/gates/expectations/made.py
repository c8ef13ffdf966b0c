"""pophub's own expectations as Great Expectations' classes, each made from its shape."""

from __future__ import annotations

from types import new_class
from typing import Any, ClassVar, Literal, Optional

from pophub.contracts.arguments import Argument, Shape
from pophub.contracts.shapes import OWN
from pophub.gates.expectations.rows import RowsExpectation

_TYPES: dict[str, Any] = {"column": str, "codes": str, "days": int, "number": float}


def _type_of(one: Argument) -> Any:
    kinds: Any = Literal
    held = kinds[one.choices] if one.kind == "choice" else _TYPES[one.kind]
    return held if one.needed or one.default is not None else Optional[held]  # noqa: UP045  a value, no annotation


def _made(name: str, shape: Shape) -> type[RowsExpectation]:
    """Make the class of an expectation: expect_present becomes ExpectPresent.

    Great Expectations registers it under `name` as it comes to be, by the words of the class's name.
    """
    kwargs = {one.name: _type_of(one) for one in shape.arguments}
    body: dict[str, Any] = {one.name: one.default for one in shape.arguments if not one.needed}
    if any(one.kind == "codes" for one in shape.arguments):
        kwargs["listed"], body["listed"] = list[str] | None, None  # what is in that table: the hub adds it
    body |= {
        "__doc__": shape.says,
        "__module__": __name__,
        "__annotations__": {**kwargs, "told": ClassVar[tuple[str, ...]]},
        "told": tuple(kwargs),
    }
    words = "".join(word.capitalize() for word in name.split("_"))
    return new_class(words, (RowsExpectation,), exec_body=lambda space: space.update(body))


EXPECTATIONS = {name: _made(name, shape) for name, shape in OWN.items()}
