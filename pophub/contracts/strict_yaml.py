"""YAML without guesses: plain words stay text, and whatever YAML would guess at is refused.

The document is built from the parser's events with a stack of our own: no recursion, no tags,
no aliases, and the line of every value is kept for messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError

MAX_DEPTH = 16
MAX_BYTES = 1 << 20
Place = tuple[str | int, ...]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+\Z")
_OTHER_BASE = re.compile(r"[+-]?(0[0-9_]+|0[xob][0-9a-f_]+|[0-9][0-9_]*(:[0-5]?[0-9])+)\Z", re.IGNORECASE)
_GUESSED = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false"})
_NULLS = frozenset({"", "~", "null"})
_WORDS = _GUESSED | _NULLS
_OF_NUMBERS = frozenset("+-0123456789")  # what a number may begin with


@dataclass(frozen=True)
class Document:
    """A loaded file: its data, and what gives the line (from 1) of each value by its place in the data."""

    path: Path
    data: dict[str, Any]
    lines: Callable[[], dict[Place, int]] = field(default=dict, repr=False)

    def where(self, *place: str | int) -> str:
        """Give `file:line` of a place, or of the nearest thing around it; only who refuses something asks."""
        lines = self.lines()
        while place and place not in lines:
            place = place[:-1]
        return f"{self.path}:{lines.get(place, 1)}"


@dataclass
class _Open:
    """A mapping or list that is being read."""

    value: dict[str, Any] | list[Any]
    place: Place
    key: str | None = None


def load_document(path: Path, project: Path) -> Document:
    """Read one YAML (or JSON) file whose root is a mapping; messages name it from the project on.

    Errors: ConfigError with a yaml.* code or config.missing_file, naming file and line.
    """
    shown = _shown(path, project)
    try:
        raw = path.read_bytes()
    except OSError:
        raise _refuse("config.missing_file", "the file cannot be read", str(shown)) from None
    if len(raw) > MAX_BYTES:
        raise _refuse("yaml.depth", f"the file has more than {MAX_BYTES} bytes", str(shown))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refuse("yaml.syntax", "the file is not UTF-8", str(shown)) from None
    return parse_document(text, shown)


def places_of(path: Path, project: Path) -> Document:
    """Give the document of a file that was read before, for messages alone: it is read again where one needs a line."""
    return Document(_shown(path, project), {}, cache(lambda: load_document(path, project).lines()))


def _shown(path: Path, project: Path) -> Path:
    return path.relative_to(project) if path.is_relative_to(project) else path


def parse_document(text: str, path: Path) -> Document:
    """Read YAML text as `load_document` does; `path` is for messages."""
    data = _plain_json(text)
    if data is None:
        data = _built(text, path)
    return Document(path, data, cache(lambda: _lines_of(text, path)))


def _plain_json(text: str) -> dict[str, Any] | None:
    """Read an object of JSON that is the same in YAML; None where the long way has to look.

    Events of YAML take ten times as long.
    """
    if not text.startswith("{") or "\\" in text or not text.replace("\n", "").isprintable():
        return None
    try:
        data = json.loads(
            text, object_pairs_hook=_once, parse_int=_whole, parse_float=_with_point, parse_constant=_odd
        )
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and _is_shallow(data, MAX_DEPTH) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs) or "<<" in found:
        raise ValueError
    return found


def _whole(text: str) -> int:
    return int(text) if _INTEGER.match(text) else _odd(text)


def _with_point(text: str) -> float:
    return float(text) if _DECIMAL.match(text) else _odd(text)


def _odd(text: str) -> Any:
    raise ValueError(text)


def _is_shallow(value: Any, levels: int) -> bool:
    """Tell whether an object or list has no more levels than so many."""
    if levels == 0:
        return False
    for inner in value.values() if type(value) is dict else value:
        if type(inner) in (dict, list) and not _is_shallow(inner, levels - 1):
            return False
    return True


def _built(text: str, path: Path, lines: dict[Place, int] | None = None) -> dict[str, Any]:
    """Read YAML by its events; `lines` takes the line of each value, for which a sound file is never asked.

    Errors: ConfigError with a yaml.* code.
    """
    builder = _Builder(path, lines)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _refuse("yaml.syntax", error.problem or "cannot be read", f"{path}:{line}") from None
    except (yaml.YAMLError, RecursionError):
        raise _refuse("yaml.syntax", "cannot be read", str(path)) from None
    if not isinstance(builder.root, dict):
        raise _refuse("yaml.root", "the file has no mapping at its root", f"{path}:1")
    return builder.root


def _lines_of(text: str, path: Path) -> dict[Place, int]:
    lines: dict[Place, int] = {}
    _built(text, path, lines)
    return lines


def _refuse(code: str, what: str, where: str) -> ConfigError:
    return ConfigError(code, what, where=where, remedy=explain(code).remedy)


class _Builder:
    """Builds data from YAML events, and the lines of its values where there is a place for them."""

    def __init__(self, path: Path, lines: dict[Place, int] | None) -> None:
        self.path = path
        self.root: Any = None
        self._lines = lines
        self._stack: list[_Open] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._take_scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._begin(event, {})
        elif kind is yaml.SequenceStartEvent:
            self._begin(event, [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._stack.pop()
        elif kind is yaml.AliasEvent:
            raise self._refuse("yaml.alias", "an alias is used", event)
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise self._refuse("yaml.multiple", "a second document begins", event)

    def _take_scalar(self, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            raise self._marked(event)
        text, plain = event.value, not event.style
        top = self._stack[-1] if self._stack else None
        if top is not None and top.key is None and type(top.value) is dict:
            self._begin_key(top, text, plain, event)
        else:
            self._put(self._scalar(text, event) if plain else text, event)

    def _begin(self, event: Any, opened: dict[str, Any] | list[Any]) -> None:
        if event.anchor is not None or event.tag is not None:
            raise self._marked(event)
        if len(self._stack) >= MAX_DEPTH:
            raise self._refuse("yaml.depth", f"nested deeper than {MAX_DEPTH}", event)
        self._stack.append(_Open(opened, self._put(opened, event)))

    def _marked(self, event: Any) -> ConfigError:
        if event.anchor is not None:
            return self._refuse("yaml.alias", "an anchor is used", event)
        return self._refuse("yaml.tag", "a tag is used", event)

    def _begin_key(self, top: _Open, key: str, plain: bool, event: Any) -> None:
        if plain and not isinstance(self._scalar(key, event), str):
            raise self._refuse("config.type", f"the key {key!r} is not text", event)
        if key == "<<":
            raise self._refuse("yaml.alias", "a merge key is used", event)
        if key in top.value:
            raise self._refuse("yaml.duplicate_key", f"the key {key!r} stands twice", event)
        top.key = key
        if self._lines is not None:
            self._lines[(*top.place, key)] = _line(event)

    def _put(self, value: Any, event: Any) -> Place:
        """Put a value where it belongs; give its place, where lines are kept."""
        if not self._stack:
            self.root = value
            return self._told((), event)
        top = self._stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
            return () if self._lines is None else self._told((*top.place, len(top.value) - 1), event)
        if top.key is None:
            raise self._refuse("config.type", "a key is not text", event)
        key, top.key = top.key, None
        top.value[key] = value
        return () if self._lines is None else (*top.place, key)

    def _told(self, place: Place, event: Any) -> Place:
        if self._lines is not None:
            self._lines[place] = _line(event)
        return place

    def _scalar(self, text: str, event: Any) -> Any:
        """Give a plain scalar its one meaning, or refuse it."""
        if text[:1] not in _OF_NUMBERS:
            return self._word(text, event) if text.lower() in _WORDS else text
        if _INTEGER.match(text):
            return int(text)
        if _DECIMAL.match(text):
            return float(text)
        if _OTHER_BASE.match(text):
            raise self._refuse("yaml.octal", "a number is written in another base", event)
        return text

    def _word(self, text: str, event: Any) -> bool | None:
        if text.lower() in _NULLS:
            return None
        if text in ("true", "false"):
            return text == "true"
        raise self._refuse("yaml.bool", f"the word {text!r} is not in quotes", event)

    def _refuse(self, code: str, what: str, event: Any) -> ConfigError:
        return _refuse(code, what, f"{self.path}:{_line(event)}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
