"""A paged JSON API, read from the oldest change that is wanted to the last page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx

from pophub.contracts.source_model import HttpSource, Marker
from pophub.domain.dates import EPOCH, time_parser
from pophub.domain.errors import ContractBreach, TransientError
from pophub.domain.record import FLAWS, Columns
from pophub.sources.http_client import Access, HttpClient, Page, read_url
from pophub.sources.json_pages import Member, as_columns, in_chunks, member, no_page, parsed, records_of

EMPTY_PAGES = 1_000  # one behind the other, before a source is called endless
_OLDEST = -(1 << 63)
READINGS = 3  # of a list that is counted, until two of them agree


class Asked(NamedTuple):
    """Where a page is asked for, and by which query parameters."""

    address: httpx.URL
    parameters: dict[str, str]


class HttpApi:
    """An API read page by page (`ports.TableSource`).

    A list whose pages are counted shifts while it is read, when a record of an earlier page goes or moves to
    the end: the record at the head of the next page is then on none. So such a list is read until two
    readings agree, and the position waits for that.
    """

    def __init__(
        self, source: HttpSource, url: str, access: Access, *, columns: Sequence[str], where: str
    ) -> None:
        self._source = source
        self._columns = tuple(columns)
        self._marker = marker_reader(source.marker)
        self._newest = _OLDEST
        self._counted = source.pages is not None and source.pages.kind in ("number", "offset")
        self._where = where
        self._url = read_url(url, where)
        self._access = access
        self.ordered = source.ordered  # whether the chunks that `read` gives now are in the order of markers

    def columns(self) -> tuple[str, ...]:
        """Give the members that the connector declares; what records have is seen where they are read."""
        return self._columns

    def read(self, from_marker: int | None, chunk_rows: int) -> Iterator[Columns]:
        """Give records from `from_marker` on and those without a usable marker, in chunks.

        Shape: a column for each member, inner ones by both names with a dot between, and `_flaws` for members that a record
        lacks. Values are None, str, int, bool, Decimal, or bytes where a text is no Unicode; lists are JSON.
        Errors: those of `HttpClient.page`; `source.pages` where pages repeat or do not end.
        """
        counted = self._counted
        self.ordered = self._source.ordered and not counted
        seen = _SeenPages(self._where)
        for reading in range(READINGS if counted else 1):
            new, pages = 0, 0
            seen.begin()
            for records, known in self._pages(from_marker, seen):
                pages += 1
                if not known:
                    new += 1
                    yield from self._wanted(records, from_marker, chunk_rows)
            if not counted or pages <= 1 or (reading and not new):
                self.ordered = True  # all of it was read: the position may move behind the newest
                return
        self.ordered = False
        raise TransientError(
            "source.unsettled", f"the list changed each time it was read, {READINGS} times", where=self._where,
            remedy="what was read is sent; the run tries again. A cursor, or `since`, would not need the list to rest",
        )  # fmt: skip

    def close(self) -> None:
        """End nothing: no connection stays open between two reads."""

    def _wanted(self, records: list[Member], from_marker: int | None, chunk_rows: int) -> Iterator[Columns]:
        page = as_columns(records, self._columns, self._source.absent, self._where)
        for columns in in_chunks(page, chunk_rows):
            markers = list(
                map(self._marker, columns.get(self._source.marker.column, [None] * len(columns[FLAWS])))
            )
            known = [marker for marker in markers if marker is not None]
            self.ordered = self.ordered and known == sorted(known) and self._goes_on(known)
            keep = [
                i for i, at in enumerate(markers) if at is None or from_marker is None or at >= from_marker
            ]
            if len(keep) == len(markers):
                yield columns
            elif keep:
                yield {name: [values[i] for i in keep] for name, values in columns.items()}

    def _goes_on(self, known: Sequence[int]) -> bool:
        """Tell whether markers do not fall behind those of the chunks before, and keep the newest."""
        if not known:
            return True
        before, self._newest = self._newest, max(known[-1], self._newest)
        return known[0] >= before

    def _pages(self, from_marker: int | None, seen: _SeenPages) -> Iterator[tuple[list[Member], bool]]:
        """Give the records of each page that has some, and whether a reading before had that page."""
        self._newest = _OLDEST
        asked: Asked | None = Asked(self._url, self._first(from_marker))
        with HttpClient(self._url, self._access, self._where) as client:
            while asked is not None:
                page = client.page(*asked)
                answer = parsed(page.data, self._where)
                records = records_of(answer, self._source.records, self._where)
                if records:
                    yield records, seen.page(records)
                else:
                    seen.empty()
                if self._counted:
                    asked = self._counted_on(asked, len(records))
                else:
                    asked = self._led_on(client, asked, self._lead(answer, page), seen)

    def _first(self, from_marker: int | None) -> dict[str, str]:
        source, asking = self._source, dict[str, str]()
        if source.since is not None and from_marker is not None:
            asking[source.since.parameter] = self._since(from_marker)
        if pages := source.pages:
            if pages.size_parameter:
                asking[pages.size_parameter] = str(pages.size)
            if self._counted:
                asking[str(pages.parameter)] = str(pages.first if pages.kind == "number" else 0)
        return asking

    def _since(self, marker: int) -> str:
        source = self._source
        assert source.since is not None
        if source.marker.kind == "sequence":
            return str(marker)
        moment = (EPOCH + timedelta(microseconds=marker)).astimezone(ZoneInfo(source.marker.time_zone))
        return moment.strftime(source.since.format) if source.since.format else moment.isoformat()

    def _counted_on(self, asked: Asked, count: int) -> Asked | None:
        """Give the page behind this one of a list that is counted, which ends with an empty page."""
        pages = self._source.pages
        assert pages is not None
        name = str(pages.parameter)
        at = int(asked.parameters[name]) + (1 if pages.kind == "number" else count)
        return Asked(asked.address, asked.parameters | {name: str(at)}) if count else None

    def _lead(self, answer: Any, page: Page) -> str | None:
        """Give what leads to the next page: a cursor or an address; None on the last."""
        pages = self._source.pages
        if pages is None:
            return None
        found = page.link if pages.next is None else member(answer, pages.next)
        if found is None or found is False or found == "":
            return None
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise no_page(f"what stands at {pages.next} leads to no page", self._where)
        return str(found)

    def _led_on(self, client: HttpClient, asked: Asked, lead: str | None, seen: _SeenPages) -> Asked | None:
        pages = self._source.pages
        if pages is None or lead is None:
            return None
        seen.cursor(lead)
        if pages.kind == "link":
            return Asked(client.next(asked.address, lead), {})
        return Asked(asked.address, asked.parameters | {str(pages.parameter): lead})


class _SeenPages:
    """What was read so far, by digest, so that a loop is noticed in memory that hardly grows."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._earlier = set[bytes]()  # pages of the readings before
        self._pages = set[bytes]()
        self._cursors = set[bytes]()
        self._empty = 0

    def begin(self) -> None:
        """Begin a reading from the first page."""
        self._earlier |= self._pages
        self._pages, self._cursors, self._empty = set(), set(), 0

    def page(self, records: list[Member]) -> bool:
        """Note a page that has records; tell whether a reading before had it.

        Errors: `source.pages` where this reading had it.
        """
        self._empty = 0
        digest = _digest(records)
        self._note(self._pages, digest, "a page came twice")
        return digest in self._earlier

    def cursor(self, text: str) -> None:
        """Note what leads to the next page.

        Errors: `source.pages` where this reading was led there before.
        """
        self._note(self._cursors, _digest(text), "a page leads back to one before it")

    def empty(self) -> None:
        """Note a page without records.

        Errors: `source.pages` where there are too many.
        """
        self._empty += 1
        if self._empty > EMPTY_PAGES:
            raise self._endless(f"{EMPTY_PAGES:,} pages one behind the other are empty")

    def _note(self, among: set[bytes], digest: bytes, what: str) -> None:
        if digest in among:
            raise self._endless(what)
        among.add(digest)

    def _endless(self, what: str) -> ContractBreach:
        return ContractBreach(
            "source.pages", f"the source's pages do not end: {what}", where=self._where,
            remedy="ask the agency how its pages go on; see `source.pages`",
        )  # fmt: skip


def _digest(value: object) -> bytes:
    return hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def marker_reader(marker: Marker) -> Callable[[Any], int | None]:
    """Give what reads a marker as the hub's integer; None where it cannot be read, which mapping tells."""
    parse = int if marker.kind == "sequence" else time_parser(marker.format, marker.time_zone)

    def read(value: Any) -> int | None:
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        try:
            return parse(str(value))
        except (ValueError, OverflowError):
            return None

    return read
