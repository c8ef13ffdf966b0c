"""How an API leads from one page to the next, as its first answers prove it; nothing is concluded from a name alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from pophub.contracts.personal import folded
from pophub.domain.errors import ConfigError, PophubError
from pophub.sources.http_client import Access, HttpClient, read_url
from pophub.sources.json_pages import Member, member, parsed, records_of

MOST_QUESTIONS = 100  # that an API is asked before it is told that the way was not found
TRIES = 2
MAX_DEPTH = 4  # of objects around the list of records
SIZE = 500
SIZES = ("limit", "size", "page_size", "pageSize", "per_page", "perPage", "count", "so_luong", "kich_thuoc")
NUMBERS = ("page", "trang", "p", "pageNumber", "page_number", "pageIndex", "so_trang")
OFFSETS = ("offset", "skip", "start", "from", "tu", "bat_dau")
CURSORS = ("cursor", "after", "page_token", "pageToken", "next_token", "con_tro", "continuation", "scroll_id")
_LEADS = re.compile(r"(?:^|_)(?:next|tiep|cursor|con_tro|after|token|continu\w*|scroll|sau)(?:_|$)")
_MORE = re.compile(r"(?:^|_)(?:total|tong|has_more|has_next|con_nua|total_\w+|tong_\w+)(?:_|$)")
_ADDRESS = re.compile(r"https?://|/|\?")
_PASSES_OVER = ("source.answer", "source.table_missing", "source.unreachable", "source.timeout")


class ApiAnswer(NamedTuple):
    """One answer: all of it, its records as they stand, and the address that its `Link` header names as next."""

    body: Any
    records: list[Member]
    link: str | None


class Asker:
    """An API that is asked questions, so many at most, each once or twice; `records` is the path of its list."""

    def __init__(self, url: str, access: Access, where: str) -> None:
        self.url = read_url(url, where)
        self.records: str | None = None
        self.asked = 0
        self._where = where
        self._client = HttpClient(self.url, access, where, TRIES, keeps=False)  # a server may have one line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.__exit__(*error)

    def first(self) -> Any:
        """Ask for the first page; errors are those of `HttpClient.page`."""
        return parsed(self._client.page(self.url, {}).data, self._where)

    def ask(self, parameters: dict[str, str], address: str | None = None) -> ApiAnswer | None:
        """Ask for a page; None where the API refuses, has no list there, or was asked enough."""
        self.asked += 1
        if self.asked > MOST_QUESTIONS:
            return None
        try:
            where = self.url if address is None else self._client.next(self.url, address)
            page = self._client.page(where, parameters)
            body = parsed(page.data, self._where)
            records_of(body, self.records, self._where)
        except PophubError as error:
            if error.code not in _PASSES_OVER:
                raise
            return None
        return ApiAnswer(body, member(body, self.records), page.link)

    def whole_parameters(self) -> dict[str, int]:
        """Give the parameters of the address that are whole numbers."""
        return {
            name: int(value) for name, value in self.url.params.items() if re.fullmatch(r"\d{1,9}", value)
        }


def lists_of(answer: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """Give each list of objects in an answer with its path; that of a list which is the answer is empty."""
    if isinstance(answer, list) and all(isinstance(one, dict) for one in answer):
        yield path, answer
    elif isinstance(answer, dict) and depth < MAX_DEPTH:
        for name, inner in answer.items():
            if name and "." not in name:
                yield from lists_of(inner, f"{path}.{name}" if path else name, depth + 1)


def find_pages(asker: Asker) -> tuple[dict[str, Any] | None, str]:
    """Give how the next page is asked for, as `pages` declares it, and what proved that; None where there is one page.

    Errors: `connector.pages` where the answer says that there are more records, and no question led to them.
    """
    base = asker.ask({})
    if base is None or not base.records:
        return None, "the first page has no record"
    size = _size(asker, base)
    small = {} if size is None else {size: str(max(2, len(base.records) // 3))}
    start = base if size is None else asker.ask(small) or base
    found = _linked(asker, start) or _cursor(asker, start, small) or _counted(asker, start, small)
    if found is None:
        _refuse_more(base, asker)
        return None, "no question led to another page"
    pages, why = found
    if size is not None:
        large = asker.ask({size: str(SIZE)})
        whole = large is not None and len(large.records) >= len(base.records)
        pages |= {"size_parameter": size, "size": SIZE if whole else len(base.records)}
    return pages, why


def _size(asker: Asker, base: ApiAnswer) -> str | None:
    """Give the parameter of a page's size: asked for fewer records, the answer has the first of them."""
    few = 2 if len(base.records) > 2 else 1
    if len(base.records) <= few:
        return None
    for name in SIZES:
        answer = asker.ask({name: str(few)})
        if answer is not None and answer.records == base.records[:few]:
            return name
    return None


def _linked(asker: Asker, start: ApiAnswer) -> tuple[dict[str, Any], str] | None:
    """Follow what looks like an address: that of the next page leads to other records, and on from there."""
    if start.link is not None and _goes_on(start, asker.ask({}, start.link)):
        return {"kind": "link"}, "the header Link led to other records"
    for path, value in _scalars(start.body, asker.records):
        if isinstance(value, str) and _ADDRESS.match(value):
            then = asker.ask({}, value)
            if then is not None and _goes_on(start, then) and member(then.body, path) != value:
                return {"kind": "link", "next": path}, f"the address at {path} led to other records"
    return None


def _cursor(asker: Asker, start: ApiAnswer, small: dict[str, str]) -> tuple[dict[str, Any], str] | None:
    """Send back what is named like a cursor, under each name that it may go by."""
    for path, value in _scalars(start.body, asker.records):
        last = path.rpartition(".")[2]
        if value in (None, "", 0) or isinstance(value, bool) or not _LEADS.search(folded(last)):
            continue
        for name in dict.fromkeys((last, *CURSORS)):
            then = asker.ask({**small, name: str(value)})
            if then is not None and _goes_on(start, then) and member(then.body, path) != value:
                return {
                    "kind": "cursor",
                    "next": path,
                    "parameter": name,
                }, f"{path} sent as {name} led to other records"
    return None


def _counted(asker: Asker, start: ApiAnswer, small: dict[str, str]) -> tuple[dict[str, Any], str] | None:
    """Count pages or records: of a number one higher, a page has other records, and a list begins one later.

    A whole number in the address may filter, as a year does: other records alone prove nothing of it.
    """
    if len(start.records) < 2:
        return None
    named = asker.whole_parameters()
    for name in dict.fromkeys((*(one for one in named if one not in small), *NUMBERS, *OFFSETS)):
        first = named.get(name)
        then = asker.ask({**small, name: str(1 if first is None else first + 1)})
        if then is None:
            continue
        if first is None and then.records == start.records:
            first, then = 1, asker.ask({**small, name: "2"})
        if then is None or not then.records or then.records == start.records:
            continue
        if then.records[0] == start.records[1]:
            return {"kind": "offset", "parameter": name}, f"{name} one higher began one record later"
        if name in NUMBERS and _goes_on(start, then):
            return {
                "kind": "number",
                "parameter": name,
                "first": first or 0,
            }, f"{name} one higher led to other records"
    return None


def _goes_on(start: ApiAnswer, then: ApiAnswer | None) -> bool:
    """Tell whether a page has records, and none of those of another."""
    if then is None or not then.records:
        return False
    return not any(record in start.records for record in then.records)


def _scalars(answer: Any, records: str | None, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give each value in an answer with its path, those of the records left out."""
    if not isinstance(answer, dict) or path == records:
        return
    for name, inner in answer.items():
        if not name or "." in name:
            continue
        at = f"{path}.{name}" if path else name
        if isinstance(inner, dict):
            yield from _scalars(inner, records, at)
        elif isinstance(inner, str | int) or inner is None:
            yield at, inner


def _refuse_more(base: ApiAnswer, asker: Asker) -> None:
    """Refuse an answer that is said not to be all.

    Errors: `connector.pages`.
    """
    count = len(base.records)
    for path, value in _scalars(base.body, asker.records):
        name = folded(path.rpartition(".")[2])
        more = _MORE.search(name) and (value is True or (isinstance(value, int) and value > count))
        led = _LEADS.search(name) and value not in (None, "", 0) and not isinstance(value, bool)
        if more or led or base.link is not None:
            raise _no_way(
                f"{path if more or led else 'the header Link'} says that more records follow", asker
            )


def _no_way(what: str, asker: Asker) -> ConfigError:
    """Give the refusal of pages whose way on nobody can tell but the API's own description."""
    return ConfigError(
        "connector.pages", f"{what}, and no question led to them", where=asker.records or "the answer",
        remedy="see how the API's description asks for the next page, and say it: --pages '{kind: number, parameter: NAME}',"
        " or kind: offset; {kind: cursor, next: PATH, parameter: NAME}; {kind: link, next: PATH}",
    )  # fmt: skip
