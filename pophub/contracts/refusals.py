"""Turn what pydantic refuses into our codes, with file, line and the nearest right key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from pophub.contracts.flaws import Flaws
from pophub.contracts.patterns import WORDS
from pophub.contracts.strict_yaml import Document, Place
from pophub.contracts.suite import nearest, refuse
from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError

_CODES = {
    "missing": "config.missing",
    "extra_forbidden": "config.unknown_key",
    "string_pattern_mismatch": "identifier.invalid",
    "greater_than_equal": "config.range",
    "greater_than": "config.range",
    "less_than_equal": "config.range",
    "less_than": "config.range",
    "too_short": "config.range",
    "string_too_short": "config.range",
    "string_too_long": "config.range",
    "literal_error": "config.value",
    "union_tag_invalid": "config.value",
    "union_tag_not_found": "config.missing",
}
_ORDER = ("secret.inline", "config.unknown_key", "config.missing")
_URL_SECRET = re.compile(r"\A[a-z][a-z0-9+.-]*://[^/\s@]*:[^/\s@]+@", re.IGNORECASE)
_SECRET_KEYS = frozenset({"password", "passwd", "secret", "token", "api_key", "pwd"})
_TAGS = frozenset(
    {"sql", "cdc", "files", "http", "kafka"}
)  # kinds of source, by which its models are told apart
M = TypeVar("M", bound=BaseModel)


def read_model(model: type[M], document: Document) -> M:
    """Validate a document as a model.

    Errors: ConfigError of the gravest flaw, which brings the others: inline secret, unknown key, missing
    key, the rest.
    """
    flaws = list(_secrets(document.data, (), document))
    try:
        read = model.model_validate(document.data)
    except ValidationError as error:
        known = {flaw.where for flaw in flaws}
        found = [_flaw(model, dict(entry), document) for entry in error.errors()]
        flaws += [flaw for flaw in found if flaw.where not in known]
    rank = {code: place for place, code in enumerate(_ORDER)}
    gathered = Flaws()
    for flaw in sorted(flaws, key=lambda flaw: rank.get(flaw.code, len(rank))):
        gathered.add(flaw)
    gathered.tell()
    return read


def read_kept(model: type[M], told: Any, where: str) -> M:
    """Read what was put on record as a model; what it says is not told.

    Errors: `hub.layout` where another version of pophub put it there, and this one cannot read it.
    """
    try:
        return model.model_validate(told)
    except ValidationError as error:
        what = f"what is on record cannot be read by this version, in {error.error_count()} places"
        raise ConfigError("hub.layout", what, where=where, remedy=explain("hub.layout").remedy) from None


def _secrets(value: Any, place: Place, document: Document) -> Iterator[ConfigError]:
    """Find each URL with a password, and each key that asks for a secret, anywhere in the file."""
    if isinstance(value, dict):
        for key, inner in value.items():
            plain = inner is not None and not isinstance(inner, dict | list)  # else a name, as of a field
            if key.lower() in _SECRET_KEYS and plain and not _is_reference(inner):
                where = document.where(*place, key)
                yield refuse("secret.inline", f"the key {key!r} holds a secret", where)
            else:
                yield from _secrets(inner, (*place, key), document)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _secrets(inner, (*place, index), document)
    elif isinstance(value, str) and "@" in value and _URL_SECRET.match(value):
        yield refuse("secret.inline", "an address holds a password", document.where(*place))


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("${") and value.endswith("}")


def _flaw(model: type[BaseModel], entry: dict[str, Any], document: Document) -> ConfigError:
    steps = tuple(step for step in entry["loc"] if step != "[key]")
    place = tuple(step for at, step in enumerate(steps) if not (at == 1 and step in _TAGS))
    name = ".".join(str(step) for step in place) or "the file"
    where = document.where(*place)
    code = _CODES.get(str(entry["type"]), "config.type")
    if code == "config.unknown_key":
        known = _keys_at(model, steps[:-1])
        return refuse(code, f"unknown key {name!r}{nearest(str(place[-1]), known)}", where)
    if code == "config.missing":
        return refuse(code, f"{name} is missing", where)
    if place and place[-1] == "url":
        return refuse("secret.inline", "url is not a variable such as ${POPHUB_SOURCE_X}", where)
    return refuse(code, _words(name, entry), where)


def _words(name: str, entry: dict[str, Any]) -> str:
    """Say what is wrong with a value, without showing it."""
    told = entry.get("ctx", {})
    if told.get("pattern") in WORDS:
        return f"{name} is not {WORDS[told['pattern']]}"
    if entry["type"] == "literal_error":
        return f"{name} is not {told['expected']}"
    said = str(entry["msg"])
    return f"{name}: {said[:1].lower()}{said[1:]}"


def _keys_at(model: type[BaseModel], steps: Place) -> list[str]:
    """Give the keys that the model allows at a place."""
    kinds: list[Any] = [model]
    for step in steps:
        inner = [found for kind in kinds for found in _inner(kind, step)]
        kinds = inner or kinds  # an index, or a free key of a mapping, stays at the same models
    return [
        field.alias or name
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for name, field in kind.model_fields.items()
    ]


def _inner(kind: Any, step: str | int) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if step in (name, field.alias):
                return _models(field.annotation)
        tagged = kind.model_fields.get("kind")
        return [kind] if tagged and step in get_args(tagged.annotation) else []
    return []


def _models(annotation: Any) -> list[Any]:
    """Give the models within an annotation such as `tuple[Person, ...]` or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]
