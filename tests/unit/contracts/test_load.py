"""What is wrong in a connector's three files, or in a subscription, is named with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from project_kit import edit

from pophub.contracts.editor_schema import schema_text
from pophub.contracts.load import check, load_all, load_connector, load_files, load_subscriptions
from pophub.contracts.model import ConnectorFile
from pophub.contracts.source_model import SourceFile
from pophub.domain.errors import ConfigError
from pophub.settings import Endpoints, Settings
from pophub.wiring import Hub
from tests.refused import refused

PROJECT = Path(__file__).parents[3]
FILE = "connectors/mps/citizens.yaml"
SCHEMA = "schemas/mps/citizens.v1.avsc"
SUITE = "expectations/mps/citizens.json"
GDT = "subscriptions/gdt.yaml"


CASES = [
    (FILE, "  table:", "  tabel:", "config.unknown_key", "did you mean table"),
    (FILE, "mapping:", "maping:", "config.unknown_key", "did you mean mapping"),
    (FILE, "{from: so_ddcn}", "{form: so_ddcn}", "config.unknown_key", "did you mean from"),
    (FILE, "    kind: time", "    kid: time", "config.unknown_key", "did you mean kind"),
    (FILE, "agency: mps\n", "", "config.missing", "agency"),
    (FILE, "${POPHUB_SOURCE_MPS_URL}", "postgresql://u:hunter2@db/x", "secret.inline", ""),
    (FILE, "lanes: 2", "lanes: 2\npassword: hunter2", "secret.inline", ""),
    (FILE, "dancu.cong_dan", "person;DROP", "identifier.invalid", "table"),
    (FILE, "late_s: 3600", "late_s: -5", "config.range", "late_s"),
    (FILE, "kind: time", "kind: sequence\n    changed_at: luc", "config.marker", "`late_rows` declares"),
    (FILE, "late_s: 3600", "late_s: 3600\n  late_rows: 9", "config.marker", "`late_s` is their window"),
    (FILE, "late_s: 3600", "late_rows: -5", "config.range", "late_rows"),
    (FILE, "column: cap_nhat_luc\n    kind: time", "kind: time", "config.missing", "kind: scan"),
    (FILE, "kind: time", "kind: scan", "config.marker", "a scan has no column"),
    (
        FILE,
        "key: [so_ddcn, id]\n  marker:\n    column: cap_nhat_luc\n    kind: time",
        "key: [so_ddcn]\n  marker:\n    kind: scan",
        "config.marker",
        "late_s has no effect on a scan",
    ),
    (
        FILE,
        "    column: cap_nhat_luc\n    kind: time",
        "    kind: scan",
        "config.marker",
        "what the key is read from",
    ),
    (
        "connectors/thanhhoa/procedures.yaml",
        "    column: Cập nhật\n    kind: time",
        "    column: Cập nhật\n    kind: scan",
        "config.marker",
        "a scan has no column",
    ),
    (FILE, "late_s: 3600", "gone_at_most: 0.1", "config.marker", "gone_at_most belongs to a scan"),
    (FILE, "late_s: 3600", "gone_at_most: 1.1", "config.range", "gone_at_most"),
    (FILE, "lanes: 2", "lanes: 0", "config.range", "lanes"),
    (FILE, "lanes: 2", "lanes: two", "config.type", "lanes"),
    (FILE, "kind: sql", "kind: excel", "config.value", "source"),
    (FILE, "dataset: citizens", "dataset: people", "config.path", ""),
    (FILE, "contract: 1", "contract: 2", "config.missing_file", "citizens.v2.avsc"),
    (FILE, "unique: [old_number]", "unique: [old_numbr]", "schema.field_missing", "mean old_number"),
    (FILE, "citizen: citizen_id", "citizen: citizen", "schema.field_missing", "citizen"),
    (FILE, "key: [citizen_id]", "key: [citizen_nr]", "schema.nullable", ""),
    (FILE, "codes: sex", "codes: sexes", "config.value", "did you mean sex"),
    (FILE, '"%d/%m/%Y"', '"%d/%b/%Y"', "config.format", "%b"),
    (FILE, "parse: date", "parse: integer", "config.value", "the schema says date"),
    (FILE, "  old_number: {from: so_cmnd, text: trim}\n", "", "config.missing", "old_number"),
    (SCHEMA, '"name": "sex"', '"name": "full_name"', "schema.duplicate", "full_name"),
    (SCHEMA, '["null", "string"]', '"string"', "schema.nullable", "full_name"),
    (SCHEMA, '["null", "string"]', '["null", "vn.pophub.mps.Citizen"]', "schema.recursive", ""),
    (SCHEMA, '["null", "string"]', '["null", {"type": "array", "items": "null"}]', "schema.null_array", ""),
    (SCHEMA, '["null", "string"]', '["null", "decimal"]', "schema.type", ""),
    (SCHEMA, '["null", "string"]', '["null", {"type": "bytes", "logicalType": "uuid"}]', "schema.type", ""),
    *(
        (
            SCHEMA,
            '["null", "string"]',
            f'["null", {{"type": "bytes", "logicalType": "decimal", {digits}}}]',
            "schema.type",
            "precision is not 1 to 38",
        )
        for digits in (
            '"scale": 2',
            '"precision": 0',
            '"precision": 39',
            '"precision": 2, "scale": 3',
            '"precision": 2, "scale": -1',
            '"precision": true',
            '"precision": "9"',
        )
    ),
    (
        SCHEMA,
        '"old_number", "type": ["null", "string"]',
        '"old_number", "type": ["null", "bytes"]',
        "config.type",
        "neither key, unique value",
    ),
    (SCHEMA, '"type": "record"', '"type": "enum"', "schema.invalid", "record"),
    (SUITE, '"column": "citizen_id"', '"column": "citizn_id"', "schema.field_missing", "citizen_id"),
    (SUITE, "expect_personal_id", "expect_persnal_id", "suite.unknown", "did you mean expect_personal_id"),
    (SUITE, '"check": "length"', '"check": "size"', "config.value", "length"),
    (SUITE, '"meta": {"gate": "correct", "code": "correct.id.length"}', '"meta": {}', "suite.meta", ""),
    (SUITE, '"code": "correct.id.length"', '"code": "clean.id.length"', "suite.meta", ""),
    (
        SUITE,
        '"code": "correct.id.length"',
        '"code": "correct.id.lenght"',
        "code.unknown",
        "correct.id.length",
    ),
    (SUITE, '"holds": "time"', '"holds": "date"', "config.value", "hub_marker"),
    (SUITE, '"name": "mps.citizens",', "", "suite.invalid", ""),
    (SUITE, '"expectations": [', '"expectations": [', "", ""),
    (GDT, "dataset: mof.einvoices", "dataset: mof.einvoice", "config.value", "mean mof.einvoices"),
    (GDT, "turnover_vnd]", "turnover]", "schema.field_missing", "moit.ecommerce_sales"),
    (GDT, "subscriber: gdt", "subscriber: gtd", "config.path", ""),
    (GDT, "    starts: 2022-01-01", "    starts: 2022-01-01\n    ends: 2021-01-01", "config.range", ""),
    (GDT, "legal_basis", "legal_bases", "config.unknown_key", "legal_basis"),
]


@pytest.mark.parametrize(("name", "old", "new", "code", "hint"), CASES)
def test_a_flaw_is_named_with_file_line_and_hint(
    project: Path, name: str, old: str, new: str, code: str, hint: str
) -> None:
    edit(project, name, old, new)
    findings = check(project)
    if not code:
        assert findings == []
        return
    assert [finding.code for finding in findings][:1] == [code], [str(finding) for finding in findings]
    finding = findings[0]
    assert hint in str(finding)
    assert "hunter2" not in str(finding)
    assert str(project) not in str(finding)
    assert finding.where.rpartition(":")[2].isdigit(), finding.where


def test_all_flaws_of_a_file_are_told_at_once_and_those_of_the_other_files_too(project: Path) -> None:
    edit(project, FILE, "lanes: 2", "lanes: 200")
    edit(project, FILE, "dancu.cong_dan", "person;DROP")
    edit(project, FILE, "    kind: time", "    kind: moment")
    edit(project, GDT, "turnover_vnd]", "turnover, platfrom]")
    edit(project, GDT, "legal_basis: Decree 123/2020", "legal_basis: Decree 123/2020\n    ends: 2020-01-01")
    found = check(project)
    assert {f.code for f in found if f.where.startswith(FILE)} == {
        "config.range",
        "identifier.invalid",
        "config.value",
    }
    assert [f.code for f in found if f.where.startswith(GDT)] == ["schema.field_missing"] * 2 + [
        "config.range"
    ]
    assert len({str(f) for f in found}) == len(found)


def test_all_flaws_of_mapping_and_rules_are_told_at_once(project: Path) -> None:
    edit(project, FILE, "codes: sex", "codes: sexes")
    edit(project, FILE, '"%d/%m/%Y"', '"%d/%b/%Y"')
    edit(project, SUITE, '"check": "length"', '"check": "size"')
    edit(project, SUITE, "expect_one_person", "expect_one_preson")
    edit(project, SUITE, '"code": "clean.contradiction"', '"code": "clean.contradicton"')
    codes = [finding.code for finding in check(project) if "/mps/" in finding.where]
    assert codes == ["config.format", "config.value", "config.value", "suite.unknown", "code.unknown"]


def test_all_flaws_of_a_schema_are_told_at_once(project: Path) -> None:
    edit(project, SCHEMA, '["null", "string"]', '["null", "decimal"]')
    edit(project, SCHEMA, '["null", "string"]', '"string"')
    assert [finding.code for finding in check(project)][:2] == ["schema.type", "schema.nullable"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("dancu.cong_dan", "a.b.c", "source.table is not a table, or schema and table"),
        ("agency: mps", "agency: MPS", "agency is not a name: `a` to `z`, digits and `_`"),
        (
            "    kind: time",
            "    kind: Time",
            "source.marker.kind is not 'time', 'sequence', 'scan', 'wal' or 'log'",
        ),
        ("codes: sex", "codes: sexes", "there are channel, civil_event"),
        ("    kind: time", "    kind: time\n    time_zone: Hanoi", "one is named as Asia/Ho_Chi_Minh"),
    ],
)
def test_a_message_says_what_is_right(project: Path, old: str, new: str, words: str) -> None:
    edit(project, FILE, old, new)
    assert words in check(project)[0].what, check(project)[0].what


@pytest.mark.parametrize(
    "kind", get_args(get_type_hints(ConnectorFile)["source"]), ids=lambda one: one.__name__
)
def test_an_unknown_key_of_any_kind_of_source_is_named_as_written_with_its_line(
    project: Path, kind: type[SourceFile]
) -> None:
    (name,) = get_args(kind.model_fields["kind"].annotation)
    edit(project, FILE, "  kind: sql\n", f"  kind: {name}\n  tabel: x\n")
    lines = (project / FILE).read_text().splitlines()
    where = f"{FILE}:{lines.index('  tabel: x') + 1}"
    (told,) = [one for one in check(project) if one.where == where]
    assert "unknown key 'source.tabel'" in told.what


def test_the_line_is_that_of_the_flaw(project: Path) -> None:
    lines = (project / SUITE).read_text().splitlines()
    at = next(number for number, line in enumerate(lines, start=1) if "correct.dob.future" in line)
    edit(project, SUITE, '"kwargs": {"column": "birth_date"', '"kwargs": {"column": "birthdate"')
    with pytest.raises(ConfigError) as caught:
        load_connector(project / FILE, project)
    assert caught.value.where == f"{SUITE}:{at}"


@pytest.mark.parametrize("name", [SCHEMA, SUITE])
def test_a_missing_file_is_named(project: Path, name: str) -> None:
    (project / name).unlink()
    with pytest.raises(ConfigError) as caught:
        load_connector(project / FILE, project)
    assert caught.value.code == "config.missing_file"
    assert name in caught.value.what


def test_a_gate_without_a_rule_is_refused(project: Path) -> None:
    suite = json.loads((project / SUITE).read_text())
    suite["expectations"] = [rule for rule in suite["expectations"] if rule["meta"]["gate"] != "live"]
    (project / SUITE).write_text(json.dumps(suite))
    assert check(project)[0].code == "suite.gate_uncovered"


def test_an_unanchored_pattern_is_refused(project: Path) -> None:
    suite = json.loads((project / SUITE).read_text())
    suite["expectations"].append(
        {
            "type": "expect_column_values_to_match_regex",
            "kwargs": {"column": "old_number", "regex": "^[0-9]{9}$"},
            "meta": {"gate": "correct", "code": "correct.code.unknown"},
        }
    )
    (project / SUITE).write_text(json.dumps(suite))
    assert check(project)[0].code == "suite.regex"


def test_a_broken_connector_never_hides_the_others(project: Path) -> None:
    (project / FILE).write_text("mapping: [\n")
    connectors, errors = load_all(project)
    assert len(connectors) == len(list((project / "connectors").glob("*/*.yaml"))) - 1
    assert [error.code for error in errors] == ["yaml.syntax"]


@pytest.mark.parametrize("name", [FILE, SUITE, "schemas/mps/citizens.v1.avsc"])
def test_a_run_says_what_is_wrong_with_whichever_file_of_its_dataset(project: Path, name: str) -> None:
    (project / name).write_text("a: [\n")
    hub = Hub(Settings(home=project / "home", project=project, endpoints=Endpoints()))
    with refused("yaml.syntax") as error:
        hub.connector("mps.citizens")
    assert error.value.where.startswith(name)


def test_airflow_is_told_by_the_connectors_own_files_alone(project: Path) -> None:
    stems = [one.stem for one in load_all(project)[0]]
    assert [one.stem for one in load_files(project)] == stems
    (project / SUITE).write_text("{")
    (project / "connectors/mof/einvoices.yaml").write_text("mapping: [\n")
    stems.remove("mof.einvoices")
    assert [one.stem for one in load_files(project)] == stems
    assert [one.stem for one in load_files(project, "mps.citizens")] == ["mps.citizens"]
    assert load_files(project, "mof.einvoices") == []


def test_two_authorities_for_one_field_of_the_citizen_are_refused(project: Path) -> None:
    edit(
        project,
        "connectors/moj/civil_status.yaml",
        "people:",
        "population:\n  citizen: citizen_id\n  fields: {birth_date: birth_date}\npeople:",
    )
    findings = check(project)
    assert [finding.code for finding in findings] == ["config.authority"]
    assert "moj.civil_status" in findings[0].what and "mps.citizens" in findings[0].what


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  citizen: citizen_id", "  citizen: household_code", "the citizen's number as the key"),
        ("    birth_date: birth_date\n", "", "said with birth_date"),
    ],
)
def test_who_exists_is_said_by_number_with_name_and_birth_date(
    project: Path, old: str, new: str, words: str
) -> None:
    edit(project, FILE, old, new)
    findings = check(project)
    assert (findings[0].code, words in findings[0].what) == ("config.value", True), [str(f) for f in findings]


def test_the_digest_changes_with_any_of_the_three_files(project: Path) -> None:
    seen = {load_connector(project / FILE, project).digest}
    for name in (FILE, SCHEMA, SUITE):
        path = project / name
        path.write_text(path.read_text() + "\n")
        seen.add(load_connector(project / FILE, project).digest)
    assert len(seen) == 4


def test_grants_of_the_demo_are_as_declared() -> None:
    connectors, _ = load_all(PROJECT)
    subscriptions, errors = load_subscriptions(PROJECT, connectors)
    assert errors == []
    portal = next(found for found in subscriptions if found.subscriber == "portal")
    assert portal.grants[0].fields == ("citizen_id", "full_name", "birth_date", "province_code")
    assert str(portal.grants[0].starts) == "2022-01-01"


def test_the_published_json_schema_is_fresh() -> None:
    assert (PROJECT / "docs" / "connector.schema.json").read_text() == schema_text(PROJECT)
    assert "\\\\A" not in schema_text(PROJECT)


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("{file: '*.sha256', rows: so_dong}", "needs name"),
        ("{file: '*.csv', name: ten_tep}", "needs rows or digest"),
    ],
)
def test_a_manifest_that_would_say_nothing_is_refused(project: Path, manifest: str, told: str) -> None:
    name = "connectors/thanhhoa/procedures.yaml"
    edit(project, name, "  pattern: ho_so_*", f"  pattern: ho_so_*\n  manifest: {manifest}")
    (finding,) = check(project)
    assert (finding.code, told in finding.what) == ("config.missing", True)
