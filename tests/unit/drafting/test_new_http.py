"""connector new drafts from APIs: list, pages and clock as the first answers prove them, on real servers."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from draft_kit import School, stranger
from fastapi import Request, Response

from pophub.sources.page_survey import MOST_QUESTIONS

sys.path.insert(0, str(Path(__file__).parents[2]))

from api_kit import TOKEN, Agency, serving, serving_tls

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ROWS = [
    {"ma": f"TB{at:03d}", "ten": f"Nguyễn Văn {at}", "dia_chi": {"tinh": ["01", "38"][at % 2]}, "gia": at * 1000,
     "cap_nhat_luc": (NOON + timedelta(minutes=at)).isoformat()}
    for at in range(25)
]  # fmt: skip
Odd = Callable[[int, Request], Response | None]


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> School:
    monkeypatch.setenv("POPHUB_SOURCE_MIC_TOKEN", TOKEN)
    return stranger(tmp_path, monkeypatch)


@pytest.fixture
def agency() -> Iterator[Agency]:
    with serving(Agency([dict(row) for row in ROWS])) as agency:
        yield agency


def drafted(school: School, monkeypatch: pytest.MonkeyPatch, address: str, *wishes: str) -> dict[str, Any]:
    """Draft from an address, check that nothing is wrong, try it; give the part `source` of its file."""
    monkeypatch.setenv("POPHUB_SOURCE_MIC_URL", address)
    school.run("new", "mic.subscribers", "--from", "POPHUB_SOURCE_MIC_URL", *wishes)
    checked = school.run("check", "mic.subscribers")
    assert [one for one in checked["findings"] if one["level"] == "error"] == []
    tried = school.run("try", "mic.subscribers")
    assert (tried["rows"], tried["states"]["shared"], tried["rules"]) == (25, 25, [])
    text = "".join(school.texts().values())
    assert TOKEN not in text and "127.0.0.1" not in text and "Nguyễn Văn 1" not in text
    source: dict[str, Any] = school.connector("mic.subscribers").file.source.model_dump(exclude_none=True)
    return source


SIZED = {"size_parameter": "limit", "size": 500}


@pytest.mark.parametrize(
    ("path", "records", "pages"),
    [
        ("/cursor", "du_lieu.ds", {"kind": "cursor", "next": "meta.tiep", "parameter": "con_tro"} | SIZED),
        ("/link", "items", {"kind": "link", "next": "next"} | SIZED),
        ("/number?trang=1", None, {"kind": "number", "parameter": "trang"} | SIZED),
        ("/offset?tu=0", None, {"kind": "offset", "parameter": "tu"} | SIZED),
    ],
)
def test_list_pages_size_and_clock_are_proved_by_the_first_answers(
    school: School,
    agency: Agency,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    records: str | None,
    pages: dict[str, Any],
) -> None:
    source = drafted(school, monkeypatch, agency.url + path)
    assert (source["kind"], source.get("records"), source["login"]) == (
        "http", records, {"secret": "${POPHUB_SOURCE_MIC_TOKEN}"}
    )  # fmt: skip
    assert {key: source["pages"][key] for key in pages} == pages
    assert source["since"] == {"parameter": "tu_luc"}
    assert (source["marker"]["column"], source["late_s"], source["absent"]) == (
        "cap_nhat_luc",
        3600,
        "refuse",
    )
    assert len(agency.asked) < MOST_QUESTIONS
    fields = {field.name: field.type for field in school.connector("mic.subscribers").contract.fields}
    assert fields == {"ma": "string", "ten": "string", "dia_chi_tinh": "string", "gia": "long",
                      "cap_nhat_luc": "timestamp-micros"}  # fmt: skip


def test_pages_of_the_header_link_behind_a_certificate_of_its_own(
    school: School, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("POPHUB_SOURCE_MIC_TOKEN")
    with serving_tls(ROWS, tmp_path) as (url, certificate):
        monkeypatch.setenv("POPHUB_SOURCE_MIC_CA", str(certificate))
        source = drafted(school, monkeypatch, url)
        assert (source["pages"]["kind"], source["certificate"]) == ("link", "${POPHUB_SOURCE_MIC_CA}")
        decisions = school.run("new", "mic.again", "--from", "POPHUB_SOURCE_MIC_URL")["drafted"][0][
            "decisions"
        ]
        assert [one for one in decisions if one.startswith("since: ")], "the server knows none"


def answering(make: Callable[[dict[str, str]], Any]) -> Odd:
    """Answer each request in place of the API, by its parameters."""
    return lambda number, request: Response(
        json.dumps(make(dict(request.query_params))), media_type="application/json"
    )


def pages_from_zero(asked: dict[str, str]) -> Any:
    at = int(asked.get("page", 0)) * 10
    return {"total": 25, "data": ROWS[at : at + 10]}


def test_pages_counted_from_zero_without_a_size(
    school: School, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency.odd = answering(pages_from_zero)
    source = drafted(school, monkeypatch, agency.url + "/any")
    assert (source["pages"]["kind"], source["pages"]["first"]) == ("number", 0)
    assert "size_parameter" not in source["pages"] and "since" not in source


@pytest.mark.timeout(50)  # less than a client waits for an answer
def test_a_server_that_serves_one_connection_at_a_time_is_not_blocked(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = json.dumps(ROWS).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        assert "pages" not in drafted(school, monkeypatch, f"http://127.0.0.1:{server.server_port}/any")
        server.shutdown()
        thread.join()


def test_a_filter_in_the_address_is_never_taken_for_a_page(
    school: School, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency.odd = answering(lambda asked: ROWS if asked["nam"] == "2026" else ROWS[:1])
    assert "pages" not in drafted(school, monkeypatch, agency.url + "/any?nam=2026")


def test_a_last_page_that_has_an_address_of_its_own_is_not_the_next(
    school: School, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    def page(asked: dict[str, str]) -> Any:
        at = int(asked.get("at", 0))
        links = {
            "self": f"/any?at={at}",
            "first": "/any?at=0",
            "last": "/any?at=20",
            "next": f"/any?at={at + 5}",
        }
        if at == 20:
            del links["next"]
        return {"links": links, "data": ROWS[at : at + 5]}

    agency.odd = answering(page)
    assert drafted(school, monkeypatch, agency.url + "/any")["pages"] == {
        "kind": "link", "next": "links.next", "first": 1, "size": 500
    }  # fmt: skip


def test_members_that_some_records_lack_are_empty(
    school: School, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    del agency.rows[20]["ten"]  # on a later page
    assert drafted(school, monkeypatch, agency.url + "/cursor")["absent"] == "empty"
    assert "# some records lack ten" in school.texts()["connectors/mic/subscribers.yaml"]


def test_several_lists_are_a_decision(
    school: School, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency.odd = answering(lambda asked: {"ds": ROWS, "loi": [{"ma": "x"}]})
    monkeypatch.setenv("POPHUB_SOURCE_MIC_URL", agency.url + "/any")
    told = school.run("new", "mic.subscribers", "--from", "POPHUB_SOURCE_MIC_URL", code=2)
    assert told["code"] == "connector.from" and "ds, loi" in told["what"] and "--table" in told["remedy"]
    assert drafted(school, monkeypatch, agency.url + "/any", "--table", "ds")["records"] == "ds"


def test_more_records_that_no_question_leads_to_are_a_decision(
    school: School, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    def page(asked: dict[str, str]) -> Any:
        at = int(asked.get("xyz", 0))
        return {"tong_so": 25, "data": ROWS[at : at + 10]}

    agency.odd = answering(page)
    monkeypatch.setenv("POPHUB_SOURCE_MIC_URL", agency.url + "/any")
    told = school.run("new", "mic.subscribers", "--from", "POPHUB_SOURCE_MIC_URL", code=2)
    assert (told["code"], school.texts()) == ("connector.pages", {})
    assert "tong_so says that more records follow" in told["what"] and "--pages" in told["remedy"]
    for wrong in ("{kind: offset}", "{kind: odd, parameter: xyz}", "{kind: ["):
        asked = ("new", "mic.subscribers", "--from", "POPHUB_SOURCE_MIC_URL", "--pages", wrong)
        assert school.run(*asked, code=2)["where"].startswith("--pages")
    source = drafted(school, monkeypatch, agency.url + "/any", "--pages", "{kind: offset, parameter: xyz}")
    assert source["pages"]["parameter"] == "xyz"


def test_an_answer_without_records_and_an_api_without_a_clock_are_told(
    school: School, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPHUB_SOURCE_MIC_URL", agency.url + "/any")
    new = ("new", "mic.subscribers", "--from", "POPHUB_SOURCE_MIC_URL")
    agency.odd = answering(lambda asked: {"ds": []})
    assert school.run(*new, code=2)["code"] == "connector.from"
    agency.odd = answering(lambda asked: [{"ma": f"x{at}", "ten": "y"} for at in range(30)])
    for wish in ((), ("--marker", "scan")):
        told = school.run(*new, *wish, code=2)
        assert told["code"] in ("connector.no_marker", "source.column_missing"), "pages prove nothing gone"


@pytest.mark.parametrize(
    "address", ["https://mic.example/api?token=hunter2", "https://u:hunter2@mic.example/api"]
)
def test_a_secret_among_the_arguments_is_refused_unseen(school: School, address: str) -> None:
    told = school.run("new", "mic.subscribers", "--from", address, code=2)
    assert told["code"] == "secret.inline" and "hunter2" not in str(told)


def test_a_wrong_login_is_told_in_the_words_of_a_run(
    school: School, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPHUB_SOURCE_MIC_TOKEN", "wrong")
    monkeypatch.setenv("POPHUB_SOURCE_MIC_URL", agency.url + "/cursor")
    told = school.run("new", "mic.subscribers", "--from", "POPHUB_SOURCE_MIC_URL", code=2)
    assert told["code"] == "source.password" and "wrong" not in str(told)
