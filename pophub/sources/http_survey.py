"""What an API shows before anything is declared: its list of records, its pages, its clock, its first rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, Self
from zoneinfo import ZoneInfo

from pophub.contracts.source_model import HttpPages, HttpSource, Marker
from pophub.domain.dates import EPOCH
from pophub.domain.errors import ConfigError, PophubError
from pophub.domain.record import FLAWS, Columns
from pophub.sources.http import HttpApi, marker_reader
from pophub.sources.http_client import Access
from pophub.sources.json_pages import Twice, flat
from pophub.sources.page_survey import Asker, find_pages, lists_of
from pophub.sources.survey import Survey, SurveyedColumn, SurveyedForm, held_by

MOST_PAGES = 200
SINCES = (
    "since", "tu_luc", "updated_since", "updated_after", "modified_since", "modified_after", "changed_since",
    "from", "tu_ngay", "last_updated",
)  # fmt: skip


class SurveyedApi:
    """An API that is looked at; it is asked for pages alone, and never to change anything."""

    def __init__(self, url: str, access: Access, where: str) -> None:
        self._asker = Asker(url, access, where)
        self._url, self._access, self._where = url, access, where
        self._first: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._asker.__exit__(*error)

    def survey(
        self, records: str | None, pages: HttpPages | None, one_page: bool, rows: int
    ) -> tuple[Survey, SurveyedForm]:
        """Look at the first rows; give what they show, and how they are read.

        `records` is the path of the list where that is said, `pages` the way on; `one_page` says that there is none.
        Errors: those of `HttpClient.page`; `connector.from` where no list or several may hold the records;
        `connector.pages`.
        """
        form = SurveyedForm({}, {}, [])
        path, first = self._records(records)
        self._first = first
        if path:
            form.keys["records"], form.why["records"] = path, f"a list of {len(first)} objects"
        self._asker.records = path or None
        if pages is not None:
            form.keys["pages"], form.why["pages"] = pages.model_dump(exclude_defaults=True), "as you said"
        elif not one_page:
            found, why = find_pages(self._asker)
            if found is not None:
                form.keys["pages"], form.why["pages"] = found, why
            else:
                form.asks.append(f"pages: whether one answer holds all records that there are: {why}")
        found_rows, lacking = self._read(form.keys, _names(first), rows)
        if lacking:
            form.keys["absent"] = "empty"
            form.why["absent"] = f"some records lack {', '.join(sorted(lacking)[:5])}"
        columns = tuple(
            SurveyedColumn(name, "JSON", held_by(values), True) for name, values in found_rows.items()
        )
        return Survey(path or "the answer", columns, found_rows), form

    def since(self, marker: Marker) -> dict[str, str] | None:
        """Give how only what changed is asked for: told a marker of the first page, the API leaves out what is older."""
        read = marker_reader(marker)
        values = [dict(flat(one)).get(marker.column) for one in self._first]
        known = sorted({at for value in values if (at := read(value)) is not None})
        if len(known) < 2:
            return None
        middle = known[len(known) // 2]
        for form in dict.fromkeys((None, marker.format)):
            for name in SINCES:
                answer = self._asker.ask({name: _written(marker, middle, form)})
                found = (
                    []
                    if answer is None
                    else [read(dict(flat(one)).get(marker.column)) for one in answer.records]
                )
                if found and all(at is not None and at >= middle for at in found) and middle in found:
                    return {"parameter": name} | ({} if form is None else {"format": form})
        return None

    def _records(self, said: str | None) -> tuple[str, list[dict[str, Any]]]:
        """Give the path of the list of records, and its records."""
        lists = dict(lists_of(self._asker.first()))
        if said is not None:
            found = [said] if lists.get(said) else []
        else:
            found = [path for path, records in lists.items() if records]
        if len(found) == 1:
            return found[0], lists[found[0]]
        named = ", ".join(lists) or "none"
        what = (
            "several lists of the answer may hold the records"
            if found
            else "the answer has no list with a record"
        )
        raise ConfigError(
            "connector.from", f"{what}: {named}"[:300], where="--table",
            remedy="name the list's path: --table du_lieu.ds" if found else "ask the agency for an answer that shows records",
        )  # fmt: skip

    def _read(self, keys: dict[str, Any], names: Sequence[str], rows: int) -> tuple[Columns, set[str]]:
        """Give the first rows as a run would read them, and the members that some record lacks."""
        told = {"kind": "http", "url": "${POPHUB_SOURCE}", "marker": {"column": "any"}, **keys}
        source = HttpSource.model_validate(told)
        api = HttpApi(source, self._url, self._access, columns=names, where=self._where)
        found: Columns = {}
        lacking: set[str] = set()
        count = 0
        try:
            for chunk in islice(api.read(None, rows), MOST_PAGES):
                size = len(chunk[FLAWS])
                there = {name: values for name, values in chunk.items() if name != FLAWS}
                lacking |= {name for flaw in chunk[FLAWS] if flaw for name in json.loads(flaw)}
                if count:
                    lacking |= there.keys() ^ found.keys()
                for name in dict.fromkeys((*found, *there)):
                    earlier = found.setdefault(name, [None] * count)
                    earlier.extend(there.get(name, [None] * size))
                count += size
                if count >= rows:
                    break
        except PophubError as error:
            if error.code != "source.unsettled":  # a list that changes shows enough
                raise
        return {name: values[:rows] for name, values in found.items()}, lacking


def _names(records: list[dict[str, Any]]) -> list[str]:
    try:
        return list(dict.fromkeys(name for record in records for name, _ in flat(record)))
    except Twice:
        return []  # the reader refuses it in its own words


def _written(marker: Marker, at: int, form: str | None) -> str:
    if marker.kind == "sequence":
        return str(at)
    moment = (EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(marker.time_zone))
    return moment.strftime(form) if form else moment.isoformat()
