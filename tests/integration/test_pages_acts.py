"""What people do on the pages is on record, takes the right person, and is what the commands do."""

from __future__ import annotations

import hmac
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from html import unescape
from typing import Any
from unicodedata import normalize

import httpx
import pages_kit
import pytest
from browsed import mended, settings_of
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from hubkit import GRANTED, INVOICES_TABLE, Project
from pages_kit import form_of, signed_in
from serving import Tunnel, attended, served
from test_quarantine_commands import BAD_NAME, pophub, user
from test_references import DAY, SHOP, TAXPAYERS_TABLE, invoice, taxpayer

from pophub.domain.dates import shown_time
from pophub.ledger.checkpoint import make
from pophub.postgres import connect
from pophub.quarantine import carried
from pophub.sharing.secret_in_use import pseudonym_secret
from pophub.sharing.subscription import subscription_secret
from pophub.web import joints
from pophub.web.app import create_pages
from pophub.web.visitors import COOKIE
from pophub.web.words import CHOSEN

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("default"),  # a replay loads Great Expectations, which has warnings of its own
]
DATE = ("contract.date.format", "birth_date")


@contextmanager
def pages(project: Project, role: str = "") -> Iterator[httpx.Client]:
    """Serve the pages of a project: with their sign-in, or to somebody of a role."""
    visitor, settings = getattr(pages_kit, role) if role else None, settings_of(project)
    app = create_pages(settings, visitor=visitor)
    with served(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def act(client: httpx.Client, page: str, action: str, **fields: str) -> httpx.Response:
    """Fill in a form of a page and send it; follow where it leads."""
    form = {name: unescape(value) for name, value in form_of(client.get(page).text, action).items()}
    return client.post(action, data=form | fields, follow_redirects=True)


def over(client: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """Look again until a preview or a replay is over."""
    until = time.monotonic() + 120
    while "Look again" in answer.text and time.monotonic() < until:
        time.sleep(0.3)
        answer = client.get(str(answer.url))
    return answer


def group_page(project: Project, code: str, field: str) -> str:
    return f"/quarantine/group?stem={project.stem}&code={code}&field={field}"


def failed(project: Project, **changed: Any) -> tuple[str, int]:
    """Let one record fail; give its key and the number of its version."""
    key = project.put(1, 60, **changed)
    project.pass_through()
    return key, project.servers.query("select id from quarantine.version where key = %s", key)[0][0]


def event_of(project: Project, key: str) -> str:
    """Give the event id of a key's accepted version."""
    wanted = "select encode(event_id, 'hex') from ledger.history where stem = %s and key = %s"
    return str(project.servers.query(wanted, project.stem, key)[0][0])


def transaction_of(project: Project, event: str) -> str:
    """Give the id under which the subscriber has an event, by the formula of docs/data-model.md."""
    with closing(connect(project.servers.settings, "pophub_read")) as connection:
        secret = pseudonym_secret(connection, project.servers.settings)
    derived = subscription_secret(secret, f"sub.{project.subscriber}.{project.stem}")
    return hmac.digest(derived, b"transaction" + bytes.fromhex(event), "sha256")[:16].hex()


def counts_in(page: str) -> list[int]:
    """Give the counts of the table of outcomes."""
    return [int(one.replace(",", "")) for one in re.findall(r'<td data-name="Records">([\d,]+)</td>', page)]


def test_a_preview_says_what_the_replay_then_does(project: Project) -> None:
    mended(project)
    page = group_page(project, *DATE)
    with attended(settings_of(project)), pages(project, "operator") as client:
        assert ">4</a>, " in client.get(page).text
        seen = over(client, act(client, page, "/quarantine/preview"))
        assert "3 would pass, 1 stay" in seen.text, seen.text[-1500:]
        assert project.states()["quarantined"] == 4, "a preview changes nothing"
        done = over(client, act(client, str(seen.url), "/quarantine/replay"))
        assert "3 passed, 1 stayed" in done.text and counts_in(done.text) == counts_in(seen.text)
        assert ">4</a>, " not in client.get(page).text
    assert project.states() == {"shared": 3, "quarantined": 1}
    (by,) = project.servers.query(
        "select started_by from quarantine.replay_run where stem = %s", project.stem
    )[0]
    assert by == "Oanh"


def test_a_correction_takes_two_people_and_is_judged_by_the_same_gates(project: Project) -> None:
    key, version = failed(project, ho_ten=BAD_NAME)
    lan, lans = user(project, "Lan")
    minh, minhs = user(project, "Minh")
    page = f"/record/version/{version}"
    propose, approve = f"{page}/propose", f"{page}/approve"
    with pages(project) as client:
        assert signed_in(client, lan, lans)
        change = {"set_full_name": "Lê Văn Sửa", "reason": "letter 12"}
        assert (
            f'name="user" required autocomplete="username" maxlength="63" value="{lan}"'
            in client.get(page).text
        )
        for who, password, code in ((lan, minhs, "user.login"), ("", "", "config.missing")):
            refused = act(client, page, propose, user=who, password=password, **change)
            assert refused.status_code == 422 and code in refused.text
            assert 'value="Lê Văn Sửa"' in refused.text and 'value="letter 12"' in refused.text
            assert "•••" in refused.text and key not in refused.text and minhs not in refused.text
        nothing = act(client, page, propose, user=lan, password=lans, reason="y")
        assert "Fill in at least one field" in nothing.text and "--set" not in nothing.text
        unread = act(client, page, propose, user=lan, password=lans, set_birth_date="x", reason="y").text
        assert (
            "repair.value" in unread
            and "birth_date cannot be read. Write it as: date, as 1990-03-15" in unread
        )
        assert client.get(propose).headers["location"].startswith(f"{page}?"), "a reload"
        told = act(client, page, propose, user=lan, password=lans, **change)
        assert "Another person has to approve it." in told.text and "Sửa" not in told.text
        assert "You proposed it" in client.get(page).text
        assert "không qua cổng kiểm tra sạch" in client.get(f"{page}?lang=vi").text
        kept = next(c for c in client.cookies.jar if c.name == CHOSEN)
        assert kept.get_nonstandard_attr("SameSite") == "lax" and kept.path == "/"
        chosen = client.get("/datasets").text
        assert '<html lang="vi">' in chosen and "sai cam kết dữ liệu" in chosen and "cửa" not in chosen
        assert '<html lang="en">' in client.get("/datasets?lang=en").text
        refused = act(client, page, approve, user=lan, password=lans)
        assert refused.status_code == 422 and "repair.four_eyes" in refused.text
        assert project.states() == {"quarantined": 1}
        assert (
            "A correction waits" in client.get("/").text
            and "letter 12" in client.get("/quarantine/proposals").text
        )
    with attended(settings_of(project)), pages(project) as client:
        assert signed_in(client, minh, minhs)
        done = over(client, act(client, page, approve, user=minh, password=minhs))
        assert "1 passed, 0 stayed" in done.text
        assert f'<a href="/datasets/{project.stem}?lang=en">Run it now</a>' in done.text
        before = client.get(page).text
        assert (
            "waits for the dataset&#39;s next run, then is put ready for x " in before
            and "Transaction id" not in before
        )
        project.pass_through("share")
        after = client.get(page).text
        assert "waits for the dataset" not in after
        told = act(client, "/record", "/record", text=key).text
        assert "1 found" in told and "keys of what was accepted (1)" in told and ">accepted</a>" in told
        assert f'href="{page}?lang=en">accepted</a>' in told, "by its page in quarantine, which knows both"
    assert project.states() == {"shared": 1}
    event = event_of(project, key)
    for told_now in (
        "correction proposed · " + lan,
        "correction approved · " + minh,
        "accepted, lane",
        f'shared with the population database, transaction id (its event id) <code class="small">{event}</code>',
        "put ready for x <",
        f"Transaction id: <code>{transaction_of(project, event)}</code>",
        "No group of it has read yet.",
        f"Fields granted: <bdi>{', '.join(GRANTED)}</bdi>",
    ):
        assert told_now in after, told_now
    assert key not in after and "Propose" not in after


def test_a_value_is_seen_only_for_a_reason_that_stays_on_record(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    key, version = failed(project, ho_ten=BAD_NAME)
    project.put(2, 60)
    project.pass_through()
    (event,) = project.servers.query(
        "select encode(event_id, 'hex') from quarantine.version where id = %s", version
    )[0]
    lane, sequence = project.servers.query(
        "select lane, sequence from ledger.history where stem = %s", project.stem
    )[0]
    places = (f"/record/version/{version}", f"/record/accepted/{project.stem}/{lane}/{sequence}")
    with pages(project, "operator") as client:
        for page, number in zip(places, (key, project.number_of(2)), strict=True):
            assert client.get(page).text.count("•••") > 5 and number not in client.get(page).text
            assert act(client, page, page, reason=" ").status_code == 422
            shown = act(client, page, page, reason="letter 12")
            assert number in shown.text and number not in str(shown.url)
            assert number not in client.get(page).text, "masked again"
            assert "values seen</b>" not in shown.text and "values seen · Oanh: letter 12" in shown.text
        export = act(client, group_page(project, "clean.text.control", "full_name"), "/quarantine/export",
                     format="csv", reason="for the agency")  # fmt: skip
        assert export.headers["content-disposition"].endswith(f'"{project.stem}.csv"') and key in export.text
    with pages(project, "viewer") as client:
        assert "Reveal" not in client.get(places[0]).text
        refused = client.post(places[0], data={"token": pages_kit.TOKEN, "reason": "x"})
        assert refused.status_code == 403 and key not in refused.text
    with pages(project, "auditor") as client:
        audit = client.get("/audit").text
        assert (
            audit.count("letter 12") >= 2
            and event in audit
            and "for the agency" in audit
            and key not in audit
        )
    kept = project.servers.query(
        "select what, records, reason, revealed_by from quarantine.reveal where stem = %s order by reveal",
        project.stem,
    )
    assert kept[0] == (f"record {event}", 1, "letter 12", "Oanh") and len(kept) == 3
    assert kept[2] == ("export clean.text.control full_name", 1, "for the agency", "Oanh")
    assert key not in caplog.text


def test_a_refused_form_shows_again_what_was_revealed_and_nothing_more(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    key, version = failed(project, ho_ten=BAD_NAME)
    lan, lans = user(project, "Lan")
    page = f"/record/version/{version}"
    with pages(project, "operator") as client:
        for form in (f"{page}/propose", f"{page}/approve"):
            shown = act(client, page, page, reason="letter 12").text
            assert "citizen_id: the key says whom" in shown and 'name="set_citizen_id"' not in shown
            assert (
                'list="of_sex"' in shown
                and "Oanh, which cannot sign here" in shown
                and "pophub user add NAME" in shown
            )
            sent = {name: unescape(value) for name, value in form_of(shown, form).items()}
            told = {"set_full_name": "Lê Văn Sửa", "reason": "letter 12", "user": lan}
            refused = client.post(form, data=sent | told | {"password": "x"})
            assert refused.status_code == 422 and "user.login" in refused.text
            assert "<dt>ho_ten (full_name)</dt><dd>Nguyễn␣Văn An (␣ U+0007)</dd>" in refused.text
            assert f"<dd>{key}</dd>" in refused.text and key not in str(refused.url)
            again = {name: unescape(value) for name, value in form_of(refused.text, form).items()}
            assert again == sent, "what was revealed comes back from one refusal to the next"
            other = {name: value for name, value in sent.items() if not name.startswith("seen")}
            assert key not in client.post(form, data=other | told | {"password": "x"}).text
            if form.endswith("propose"):
                assert client.post(form, data=sent | told | {"password": lans}).status_code == 303
            else:
                assert "<dd>Lê Văn Sửa</dd>" in refused.text
                less = {name: value for name, value in sent.items() if "full_name" not in name}
                assert "Sửa" not in client.post(form, data=less | {"user": lan, "password": "x"}).text
    looks = project.servers.query("select count(*) from quarantine.reveal where stem = %s", project.stem)
    assert looks == [(2,)], "a refusal is no look"
    assert key not in caplog.text


def test_a_record_is_found_by_whatever_names_it(project: Project) -> None:
    key = project.put(1, 60)
    project.pass_through()
    project.update(1, 30, ho_ten=BAD_NAME)
    project.put(9, 30, so_ddcn="Nguyễn 9")
    project.pass_through()
    event = event_of(project, key)
    sent = transaction_of(project, event)
    with pages(project, "operator") as client:
        for text, found in (
            (key, 2),
            (event, 1),
            (event.upper(), 1),
            (sent, 1),
            ("Nguyễn 9", 1),
            (normalize("NFD", "Nguyễn 9"), 1),
            ("000000000000", 0),
            ("f" * 32, 0),
        ):
            told = act(client, "/record", "/record", text=f" {text} ")
            assert f"{found} found" in told.text and "Looked in:" in told.text, text
            assert text not in str(told.url)
        assert "1 found" in client.get(f"/record/event/{event}").text
        assert client.get("/record/event/xyz").status_code == 404
        assert client.get(f"/record/accepted/{project.stem}/0/99999").status_code == 404
        assert client.get("/record/version/99999999").status_code == 404
    with pages(project, "viewer") as client:
        assert client.get("/record").status_code == 403


def test_a_citizen_and_an_organisation_are_found_wherever_a_record_names_them(
    bare_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = bare_project
    people, taxpayers = project.declare("mps.citizens"), project.declare("mof.taxpayers")
    invoices = project.declare("mof.einvoices", register=True)
    project.sql(TAXPAYERS_TABLE)
    project.sql(INVOICES_TABLE)
    project.pass_through("prepare")
    owner, other = project.put(1, 20 * DAY), project.put(2, 20 * DAY)
    project.pass_through("extract", "judge")
    taxpayer(project, SHOP, 9 * DAY, "Tạp hóa An")
    project.pass_through("extract", "judge", stem=taxpayers)
    for number in ("stands", "moves"):
        invoice(project, number, SHOP, "Tạp hóa An", 4, owner)
    invoice(project, "waits", SHOP, "Quán Khác", 4, owner)
    project.pass_through("extract", "judge", stem=invoices)
    moved = "update hoadon.hddt set so_ddcn_ban = null, cap_nhat = %s where so_hd = 'moves'"
    project.sql(moved, project.ago(20))  # names nobody any more
    invoice(project, "waits too", SHOP, "Quán Khác", 3, other)
    project.pass_through("extract", "judge", stem=invoices)
    assert project.states(invoices) == {"shared": 3, "quarantined": 2}
    with pages(project, "operator") as client:
        for text, where in (
            (
                owner,
                {
                    people: ["accepted"],
                    taxpayers: ["accepted"],
                    invoices: ["accepted", "waits in quarantine"],
                },
            ),
            (other, {people: ["accepted"], invoices: ["waits in quarantine"]}),
            (SHOP, {taxpayers: ["accepted"], invoices: ["accepted"] * 2 + ["waits in quarantine"] * 2}),
            (owner[:-1], {}),
        ):
            told = act(client, "/record", "/record", text=text).text
            rows = re.findall(
                r'<tr><td>([^<]+)</td>\s*<td class="left" data-name="state"><a [^>]*>([^<]+)<', told
            )
            found: dict[str, list[str]] = {}
            for stem, state in sorted(rows):
                found.setdefault(stem, []).append(state)
            assert found == where, text
        reach = told.split("What was looked through")[1]
        assert "<bdi>seller_citizen_id, seller_tax_code</bdi>" in reach
        assert "all 3</td>" in reach and "all 2</td>" in reach
        assert "<bdi>representative_id</bdi>" in reach
        monkeypatch.setattr(carried, "NEWEST", 2)  # one for each lane
        told = act(client, "/record", "/record", text=owner).text
        assert "the newest 2 of 3</td>" in told or "the newest 1 of 3</td>" in told
        monkeypatch.setattr(carried, "WHOLE_S", 0.0)
        told = act(client, "/record", "/record", text=owner).text
        assert told.count("not looked through: it took too long</td>") == 6 and "1 found" in told
        told = act(client, "/record?lang=vi", "/record?lang=vi", text=owner).text
        assert "không dò được" in told and "Không dò: phiên bản đã có bản mới thay" in told


def test_a_record_says_whom_the_terms_leave_out(bare_project: Project) -> None:
    project = bare_project
    project.declare("mps.citizens", fields=GRANTED)
    terms = project.folder / f"subscriptions/{project.subscriber}.yaml"
    terms.write_text(terms.read_text() + '    rows: {province_code: ["38"]}\n')
    project.pass_through("prepare")
    project.put(1, 60)  # of province 01
    project.pass_through()
    lane, sequence = project.servers.query(
        "select lane, sequence from ledger.history where stem = %s", project.stem
    )[0]
    with pages(project, "viewer") as client:
        told = client.get(f"/record/accepted/{project.stem}/{lane}/{sequence}?lang=en").text
        assert "not for x: its terms do not grant this record" in told and "put ready for" not in told
        assert "shared with the population database" in told


def test_a_batch_that_failed_too_much_stands_on_the_first_page_since_it_was_judged(
    bare_project: Project,
) -> None:
    project = bare_project
    project.declare("mps.citizens", ("(?m)^key: ", "alerts: {failed_share: 0.5, min_rows: 1}\nkey: "))
    project.pass_through("prepare")
    failed(project, ho_ten=BAD_NAME)
    ((at,),) = project.servers.query(
        "select max(judged_at) from judge.reconciliation where stem = %s", project.stem
    )
    with pages(project, "operator") as client:
        rows = client.get("/").text.split("<tr")
    (row,) = [one for one in rows if f">{project.stem}<" in one and "alert.failed_share" in one]
    assert f'<td data-name="since">{shown_time(at, "%d/%m/%Y %H:%M")}<' in row, row


def test_a_group_is_assigned_returned_and_taken_back(project: Project) -> None:
    failed(project, ho_ten=BAD_NAME)
    page = group_page(project, "clean.text.control", "full_name")
    with pages(project, "operator") as client:
        assert act(client, page, "/steps?lang=en", whom="").status_code == 422
        assert "Assigned to Hoa" in act(client, page, "/steps?lang=en", whom="Hoa", reason="knows it").text
        assert "Assigned to Minh" in act(client, page, "/steps?lang=en", whom="Minh").text
        told = act(client, page, "/quarantine/return", reason="letter 13")
        assert "Returned to its agency" in told.text
        assert "returned to its agency" in client.get("/quarantine").text
        numbers = re.findall(r'action="/steps/(\d+)/undo', told.text)
        undo = client.post(
            f"/steps/{numbers[-1]}/undo", data={"token": pages_kit.TOKEN, "back": page}, follow_redirects=True
        )
        assert "Taken back." in undo.text and "Returned to its agency</b>" not in undo.text
        again = client.post(f"/steps/{numbers[-1]}/undo", data={"token": pages_kit.TOKEN})
        assert again.status_code == 422 and "quarantine.step" in again.text
        assert client.post("/steps", data={"token": pages_kit.TOKEN, "act": "removed"}).status_code == 422
    told = project.servers.query(
        "select act, whom, undone_by from quarantine.step where stem = %s order by step", project.stem
    )
    assert told == [("assigned", "Hoa", "Oanh"), ("assigned", "Minh", None), ("returned", "", "Oanh")]
    assert project.servers.query(
        "select told from quarantine.feedback_agency where agency = %s", project.agency
    ) == [(1,)]


def test_a_dataset_tells_its_joints_and_is_paused_and_resumed(project: Project) -> None:
    failed(project, ho_ten=BAD_NAME)
    project.put(2, 60)
    project.pass_through()
    page = f"/datasets/{project.stem}"
    with pages(project, "operator") as client:
        told = client.get(page).text
        joints = re.findall(
            r'<tr><td>(.*?)</td><td data-name="Records">(?:<a [^>]*>)?([\d,]+)(?:</a>)?</td>', told
        )
        assert [int(count) for _, count in joints[:4]] == [2, 2, 2, 1]
        given = (
            f'<a href="/subscriptions/{project.subscriber}/{project.stem}?lang=en">{project.subscriber}</a>'
        )
        assert joints[4:] == [("the hub&#39;s own log", "1"), (given, "1")]
        assert act(client, page, f"{page}/pause", reason=" ").status_code == 422
        assert "Paused by Oanh" in act(client, page, f"{page}/pause", reason="letter 12").text
        assert project.pass_through("extract")[0]["paused"] == "letter 12"
        assert "Paused by a person" in client.get("/").text
        assert "Paused by" not in act(client, page, f"{page}/resume").text
        sub = client.get(f"/subscriptions/{project.subscriber}/{project.stem}").text
        assert "No group of it has read yet." in sub and "citizen_id" in sub
        assert project.subscriber in client.get("/subscriptions").text
        (run,) = project.servers.query("select min(run) from extract.batch where stem = %s", project.stem)[0]
        of_run = client.get(f"/runs/{project.stem}/{run}").text
        assert "clean.text.control" in of_run and "Running it again is safe" in of_run
        assert client.get(f"/subscriptions/nobody/{project.stem}").status_code == 404


def test_a_subscription_says_how_long_until_a_reader_loses_what_it_has_not_read(project: Project) -> None:
    project.put(1, 60)
    project.pass_through()
    known = project.servers.settings
    admin = AdminClient(
        {
            "bootstrap.servers": known.endpoints.kafka_bootstrap, "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "admin", "sasl.password": known.secret("kafka.admin"),
        }
    )  # fmt: skip
    topic, group = f"sub.{project.subscriber}.{project.stem}", f"{project.subscriber}.look"
    places = [TopicPartition(topic, lane, 0) for lane in (0, 1)]
    begun = ConsumerGroupTopicPartitions(group, places)
    admin.alter_consumer_group_offsets([begun], request_timeout=30)[group].result(30)
    lane, sequence = project.servers.query(
        "select lane, sequence from ledger.history where stem = %s", project.stem
    )[0]
    with pages(project, "viewer") as client:
        record = f"/record/accepted/{project.stem}/{lane}/{sequence}?lang=en"
        assert f"{group} has 2 messages of the topic not read yet" in client.get(record).text
        ends = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, lane, 2)])
        admin.alter_consumer_group_offsets([ends], request_timeout=30)[group].result(30)
        assert f"Read by {group}." in client.get(record).text
        admin.alter_consumer_group_offsets([begun], request_timeout=30)[group].result(30)
        page = client.get(f"/subscriptions/{project.subscriber}/{project.stem}?lang=en").text
        assert group in page and ">nothing expires</td>" in page
        hour = ConfigEntry("retention.ms", "3600000", incremental_operation=AlterConfigOpType.SET)
        asked = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[hour])
        for future in admin.incremental_alter_configs([asked]).values():
            future.result(30)
        page = client.get(f"/subscriptions/{project.subscriber}/{project.stem}?lang=en").text
        (left,) = re.findall(r'data-name="until the oldest is lost"><span class="ok">(\d+) min</span>', page)
        assert 50 <= int(left) <= 59


def test_who_signs_in_has_the_role_that_was_given_until_it_ends(project: Project) -> None:
    vy = pophub(project, "user", "add", f"Vy{project.number}", "--role", "viewer")
    an = pophub(project, "user", "add", f"An{project.number}", "--role", "auditor")
    lan, lans = user(project, "Lan")
    assert pophub(project, "user", "add", "Hoa", "--role", "king", code=2)["code"] == "cli.choice"
    acting = ("pause", project.stem, "--reason", "x", "--by", vy["user"])
    assert pophub(project, *acting, code=2, password=vy["password"])["code"] == "user.role"
    with pages(project) as client:
        assert not signed_in(client, lan, lans + "x") and not signed_in(client, lan, "")
        assert signed_in(client, lan.upper(), lans, back="//evil.example/")
        kept = next(c for c in client.cookies.jar if c.name == COOKIE)
        assert kept.has_nonstandard_attr("HttpOnly") and kept.get_nonstandard_attr("SameSite") == "lax"
        assert kept.path == "/"
        assert lan in client.get("/").text
        pophub(project, "user", "remove", lan)
        assert client.get("/").status_code == 401
    for person, sees, not_sees in ((vy, "/quarantine", "/audit"), (an, "/audit", "/quarantine/work/1")):
        with pages(project) as client:
            assert signed_in(client, person["user"], person["password"])
            assert client.get(sees).status_code == 200 and client.get(not_sees).status_code == 403
            out = act(client, "/", "/sign-out")
            assert out.status_code == 200 and client.get(sees).status_code == 401


def lineage(client: httpx.Client, project: Project) -> dict[str, bool]:
    """Give for each neighbour of a dataset whether its page tells first and last."""
    answer = client.get(f"/datasets/{project.stem}")
    assert answer.status_code == 200, answer.text[-500:]
    (table,) = re.findall(r'id="lineage".*?<tbody>(.*?)</table>', answer.text, re.S)
    rows = [
        re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", table, re.S)
    ]
    return {re.sub(r"<[^>]*>", "", row[1]).strip(): "–" not in row[3:] for row in rows}


def test_a_dataset_tells_dates_of_its_neighbours_and_stands_without_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put(1, 60)
    project.pass_through()
    with pages(project, "viewer") as client:
        told = lineage(client, project)
        dated = [name for name, both in told.items() if both]
        assert [name for name in dated if name.startswith("source ")], told
        assert "population database" in dated and f"subscriber {project.subscriber}" in dated, told
        for broken in ("select 1 / 0", "select pg_sleep(5)"):
            monkeypatch.setattr(joints, "HOP_DATES", broken)
            assert set(lineage(client, project).values()) == {False}, "the dates alone are not there"


PAGES = (
    "/",
    "/quarantine",
    "/datasets",
    "/ledger",
    "/quarantine/versions",
    "/catalogue",
    "/figures",
    "/figures/sharing",
)


def in_time(client: httpx.Client, path: str) -> httpx.Response:
    begun = time.monotonic()
    answer = client.get(path)
    assert time.monotonic() - begun < 3, f"{path} took too long"
    return answer


@pytest.mark.parametrize("how", ["frozen", "closed"])
def test_without_postgresql_pages_name_it_and_tell_the_last_good_figures_with_their_age(
    project: Project, how: str
) -> None:
    failed(project, ho_ten=BAD_NAME)
    project.figure("sharing")
    make(project.servers.settings)
    tunnel = Tunnel(project.servers.settings.endpoints.postgres_port)
    app = create_pages(settings_of(project, postgres_port=tunnel.port), visitor=pages_kit.operator)
    with served(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        before = {path: client.get(path).text for path in PAGES}
        tunnel.open.clear() if how == "frozen" else tunnel.close()
        try:
            for path in PAGES:
                answer = in_time(client, path)
                assert answer.status_code == 200 and "PostgreSQL does not answer" in answer.text, path
                assert "These are the last good figures, of" in answer.text
                for figure in re.findall(r">[\d,]+ held<", before[path]):
                    assert figure in answer.text, "never zeros"
            unseen = in_time(client, f"/datasets/{project.stem}")
            assert unseen.status_code == 503 and "PostgreSQL does not answer" in unseen.text
        finally:
            tunnel.open.set()


def test_without_kafka_the_first_page_names_it(project: Project) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings = settings_of(project, kafka_bootstrap=f"127.0.0.1:{free.getsockname()[1]}")
        app = create_pages(settings, visitor=pages_kit.operator)
        with served(app) as address, httpx.Client(base_url=address, timeout=30) as client:
            assert "kafka.unreachable" in in_time(client, "/").text
