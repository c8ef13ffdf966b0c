"""An agency's API as a source, and how tests ask it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import Response

from pophub.contracts.source_model import HttpSource
from pophub.domain.errors import PophubError
from pophub.sources.http import HttpApi
from pophub.sources.http_client import Access

sys.path.insert(0, str(Path(__file__).parents[1]))

from api_kit import TOKEN, Agency

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
CURSOR = {"records": "du_lieu.ds", "pages": {"kind": "cursor", "next": "meta.tiep", "parameter": "con_tro"}}
LINK = {"records": "items", "pages": {"kind": "link", "next": "next"}}
NUMBER = {"pages": {"kind": "number", "parameter": "trang"}}
OFFSET = {"pages": {"kind": "offset", "parameter": "tu"}}
ENOUGH = 30  # pages, behind which an endless list ends: who does not notice it fails, and does not hang
SINCE = {"since": {"parameter": "tu_luc"}}


def row(i: int, **changed: Any) -> dict[str, Any]:
    return {
        "ma": f"K{i}",
        "ten": f"Nguyễn {i}",
        "cap_nhat_luc": (NOON + timedelta(minutes=i)).isoformat(),
        **changed,
    }


def us(i: int) -> int:
    return int((NOON + timedelta(minutes=i)).timestamp()) * 1_000_000


DECLARED: dict[str, Any] = {"kind": "http", "url": "${X}", "marker": {"column": "cap_nhat_luc"}}
SIGNED_IN = Access(token=TOKEN)


def api(agency: Agency | str, path: str, *, access: Access = SIGNED_IN, **declared: Any) -> HttpApi:
    url = agency if isinstance(agency, str) else agency.url + path
    names = ("ma", "ten", "cap_nhat_luc")
    return HttpApi(HttpSource.model_validate(DECLARED | declared), url, access, columns=names, where="test")


def keys(found: HttpApi, since: int | None = None, rows: int = 100) -> list[str]:
    return [key for columns in found.read(since, rows) for key in columns["ma"]]


def refused(work: Callable[[], object]) -> PophubError:
    with pytest.raises(PophubError) as caught:
        work()
    shown = repr(caught.value) + "".join(str(one) for one in _chain(caught.value))
    assert TOKEN not in shown
    assert "127.0.0.1" not in shown
    return caught.value


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def answer_json(value: Any) -> Response:
    return Response(json.dumps(value), media_type="application/json")
