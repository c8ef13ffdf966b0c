"""The registry answers as Confluent's does, and the pages tell the counts of the views."""

from __future__ import annotations

import io
import json
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fastavro
import httpx
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from fastapi import FastAPI, HTTPException
from pages_kit import operator, signed_in
from serving import served

from pophub.domain.codes import CODES
from pophub.postgres import connect, transaction
from pophub.prepare import prepare_database
from pophub.runtime import hub
from pophub.settings import Settings
from pophub.sharing.logins import note_operator, note_subscribers
from pophub.web.app import create_pages, create_registry
from pophub.web.visitors import Visitor

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore::authlib.deprecate.AuthlibDeprecationWarning"),
]
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "citizens",
    "fields": [{"name": "citizen_id", "type": "string"}, {"name": "n", "type": ["null", "int"]}],
}
RUN = "manual__2026-11-22T01:02:03.4+00:00"
SEED = f"""
insert into hub.registry_schema values
 (7, 'sub.portal.mps.citizens-value', 1, '{json.dumps(SCHEMA)}', 'f'),
 (8, 'sub.portal.mps.citizens-value', 2, '"string"', 'g'),
 (7, 'history.mps.citizens', 1, '{json.dumps(SCHEMA)}', 'f');
insert into extract.batch (stem, run, contract, exchanged_at, rows, state)
 values ('mps.citizens', '{RUN}', 1, '2023-01-31 17:00+00', 4, 'sent');
insert into judge.lane values ('mps.citizens', 0, 1, 3, '');
insert into judge.reconciliation values ('mps.citizens', 0, 0, 1, 1, 4, 2, 1, 1, 0);
insert into judge.passed_over values ('mps.citizens', 0, 0, 3, 1, 'e3', 'duplicate');
insert into quarantine.version (stem, key, marker, content, event_id, contract, operation, lane,
  raw_offset, row, batch, exchanged_at, raw, gate, failures, state, first_judged_at, last_judged_at)
 values ('mps.citizens', '001099000001', 1, '', 'e2', 1, 'u', 0, 0, 2, 1, '2023-01-31 17:00+00', '',
  'clean', '[]', 'quarantined', now(), now());
insert into ledger.history select i, 1, m + interval '1 day', now(), 1, 0, null, (m at time zone 'Asia/Ho_Chi_Minh')::date, i, 0, 1,
  0, false, 'u', 'mps.citizens', '001099000002', ('e' || i)::bytea, '', '', null
 from (values (timestamptz '2023-01-01 00:00+07', 0), ('2024-01-01 00:00+07', 1),
   ('2024-02-01 00:00+07', 2)) as v (m, i);
insert into judge.acknowledgement (stem, digest, starts, takes, by) values ('mps.citizens', 'd', '2027-01-31',
  '[{{"recipient": "portal", "field": "sex", "what": "the field is gone"}},
    {{"recipient": "gdt", "field": "", "what": "2 of 9 records would no longer come"}}]', 'Lan');
insert into extract.hold (stem, code, subject, what, remedy)
 values ('moit.ecommerce_sales', 'source.header_missing', 'a.csv',
  'the first line lacks <x>', 'ask');
"""


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    home = Path(tempfile.mkdtemp(prefix="pophub-registry-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPHUB_HOME", str(home))
        settings = hub.start(Settings.load(), servers=["postgres"])
        try:
            _seed(settings)
            yield settings
        finally:
            hub.stop(settings)
            shutil.rmtree(home, ignore_errors=True)


def _seed(settings: Settings) -> None:
    prepare_database(settings)
    superuser = settings.endpoints.postgres_superuser
    with closing(connect(settings, superuser)) as connection, transaction(connection, "seed") as cursor:
        cursor.execute(SEED)


@pytest.fixture(scope="module")
def address(settings: Settings) -> Iterator[str]:
    with served(create_pages(settings, visitor=operator)) as address:
        yield address


@pytest.fixture(scope="module")
def registry(settings: Settings) -> Iterator[str]:
    with served(create_registry(settings, guards=())) as address:
        yield address


def test_confluents_deserializer_reads_unchanged(registry: str) -> None:
    with SchemaRegistryClient({"url": registry}) as client:
        _reads_unchanged(client)


def _reads_unchanged(client: SchemaRegistryClient) -> None:
    body = io.BytesIO()
    record = {"citizen_id": "x", "n": 5}
    fastavro.schemaless_writer(body, fastavro.parse_schema(SCHEMA), record)
    framed = b"\x00" + (7).to_bytes(4, "big") + body.getvalue()
    context = SerializationContext("sub.portal.mps.citizens", MessageField.VALUE)
    assert AvroDeserializer(client)(framed, context) == record
    latest = client.get_latest_version("sub.portal.mps.citizens-value")
    assert (latest.version, latest.schema_id) == (2, 8)
    assert client.get_versions("sub.portal.mps.citizens-value") == [1, 2]
    assert "history.mps.citizens" in client.get_subjects()
    registered = client.lookup_schema("history.mps.citizens", client.get_schema(7))
    assert registered.schema_id == 7


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/schemas/ids/99", 404, 40403),
        ("GET", "/subjects/none/versions", 404, 40401),
        ("GET", "/subjects/none/versions/1", 404, 40401),
        ("GET", "/subjects/history.mps.citizens/versions/9", 404, 40402),
        ("GET", "/subjects/history.mps.citizens/versions/x", 422, 42202),
        ("POST", "/subjects/none", 404, 40401),
        ("POST", "/subjects/history.mps.citizens", 404, 40403),
        ("POST", "/subjects/history.mps.citizens/versions", 422, 42205),
        ("GET", "/nothing", 404, 404),
    ],
)
def test_refusals_have_confluents_codes(
    registry: str, method: str, path: str, status: int, code: int
) -> None:
    body = {"schema": '"long"'} if method == "POST" else None
    answer = httpx.request(method, f"{registry}{path}", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.headers["content-type"].startswith("application/vnd.schemaregistry.v1+json")


def test_a_subscriber_reads_what_a_changed_contract_takes_from_it_alone(registry: str) -> None:
    (notice,) = httpx.get(f"{registry}/subjects/sub.portal.mps.citizens-value/notices").json()
    assert notice.pop("acknowledged_at")
    assert notice == {"starts": "2027-01-31", "field": "sex", "what": "the field is gone"}
    assert httpx.get(f"{registry}/subjects/sub.gdt.mps.citizens-value/notices").status_code == 404


def test_the_rest_of_the_read_part_answers(registry: str) -> None:
    def get(path: str) -> Any:
        return httpx.get(f"{registry}{path}").json()

    assert get("/schemas/types") == ["AVRO"]
    assert get("/schemas/ids/7/schema") == SCHEMA
    assert len(get("/schemas/ids/7/versions")) == 2
    assert get("/subjects/history.mps.citizens/versions/latest/schema") == SCHEMA
    assert get("/subjects?subjectPrefix=history.") == ["history.mps.citizens"]
    assert get("/config")["compatibilityLevel"] == "BACKWARD"
    assert get("/mode") == {"mode": "READONLY"}


def test_pages_tell_the_counts_in_both_languages_and_no_person(address: str) -> None:
    page = httpx.get(f"{address}/datasets?lang=vi")
    assert 'lang="vi"' in page.text and "bị cách ly" in page.text
    assert "+100,0 %" in httpx.get(f"{address}/ledger?lang=vi").text
    assert "+100.0 %" in httpx.get(f"{address}/ledger?lang=en").text
    english = httpx.get(f"{address}/datasets", headers={"Accept-Language": "fr, en;q=0.5"}).text
    assert "quarantined" in english
    assert "source.header_missing" in english and "lacks &lt;x&gt;" in english
    run = httpx.get(f"{address}/runs/mps.citizens/{RUN}".replace("+", "%2B")).text
    assert "adds up" in run and "31/01/2023" not in run and "01/02/2023 00:00" in run
    dataset = httpx.get(f"{address}/datasets/mps.citizens").text
    assert "%2B00%3A00" in dataset
    for text in (page.text, english, run, dataset):
        assert "0010990" not in text


NOT_THERE = (
    ("/datasets/no.such", "mof.einvoices"),
    ("/datasets/%00", "moit.ecommerce_sales"),
    ("/datasets/%ED%A0%80", "mps.citizens"),
    ("/runs/x/y", "mps.citizens"),
    ("/runs/mps.citizens/none", RUN),
    ("/runs/mps.citizens/%00", RUN),
)


@pytest.mark.parametrize(("path", "there"), NOT_THERE)
def test_a_page_that_is_not_there_is_404_and_says_which_there_are(
    address: str, path: str, there: str
) -> None:
    answer = httpx.get(f"{address}{path}")
    assert (answer.status_code, answer.headers["content-language"]) == (404, "en")
    assert f">{there}</a>" in answer.text
    assert ("took nothing" in answer.text) == (there == RUN)
    assert "&lt;b&gt;" in httpx.get(f"{address}/datasets/%3Cb%3E").text


def test_a_dataset_that_was_declared_and_not_read_yet_has_its_page(address: str) -> None:
    answer = httpx.get(f"{address}/datasets/project06.tasks?lang=vi")
    assert answer.status_code == 200 and "Chưa đọc bản ghi nào" in answer.text


def row_of(page: str, name: str) -> list[str]:
    """Give the cells of the table row that begins with a name."""
    (row,) = re.findall(rf'<tr><th scope="row">{name}</th>(.*?)</tr>', page)
    return [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", row)]


@pytest.mark.parametrize("path", ["/datasets", "/datasets/mps.citizens", f"/runs/mps.citizens/{quote(RUN)}"])
def test_a_page_tells_the_first_judging_and_what_is_now(address: str, path: str) -> None:
    text = httpx.get(f"{address}{path}?lang=en").text
    assert row_of(text, "as first judged") == ["4", "2", "1", "1", "0"], "read, shared, quarantined, ..."
    assert row_of(text, "now") == ["5", "3", "1", "1", "0"]
    assert row_of(httpx.get(f"{address}{path}?lang=vi").text, "hiện nay")[0] == "5"


def test_a_hold_is_told_in_the_readers_language(address: str) -> None:
    vietnamese = httpx.get(f"{address}/datasets/moit.ecommerce_sales?lang=vi").text
    assert CODES["source.header_missing"].vi in vietnamese
    assert "gửi lại tệp kèm dòng tiêu đề" in vietnamese
    assert '<span lang="en">the first line lacks &lt;x&gt; (a.csv)</span>' in vietnamese
    english = httpx.get(f"{address}/datasets/moit.ecommerce_sales?lang=en").text
    assert "Next: ask" in english and "the first line lacks &lt;x&gt; (a.csv)" in english


@pytest.mark.parametrize(
    "path", ["/", "/datasets/mps.citizens", "/datasets/no.such", "/subjects", "/static/theme.js", "/nope"]
)
def test_head_is_answered_as_get_is_without_a_body(address: str, registry: str, path: str) -> None:
    server = registry if path in ("/subjects", "/health") else address
    asked, got = (httpx.request(method, f"{server}{path}") for method in ("HEAD", "GET"))
    assert (asked.status_code, asked.content) == (got.status_code, b"")
    assert asked.headers["content-length"] == got.headers["content-length"]
    assert asked.headers["content-type"] == got.headers["content-type"]


def test_style_and_script_are_files_that_the_policy_allows_and_a_page_has_none_within(address: str) -> None:
    answer = httpx.get(f"{address}/")
    policy = answer.headers["content-security-policy"]
    assert (
        "style-src 'self'; script-src 'self'" in policy and "unsafe" not in policy and "sha256" not in policy
    )
    assert not re.search(r"<style|<script>|\sstyle=|\son[a-z]+=", answer.text)
    for kind, name in (("text/css", "pophub.css"), ("text/javascript", "theme.js")):
        (path,) = re.findall(rf'"(/static/{re.escape(name)}\?v=[0-9a-f]{{16}})"', answer.text)
        assert httpx.get(address + path).headers["content-type"].startswith(kind)
    assert httpx.get(f"{address}/static/layout.html").status_code == 404


def test_pages_load_nothing_from_outside(address: str) -> None:
    headers = httpx.get(f"{address}/").headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-frame-options"] == "SAMEORIGIN"


def test_mounted_pages_ask_for_the_login_and_link_under_their_prefix(settings: Settings) -> None:
    allowed = [False]

    def guard() -> Visitor:
        if not allowed[0]:
            raise HTTPException(401)
        return operator()

    outer = FastAPI()
    outer.mount("/pophub", create_pages(settings, visitor=guard))
    with served(outer) as address:
        for path in ("/", "/datasets/a.b", "/runs/a.b/c"):
            assert httpx.get(f"{address}/pophub{path}").status_code == 401, path
        allowed[0] = True
        text = httpx.get(f"{address}/pophub/datasets/mps.citizens?lang=en").text
    assert 'href="/pophub/runs/mps.citizens/' in text
    assert 'href="/pophub/datasets/mps.citizens?lang=vi"' in text
    assert 'href="/pophub/?lang=en"' in text


def test_without_a_database_the_pages_say_what_to_do(settings: Settings) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoints = settings.endpoints.model_copy(update={"postgres_port": unused.getsockname()[1]})
        lost = settings.model_copy(update={"endpoints": endpoints})
        with served(create_pages(lost, visitor=operator)) as address:
            broken = httpx.get(f"{address}/?lang=vi")
            assert broken.status_code == 503 and "PostgreSQL không phản hồi" in broken.text
        with served(create_registry(lost, guards=())) as address:
            assert httpx.get(f"{address}/health").json() == {"status": "no database"}
            assert httpx.get(f"{address}/subjects").json()["error_code"] == 50001


@pytest.mark.parametrize("path", ["/", "/datasets/mps.citizens", "/subjects", "/health"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:{port}", "", "a@localhost"]
)
def test_a_foreign_host_header_is_refused_whatever_is_asked(
    address: str, registry: str, path: str, host: str
) -> None:
    server = registry if path in ("/subjects", "/health") else address
    port = server.rsplit(":", 1)[1]
    answer = httpx.get(server + path, headers={"Host": host.format(port=port)})
    assert answer.status_code in (400, 421)
    assert "mps" not in answer.text and "evil" not in answer.text


def test_the_declared_hosts_are_answered(
    settings: Settings, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = address.rsplit(":", 1)[1]
    for host in ("localhost", f"LOCALHOST:{port}", f"[::1]:{port}", "127.0.0.1"):
        assert httpx.get(f"{address}/", headers={"Host": host}).status_code == 200
    monkeypatch.setenv("POPHUB_WEB_HOSTS", "hub.example, other.example")
    behind = create_pages(settings, urls=["https://airflow.example/base"])
    with served(behind) as second:
        for host, status in (
            ("hub.example", 200),
            ("Other.example:443", 200),
            ("airflow.example", 200),
            ("evil.example", 421),
        ):
            assert httpx.get(f"{second}/health", headers={"Host": host}).status_code == status


def test_served_alone_pages_and_registry_ask_who_it_is_and_show_each_its_own(settings: Settings) -> None:
    operators = ("admin", settings.secret("airflow.admin"))
    portal = ("subscriber-portal", settings.secret("kafka.subscriber-portal"))
    over = ("subscriber-over", settings.secret("kafka.subscriber-over"))  # has no right in force
    with (
        closing(connect(settings, settings.endpoints.postgres_superuser)) as connection,
        transaction(connection, "rights") as cursor,
    ):
        cursor.execute(
            "insert into hub.access (recipient, stem, ended_at) values ('portal', 'mps.citizens', null), "
            "('over', 'mps.citizens', now()) on conflict do nothing"
        )
        note_operator(cursor, settings)
        note_subscribers(cursor, settings, ["portal", "over"])
    mine = "sub.portal.mps.citizens-value"
    with served(create_pages(settings)) as pages, served(create_registry(settings)) as registry:

        def get(url: str, login: tuple[str, str] | None) -> httpx.Response:
            return httpx.get(url, auth=login)

        wrong = (portal[0], operators[1])
        assert get(f"{registry}/health", None).status_code == 200
        for login in (None, wrong, over, ("subscriber-../x", "y"), ("admin", "")):
            for path in ("/subjects", "/schemas/ids/7", "/"):
                refused = get(f"{registry}{path}", login)
                assert (refused.status_code, "mps" in refused.text) == (401, False), (login, path)
                assert refused.headers["www-authenticate"].startswith("Basic ")
        for login in (portal, operators, wrong):
            assert get(f"{pages}/datasets", login).status_code == 401, "pages are for who signed in"
            with httpx.Client(base_url=pages) as client:
                assert signed_in(client, *login) == (login == operators)
        assert get(f"{registry}/subjects", portal).json() == [mine]
        assert get(f"{registry}/schemas/ids/7/subjects", portal).json() == [mine]
        for path in ("/subjects/history.mps.citizens/versions", "/schemas/ids/9"):
            assert get(f"{registry}{path}", portal).status_code == 404
        assert set(get(f"{registry}/subjects", operators).json()) > {mine}
        for server, path in ((pages, "/subjects"), (pages, "/registry/subjects"), (registry, "/datasets/x")):
            assert get(f"{server}{path}", operators).status_code == 404, (
                "apart: neither answers for the other"
            )


def test_pages_and_registry_know_who_asks_without_holding_a_secret(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operators = ("admin", settings.secret("airflow.admin"))
    with (
        closing(connect(settings, settings.endpoints.postgres_superuser)) as connection,
        transaction(connection, "rights") as cursor,
    ):
        note_operator(cursor, settings)
    monkeypatch.setenv("POPHUB_SECRET_POSTGRES_POPHUB_WEB", settings.secret("postgres.pophub_web"))
    elsewhere = settings.model_copy(update={"home": tmp_path / "home"})
    with served(create_pages(elsewhere)) as pages, served(create_registry(elsewhere)) as registry:
        for login, known in ((operators, True), (("admin", "guessed"), False)):
            status = httpx.get(f"{registry}/subjects", auth=login).status_code
            assert status == (200 if known else 401)
            with httpx.Client(base_url=pages) as client:
                assert signed_in(client, *login) is known
    assert not elsewhere.home.exists()
