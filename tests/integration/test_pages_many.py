"""With very many records, causes, days and batches each page stays small and asks few questions; a preview is what the replay does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pages_kit
import pytest
from hubkit import PROJECT, Project, Servers
from serving import served
from test_asked import attending
from test_pages_acts import DATE, act, counts_in, group_page, over, settings_of
from test_quarantine_commands import BAD_NAME

from pophub.contracts.load import connector_paths, stem_at
from pophub.prepare import prepare_database
from pophub.settings import Settings
from pophub.web.app import create_pages

pytestmark = [
    pytest.mark.timeout(540),
    pytest.mark.filterwarnings("default"),  # a replay loads Great Expectations, which has warnings of its own
]
MANY, DAYS, STEM = 100_000, 14, "mps.citizens"
PAGE_BYTES = 150_000
HELD = """
insert into quarantine.version (stem, key, marker, content, event_id, contract, operation, lane, raw_offset, row, batch,
    exchanged_at, raw, failures, gate, waits_until, state, first_judged_at, last_judged_at)
select %(stem)s, 'k' || n, n, '\\x01', decode(md5(n::text), 'hex'), 1, 'u', n %% 2, n, 0, 1, now(), '\\x', jsonb_build_array(
    jsonb_build_object('gate', 'clean', 'code', 'clean.text.control', 'field', 'field_' || n %% %(fields)s, 'reason', 'x', 'severity', 'error')),
    'clean', null, 'quarantined', now(), now() from generate_series(1, %(many)s) n
"""
BATCHES = """
with made as (insert into extract.batch (stem, run, contract, exchanged_at, rows, state)
    select stem, 'run ' || day, 1, now() - day * interval '1 day', 7, 'sent'
    from unnest(%(stems)s) stem, generate_series(0, %(days)s - 1) day, generate_series(1, %(each)s) returning batch, stem)
insert into judge.reconciliation (stem, lane, raw_from, raw_to, batch, read, shared, quarantined, duplicate, superseded)
select stem, 0, batch, batch, batch, 7, 3, 2, 1, 1 from made
"""
FILL = """
insert into dancu.cong_dan (so_ddcn, ho_ten, ngay_sinh, gioi_tinh, ma_tinh, ma_ho, so_cmnd, da_xoa, cap_nhat_luc)
select '001091' || lpad(n::text, 6, '0'), case when n <= %s then %s else 'Nguyễn Văn An' end, '1991-03-15', 'Nam', '01',
    'H' || n, null, false, %s from generate_series(1, %s) n
"""


@pytest.fixture(scope="module")
def many(servers: Servers) -> Iterator[Settings]:
    """A hub of the repository's project: a hundred thousand versions held for 150 causes, many batches on each of fourteen days."""
    known = servers.settings
    servers.query("create database pophub_many")
    endpoints = known.endpoints.model_copy(update={"database": "pophub_many"})
    settings = Settings(home=known.home, project=PROJECT, endpoints=endpoints)
    prepare_database(settings)
    stems = [stem_at(path) for path in connector_paths(PROJECT)]
    connection = servers.superuser("pophub_many")
    with connection.cursor() as cursor:
        cursor.execute(BATCHES, {"stems": stems, "days": DAYS, "each": 20})
        cursor.execute(HELD, {"stem": STEM, "fields": 150, "many": MANY})
        cursor.execute("analyze")
    connection.close()
    yield settings
    servers.query("drop database pophub_many with (force)")


LOOKED_AT = ("/", "/quarantine", "/quarantine?page=2", f"/quarantine/versions?stem={STEM}",
             f"/quarantine/versions?stem={STEM}&page={MANY // 100}",
             f"/quarantine/group?stem={STEM}&code=clean.text.control&field=field_7", "/datasets", f"/datasets/{STEM}",
             f"/datasets/{STEM}/records?state=quarantined&behind=1.0.50000.0", "/ledger", f"/ledger/batches/{STEM}", "/ledger/transactions",
             f"/runs/{STEM}/run 1")  # fmt: skip


def test_with_a_hundred_thousand_held_records_each_page_is_small_and_lists_a_hundred(
    many: Settings, record_property: Callable[[str, object], None]
) -> None:
    app = create_pages(many, visitor=pages_kit.operator)
    with served(app) as at, httpx.Client(base_url=at, timeout=60) as client:
        for path in LOOKED_AT:
            answer = client.get(path)
            record_property(f"{path}: seconds, bytes", (answer.elapsed.total_seconds(), len(answer.content)))
            assert answer.status_code == 200 and len(answer.content) < PAGE_BYTES, (path, len(answer.content))
            assert "does not answer" not in answer.text, path
            assert answer.text.count("<tr>") <= 260, path
        first = client.get("/quarantine").text
        assert f"{MANY:,} held" in first and "Causes 1 to 100 of 150." in first
        assert len(re.findall(r'href="/quarantine/group\?', first)) == 100
        assert len(re.findall(r'href="/quarantine/group\?', client.get("/quarantine?page=2").text)) == 50
        assert client.get(LOOKED_AT[4]).text.count('href="/record/version/') == 100


def test_a_preview_of_a_hundred_thousand_is_what_the_replay_then_does(project: Project) -> None:
    stay = 200
    project.sql(FILL, stay, BAD_NAME, project.ago(60), MANY)
    project.pass_through("extract", "judge")
    assert project.states() == {"quarantined": MANY}
    path = project.folder / f"connectors/{project.agency}/citizens.yaml"
    path.write_text(path.read_text().replace('format: "%d/%m/%Y"', 'format: "%Y-%m-%d"'))
    page = group_page(project, *DATE)
    app = create_pages(settings_of(project), visitor=pages_kit.operator)
    with attending(project), served(app) as at, httpx.Client(base_url=at, timeout=60) as client:
        assert f"{MANY:,}</a>" in client.get(page).text
        seen = over(client, act(client, page, "/quarantine/preview"))
        assert f"{MANY - stay:,} would pass, {stay:,} stay" in seen.text, seen.text[-1500:]
        done = over(client, act(client, str(seen.url), "/quarantine/replay"))
        assert f"{MANY - stay:,} passed, {stay:,} stayed" in done.text
        assert counts_in(done.text) == counts_in(seen.text)
    assert project.states() == {"shared": MANY - stay, "quarantined": stay}
