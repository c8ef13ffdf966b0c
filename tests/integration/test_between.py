"""Two stores of the same parties: who differs is named by a digest, and seen only for a reason that is kept."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from typing import Any

import pytest
from command_kit import command
from hubkit import Project, surroundings
from test_declared_from_outside import into_postgres
from test_quarantine_commands import pophub, user

from pophub.contracts.load import load_all
from pophub.contracts.model import Connector, Person
from pophub.contracts.reference_model import Register
from pophub.reconcile import between as compared
from pophub.reconcile.between import between, same_things
from pophub.settings import PROJECT
from tests.refused import refused

pytestmark = pytest.mark.timeout(300)
ROWS = 6


def party(project: Project, agency: str, number: int, **changed: Any) -> dict[str, Any]:
    """Give a sound row of a store: an organisation, which needs no citizen."""
    path = PROJECT / f"tests/samples/{agency}.parties/organisation.pass.json"
    row = json.loads(path.read_text())["raw"] | {
        "stt": number,
        "ma": f"{agency}-{project.number}-{number:05d}",
    }
    if agency == "laocai":
        row["ma_cong"] = f"portal-{project.number}-{number:05d}"
    return row | {"cap_nhat": project.now - timedelta(days=1)} | changed


def declared_as(project: Project, agency: str) -> str:
    """Declare an agency's store under a name of its own, since one agency has both here."""
    project.declare(f"{agency}.parties", ("dataset: parties", f"dataset: {agency}_parties"))
    for kind, suffix in (("connectors", ".yaml"), ("schemas", ".v1.avsc"), ("expectations", ".json")):
        folder = project.folder / kind / project.agency
        text = (folder / f"parties{suffix}").read_text()
        (folder / f"parties{suffix}").unlink()
        own = f"{project.agency}.{agency}_parties"
        (folder / f"{agency}_parties{suffix}").write_text(text.replace(f"{project.agency}.parties", own))
    return own


@pytest.fixture
def stores(bare_project: Project) -> tuple[Project, str, str]:
    """A project with both stores, filled alike."""
    project = bare_project
    shutil.copytree(PROJECT / "bases", project.folder / "bases")
    project.declare("mps.citizens")
    stems = []
    for agency in ("portal", "laocai"):
        table = "cong_dvc.chu_the" if agency == "portal" else "mot_cua.chu_the"
        into_postgres(project, table, [party(project, agency, n) for n in range(1, ROWS + 1)])
        project.environment[f"POPHUB_SOURCE_{agency.upper()}_URL"] = project.url()
        stems.append(declared_as(project, agency))
        project.pass_through("prepare", "extract", "judge", stem=stems[-1])
    return project, stems[0], stems[1]


def accepted_again(project: Project, stem: str, statement: str) -> None:
    project.sql(statement)
    project.pass_through("extract", "judge", stem=stem)


def test_who_differs_is_named_by_a_digest_and_seen_for_a_reason_that_is_kept(
    stores: tuple[Project, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, portal, laocai = stores
    asked = ("reconcile", "--between", portal, laocai)
    alike = pophub(project, *asked)
    assert (alike["both"], alike["same"], alike["only"], alike["differing"]) == (ROWS, ROWS, [0, 0], [])
    assert alike["on"] == ["party_no"] and "address" in alike["fields"] and "local_no" not in alike["fields"]
    accepted_again(
        project, laocai,
        "update mot_cua.chu_the set dia_chi = 'Thôn Khác', trang_thai = 'Ngừng', cap_nhat = now() - interval '1 hour' where stt = '2'",
    )  # fmt: skip
    accepted_again(
        project, laocai,
        "update mot_cua.chu_the set ma_cong = 'elsewhere', cap_nhat = now() - interval '1 hour' where stt = '3'",
    )  # fmt: skip
    told, text = run(project, *asked, code=1)
    (one,) = told["differing"]
    assert (told["both"], told["same"], told["only"]) == (ROWS - 1, ROWS - 2, [1, 1])
    assert one["fields"] == ["address", "status"] and "seen" not in told
    for value in ("Thôn Khác", "Ngừng", f"{project.number}-00002", "An Phát"):
        assert value not in text
    lan, lans = user(project, "Lan")
    wanted = (*asked, "--reason", "letter 12", "--by", lan)
    assert pophub(project, *wanted, code=2, password="guessed")["code"] == "user.login"
    assert reveals(project, lan) == []
    seen, _ = run(project, *wanted, code=1, password=lans)
    (pair,) = seen["seen"]
    assert pair["values"]["address"][1] == "Thôn Khác" and pair["values"]["status"] == ["Hoạt động", "Ngừng"]
    assert reveals(project, lan) == [(laocai, 1, "letter 12"), (portal, 1, "letter 12")]
    accepted_again(
        project, laocai,
        "update mot_cua.chu_the set trang_thai = 'Ngừng', cap_nhat = now() - interval '1 hour' where stt = '4'",
    )  # fmt: skip
    monkeypatch.setattr(compared, "MOST_NAMED", 1)
    sides = [connector_of(project, stem) for stem in (portal, laocai)]
    most = between(project.servers.settings, *sides)
    assert (most.both, most.same, len(most.differing), most.left_out) == (ROWS - 1, ROWS - 3, 1, 1)


def run(project: Project, *arguments: str, code: int, password: str = "") -> tuple[Any, str]:
    """Run a command that finds something; give what it printed as JSON, and as text all that it printed."""
    environment = surroundings(project) | {"POPHUB_PERSON_PASSWORD": password}
    told = command(*arguments, "--json", environment=environment)
    assert told.returncode == code, told.stderr
    plain = command(*arguments, environment=environment)
    return json.loads(told.stdout), told.stdout + told.stderr + plain.stdout + plain.stderr


def reveals(project: Project, who: str) -> list[tuple[Any, ...]]:
    rows = "select distinct stem, records, reason from quarantine.reveal where revealed_by = %s order by stem"
    return project.servers.query(rows, who)


def connector_of(project: Project, stem: str) -> Connector:
    (found,) = [one for one in load_all(project.folder)[0] if one.stem == stem]
    return found


def otherwise(connector: Connector, **said: Any) -> Connector:
    """Give a connector whose file says no more of people than this: the same records under another declaration."""
    silent = {"people": (), "organisations": (), "population": None, "register_": None}
    return connector.model_copy(update={"file": connector.file.model_copy(update=silent | said)})


def test_what_one_side_calls_a_name_is_one_on_the_other(project: Project) -> None:
    for person in range(1, 4):
        project.put(person, 60, ho_ten="Nguyễn Thị HOÀ")
    project.pass_through("extract", "judge")
    citizens = connector_of(project, project.stem)
    silent = otherwise(citizens)
    named = (
        citizens,
        otherwise(citizens, people=(Person(id="citizen_id", name="full_name"),)),
        otherwise(citizens, register_=Register(id="citizen_id", name="full_name")),
    )
    for one in named:
        for sides in ((one, silent), (silent, one)):
            found = between(project.servers.settings, *sides)
            assert "full_name" in found.fields and (found.both, found.same) == (3, 3)


def test_what_a_side_has_more_than_once_is_counted_and_not_compared(project: Project) -> None:
    for person, household in ((1, "H1"), (2, "H1"), (3, "H3")):
        project.put(person, 60, ma_ho=household)
    project.pass_through("extract", "judge")
    citizens = connector_of(project, project.stem)
    by_household = otherwise(citizens, key=("number",), people=(Person(id="household_code"),))
    found = between(project.servers.settings, by_household, by_household)
    assert found.on == ("household_code",)
    assert (found.both, found.same, found.repeated, found.only) == (1, 1, 1, (0, 0))
    assert not found.differing and found.as_json()["repeated"] == 1


def test_what_has_nothing_in_common_is_refused() -> None:
    connectors = {one.stem: one for one in load_all(PROJECT)[0]}
    with refused("reconcile.unlike"):
        same_things(connectors["catalogue.targets"], connectors["mof.einvoices"])
    assert same_things(connectors["mps.citizens"], connectors["portal.dossiers"]) == ("citizen_id",)
    assert same_things(connectors["laocai.parties"], connectors["portal.parties"]) == ("party_no",)
