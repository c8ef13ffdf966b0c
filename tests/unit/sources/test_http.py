"""An HTTP source keeps the promises of a table, against real servers written with two frameworks."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi import Request, Response
from http_kit import (
    CURSOR,
    DECLARED,
    ENOUGH,
    LINK,
    NOON,
    NUMBER,
    OFFSET,
    SINCE,
    answer_json,
    api,
    keys,
    refused,
    row,
    us,
)  # fmt: skip

from pophub.contracts.load import load_connector
from pophub.contracts.source_model import HttpSource
from pophub.domain.codes import CODES
from pophub.domain.record import FLAWS
from pophub.settings import PROJECT
from pophub.sources import http_client
from pophub.sources.http_client import Access
from pophub.streaming.sent import Sent
from pophub.streaming.sources import StreamedTable
from pophub.streaming.turn import Turn

sys.path.insert(0, str(Path(__file__).parents[2]))

from api_kit import Agency, serving, serving_tls


@pytest.fixture
def agency() -> Iterator[Agency]:
    with serving(Agency([row(i) for i in range(5)])) as agency:
        yield agency


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait: what is tested is that and how long it would be waited."""
    monkeypatch.setattr(http_client, "_AGAIN", lambda state: 0.01)


@pytest.mark.parametrize(
    ("path", "declared"), [("/cursor", CURSOR), ("/link", LINK), ("/number", NUMBER), ("/offset", OFFSET)]
)
def test_every_record_comes_once_by_each_kind_of_page(
    agency: Agency, path: str, declared: dict[str, Any]
) -> None:
    assert keys(api(agency, path, **declared)) == ["K0", "K1", "K2", "K3", "K4"]


def test_what_changed_alone_is_asked_for(agency: Agency) -> None:
    found = api(agency, "/cursor", **CURSOR, **SINCE)
    assert keys(found, us(3)) == ["K3", "K4"]
    assert datetime.fromisoformat(agency.asked[0]["tu_luc"]) == NOON + timedelta(minutes=3)


def test_a_server_that_does_not_know_since_gives_nothing_below_it(agency: Agency) -> None:
    assert keys(api(agency, "/cursor", **CURSOR), us(3)) == ["K3", "K4"]


def test_the_position_waits_for_the_end_unless_pages_are_ordered(agency: Agency) -> None:
    for ordered in (False, True):
        found = api(agency, "/cursor", **CURSOR, ordered=ordered)
        told = [found.ordered for _ in found.read(None, 100)]
        assert (told, found.ordered) == ([ordered] * 3, True)


def test_pages_that_are_not_in_the_order_that_was_promised_hold_the_position(agency: Agency) -> None:
    agency.marker = "ma"  # the server's own order now
    agency.rows[2]["cap_nhat_luc"] = (NOON - timedelta(days=1)).isoformat()
    found = api(agency, "/cursor", **CURSOR, ordered=True)
    assert [found.ordered for _ in found.read(None, 100)] == [True, False, False]


def test_a_record_that_a_counted_list_moved_under_the_reader_is_read(agency: Agency) -> None:
    moved: list[int] = []

    def move(number: int, request: Request) -> None:
        if number == 2 and not moved:  # after the first page: its first row changes, and goes to the end
            moved.append(1)
            agency.rows[0]["cap_nhat_luc"] = (NOON + timedelta(hours=1)).isoformat()

    agency.odd = move
    found = api(agency, "/number", **NUMBER)
    assert set(keys(found)) == {"K0", "K1", "K2", "K3", "K4"}
    assert found.ordered


def test_a_counted_list_that_never_rests_lets_the_run_try_again(agency: Agency) -> None:
    def change(number: int, request: Request) -> None:
        agency.rows[0]["ten"] = f"Nguyễn {number}"

    agency.odd = change
    found = api(agency, "/number", **NUMBER)
    error = refused(lambda: keys(found))
    assert (error.code, error.retry_after_s is not None, found.ordered) == ("source.unsettled", True, False)


def test_pages_in_a_loop_are_noticed(agency: Agency) -> None:
    def loop(number: int, request: Request) -> Response:
        rows = [row(number)] if number < 9 else []
        return answer_json(
            {"du_lieu": {"ds": rows}, "meta": {"tiep": str(number % 3) if number < ENOUGH else None}}
        )

    agency.odd = loop
    assert refused(lambda: keys(api(agency, "/cursor", **CURSOR))).code == "source.pages"


def test_a_page_that_ignores_its_number_is_noticed(agency: Agency) -> None:
    agency.odd = lambda number, request: answer_json([row(1)] if number < ENOUGH else [])
    assert refused(lambda: keys(api(agency, "/number", **NUMBER))).code == "source.pages"


def test_empty_pages_without_end_are_noticed(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pophub.sources.http.EMPTY_PAGES", 5)
    agency.odd = lambda number, request: answer_json(
        {"du_lieu": {"ds": []}, "meta": {"tiep": str(number) if number < ENOUGH else None}}
    )
    assert refused(lambda: keys(api(agency, "/cursor", **CURSOR))).code == "source.pages"


def test_the_login_follows_no_page_to_another_server(agency: Agency) -> None:
    with serving(Agency()) as other:
        agency.odd = lambda number, request: answer_json({"items": [row(1)], "next": f"{other.url}/link"})
        assert refused(lambda: keys(api(agency, "/link", **LINK))).code == "source.answer"
        agency.odd = lambda number, request: Response(
            status_code=302, headers={"Location": f"{other.url}/link"}
        )
        assert refused(lambda: keys(api(agency, "/link", **LINK))).code == "source.url"
        assert other.asked == []


@pytest.mark.parametrize("how", ["seconds", "time"])
def test_a_busy_server_is_given_the_time_that_it_asks_for(
    agency: Agency, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
    clock = datetime(2020, 1, 1, tzinfo=UTC)  # the server's own, years behind

    def busy(number: int, request: Request) -> Response | None:
        if number > 2:
            return None
        after = "7" if how == "seconds" else format_datetime(clock + timedelta(seconds=7), usegmt=True)
        return Response(
            status_code=429, headers={"Retry-After": after, "Date": format_datetime(clock, usegmt=True)}
        )

    agency.odd = busy
    assert keys(api(agency, "/cursor", **CURSOR)) == ["K0", "K1", "K2", "K3", "K4"]
    assert slept == [7, 7]


def test_a_server_that_asks_for_an_hour_is_left_to_the_next_run(agency: Agency) -> None:
    agency.odd = lambda number, request: Response(status_code=429, headers={"Retry-After": "3600"})
    error = refused(lambda: keys(api(agency, "/cursor", **CURSOR)))
    assert (error.code, error.retry_after_s is not None, len(agency.asked)) == ("source.busy", True, 1)


def test_a_failure_between_two_pages_is_tried_again(agency: Agency) -> None:
    agency.odd = lambda number, request: Response(status_code=502) if number in (2, 3) else None
    assert keys(api(agency, "/cursor", **CURSOR)) == ["K0", "K1", "K2", "K3", "K4"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "source.password"), (403, "source.permission"), (404, "source.table_missing"), (301, "source.url"),
     (400, "source.answer"), (500, "source.unreachable"), (503, "source.busy")],
)  # fmt: skip
def test_a_status_has_its_code(agency: Agency, status: int, code: str) -> None:
    agency.odd = lambda number, request: Response(status_code=status, content=b"Nguyen Van An, 001090000001")
    error = refused(lambda: keys(api(agency, "/cursor", **CURSOR)))
    assert error.code == code
    assert len(agency.asked) == (http_client.TRIES if status >= 500 else 1)
    assert "001090000001" not in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"[1]", b"{}", b'{"du_lieu": {"ds": {}}}', b'{"du_lieu": {"ds": [1]}}',
        b'{"du_lieu": {"ds": [{"ma": "K1", "ma": "K2"}]}}', b'{"du_lieu": {"ds": [{"ma": NaN}]}}',
        b'{"du_lieu": {"ds": [{"a": {"b": 1}, "a.b": 2}]}}', b'{"du_lieu": {"ds": [{"_flaws": 1}]}}',
        b"[" * 100_000, b'{"du_lieu": {"ds": []}, "meta": {"tiep": {}}}', b'{"du_lieu": {"ds": [' + b"9" * 5000 + b"]}}",
    ],
)  # fmt: skip
def test_an_answer_that_is_not_as_declared_is_refused(agency: Agency, body: bytes) -> None:
    agency.odd = lambda number, request: Response(body)
    assert refused(lambda: keys(api(agency, "/cursor", **CURSOR))).code == "source.answer"


def test_a_page_that_would_fill_memory_is_refused(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "PAGE_BYTES", 1 << 20)
    bomb = gzip.compress(b" " * (64 << 20))
    agency.odd = lambda number, request: Response(bomb, headers={"Content-Encoding": "gzip"})
    assert refused(lambda: keys(api(agency, "/cursor", **CURSOR))).code == "source.answer"


def test_values_come_as_they_are_written(agency: Agency) -> None:
    agency.odd = lambda number, request: Response(
        b'[{"ma": 12345678901234567890, "ten": "Nguy\\u1ec5n", "tien": 1.50, "lon": 1E+3, "khong": null,'
        b' "dung": true, "ds": [1.50, {"a": 2}], "dia_chi": {"tinh": {"ma": "01"}}, "cap_nhat_luc": "x",'
        b' "nua": "\\ud800", "byte": "\xff", "vo_tan": 1E999999999}]'
    )
    (columns,) = api(agency, "/all").read(None, 10)
    assert {name: values[0] for name, values in columns.items()} == {
        "ma": 12345678901234567890, "ten": "Nguyễn", "tien": Decimal("1.50"), "lon": Decimal("1E+3"), "khong": None,
        "dung": True, "ds": '[1.50,{"a":2}]', "dia_chi.tinh.ma": "01", "cap_nhat_luc": "x",
        "nua": b"\xed\xa0\x80", "byte": b"\xed\xb3\xbf", "vo_tan": "1E999999999", FLAWS: None,
    }  # fmt: skip


def test_a_member_that_one_record_lacks_fails_that_record_and_one_that_all_lack_the_source(
    agency: Agency,
) -> None:
    agency.rows = [row(0), {"ma": "K1", "cap_nhat_luc": row(1)["cap_nhat_luc"]}]
    (columns,) = api(agency, "/cursor", **CURSOR).read(None, 10)
    assert [flaw and json.loads(flaw) for flaw in columns[FLAWS]] == [None, {"ten": "contract.field.missing"}]
    (columns,) = api(agency, "/cursor", **CURSOR, absent="empty").read(None, 10)
    assert (columns["ten"], columns[FLAWS]) == (["Nguyễn 0", None], [None, None])
    for one in agency.rows:
        one.pop("ten", None)
    (columns,) = api(agency, "/cursor", **CURSOR).read(None, 10)
    assert "ten" not in columns
    agency.rows = agency.rows[:1]  # one alone says nothing of the source
    (columns,) = api(agency, "/cursor", **CURSOR).read(None, 10)
    assert json.loads(columns[FLAWS][0]) == {"ten": "contract.field.missing"}


def test_https_is_checked_by_the_declared_certificate(tmp_path: Path) -> None:
    with serving_tls([row(i) for i in range(5)], tmp_path) as (url, certificate):
        declared: dict[str, Any] = {"pages": {"kind": "link"}}
        trusted = api(url, "", access=Access(certificate=certificate), **declared)
        assert keys(trusted) == ["K0", "K1", "K2", "K3", "K4"]
        assert refused(lambda: keys(api(url, "", **declared))).code == "source.certificate"
    nowhere = Access(certificate=tmp_path / "nowhere.pem")
    assert refused(lambda: keys(api(url, "", access=nowhere))).code == "source.certificate"
    assert refused(lambda: keys(api(url, "", **declared))).code == "source.unreachable"


@pytest.mark.parametrize(
    "url", ["", "ftp://x/y", "https://", "http://user:secret@x/", "http://x:99999/", "x"]
)
def test_an_address_that_cannot_be_is_refused(url: str) -> None:
    error = refused(lambda: api(url, ""))
    assert error.code == "source.url"
    assert "secret" not in str(error)


def test_a_token_that_no_header_may_hold_is_refused_without_a_word_of_it(agency: Agency) -> None:
    bad = api(agency, "/cursor", access=Access(token="se\ncret"), **CURSOR)
    error = refused(lambda: keys(bad))
    assert error.code == "source.password"
    assert "cret" not in str(error).replace("secret", "")


@pytest.mark.parametrize(
    "pages", ["{kind: cursor, parameter: x}", "{kind: cursor, next: x}", "{kind: number}", "{kind: offset}"]
)
def test_pages_of_which_nobody_could_tell_the_next_are_refused_with_their_line(
    pages: str, tmp_path: Path
) -> None:
    shutil.copytree(PROJECT / "codes", tmp_path / "codes")
    for kind, suffix in (("schemas", ".v1.avsc"), ("expectations", ".json"), ("connectors", ".yaml")):
        target = tmp_path / kind / f"mps/citizens{suffix}"
        target.parent.mkdir(parents=True)
        text = (PROJECT / kind / f"mps/citizens{suffix}").read_text()
        http = (
            f"source:\n  kind: http\n  url: ${{X}}\n  pages: {pages}\n  marker: {{column: cap_nhat_luc}}\n\n"
        )
        before, _, rest = text.partition("source:\n")
        _, _, behind = rest.partition("\n\n")
        target.write_text(f"{before}{http}{behind}" if rest else text)
    error = refused(lambda: load_connector(tmp_path / "connectors/mps/citizens.yaml", tmp_path))
    assert (error.code, "citizens.yaml:1" in error.where) == ("config.missing", True)


def test_the_page_of_this_kind_shows_what_the_model_takes_and_codes_that_are() -> None:
    text = (PROJECT / "docs/source-http.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    source = HttpSource.model_validate(yaml.safe_load(example)["source"])
    assert source.model_fields_set > {"login", "pages", "since", "ordered"}
    codes = set(re.findall(r"`((?:source|contract)\.[a-z_.]+)`", text))
    assert codes
    assert codes <= CODES.keys()


def test_a_stream_asks_no_more_often_than_declared_and_reads_each_time_to_the_end(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = api(agency, "/cursor", **CURSOR)
    now = [0.0]
    monkeypatch.setattr("pophub.streaming.sources.time.monotonic", lambda: now[0])
    turn = Turn()
    turn.begin(0)  # the turn is over after the first page: what has no order is read on
    streamed = StreamedTable(found, HttpSource.model_validate(DECLARED | {"every_s": 60}), turn, Sent())
    looks = []
    for at in (0, 30, 59, 61):
        now[0] = at
        looks.append(sum(len(columns["ma"]) for columns in streamed.read(None, 100)))
    assert looks == [5, 0, 0, 5]
