"""Defects and near misses that the simulation does not know, written into the agency's database by SQL."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import Any

import pytest
from hubkit import Project
from outside import check

pytestmark = pytest.mark.timeout(240)


def spoilt(project: Project) -> list[tuple[int, dict[str, Any], str, str]]:
    """Give (person, columns changed, gate, code): one defect each."""
    number = project.number_of
    tomorrow = (project.now + timedelta(days=2)).strftime("%d/%m/%Y")
    soon = str(project.now.year)[2:]
    return [
        (1, {"so_ddcn": number(1)[:11]}, "correct", "correct.id.length"),
        (2, {"so_ddcn": number(2) + "0"}, "correct", "correct.id.length"),
        (3, {"so_ddcn": number(3) + "\n"}, "correct", "correct.id.format"),
        (4, {"so_ddcn": number(4).translate({48 + d: 0x0660 + d for d in range(10)})}, "correct", "correct.id.digits"),
        (5, {"so_ddcn": number(5).translate({48 + d: 0xFF10 + d for d in range(10)})}, "correct", "correct.id.digits"),
        (6, {"so_ddcn": "\u00a0" + number(6)}, "correct", "correct.id.whitespace"),
        (7, {"so_ddcn": "\u200b" + number(7)}, "correct", "correct.id.whitespace"),
        (8, {"so_ddcn": "000" + number(8)[3:]}, "correct", "correct.id.province"),
        (9, {"so_ddcn": "003" + number(9)[3:]}, "correct", "correct.id.province"),
        (10, {"so_ddcn": number(10)[:3] + "2" + number(10)[4:]}, "correct", "correct.id.dob_mismatch"),
        (11, {"so_ddcn": number(11)[:3] + "1" + number(11)[4:]}, "correct", "correct.id.dob_mismatch"),
        (12, {"ngay_sinh": "15/03/1991"}, "correct", "correct.id.dob_mismatch"),
        (13, {"ngay_sinh": tomorrow, "so_ddcn": f"0012{soon}{number(13)[6:]}"}, "correct", "correct.dob.future"),
        (14, {"ho_ten": None}, "sufficient", "sufficient.missing"),
        (15, {"ho_ten": ""}, "sufficient", "sufficient.missing"),
        (16, {"ho_ten": " \u00a0\t"}, "sufficient", "sufficient.missing"),
        (17, {"ho_ten": "Nguyễn\u0001An"}, "clean", "clean.text.control"),
        (18, {"ho_ten": "Nguyễn\u200bAn"}, "clean", "clean.text.control"),
        (19, {"ho_ten": "\u200b\u200d"}, "clean", "clean.name.empty"),
        (20, {"ho_ten": "Nguyễn Văn 2"}, "clean", "clean.name.letters"),
        (21, {"ho_ten": "Ạ" * 2001}, "clean", "clean.text.length"),
        (22, {"ngay_sinh": "1990-03-15"}, "contract", "contract.date.format"),
        (23, {"ngay_sinh": "30/02/1990"}, "contract", "contract.dob.invalid"),
        (24, {"ngay_sinh": "hôm qua"}, "contract", "contract.date.format"),
        (25, {"ngay_sinh": "١٥/٠٣/١٩٩٠"}, "contract", "contract.date.format"),
        (26, {"ma_tinh": "99"}, "correct", "correct.code.unknown"),
        (27, {"ma_tinh": None}, "sufficient", "sufficient.missing"),
        (28, {"gioi_tinh": "X"}, "correct", "correct.code.unknown"),
        (29, {"cap_nhat_luc": project.now - timedelta(days=46)}, "live", "live.stale"),
        (30, {"cap_nhat_luc": project.now + timedelta(days=2)}, "live", "live.future"),
        (31, {"ngay_sinh": None}, "sufficient", "sufficient.missing"),
    ]  # fmt: skip


def sound(project: Project) -> list[tuple[int, dict[str, Any]]]:
    """Give (person, columns changed): each looks odd and is sound."""
    number = project.number_of
    return [
        (101, {"ho_ten": unicodedata.normalize("NFD", "Nguyễn Thị Huệ Đặng")}),
        (102, {"ho_ten": "  Nguyễn   Văn\u00a0An "}),
        (103, {"ho_ten": "Y"}),
        (104, {"ho_ten": "H'Hen Niê"}),
        (105, {"ho_ten": "Trần-Lê Anh"}),
        (106, {"ho_ten": "Ạ" * 2000}),
        (107, {"ho_ten": "Null"}),
        (108, {"ngay_sinh": "29/02/2000", "so_ddcn": f"001200{number(108)[6:]}"}),
        (109, {"ngay_sinh": "31/12/1999", "so_ddcn": f"001099{number(109)[6:]}"}),
        (110, {"ngay_sinh": "01/01/2000", "so_ddcn": f"001200{number(110)[6:]}"}),
        (111, {"ngay_sinh": " 15/03/1990 "}),
        (112, {"gioi_tinh": "Nữ", "so_ddcn": number(112)[:3] + "1" + number(112)[4:]}),
        (113, {"ma_tinh": "36"}),  # Nam Định, since 2025 part of Ninh Bình
        (114, {"ma_ho": None, "so_cmnd": None}),
        (115, {"cap_nhat_luc": project.now - timedelta(days=44)}),
        (116, {"ma_ho": "\\N"}),
        (117, {"ma_ho": "a\\tb\"c'd; drop table x --"}),
        (118, {"so_cmnd": "012345678"}),
        (119, {"so_ddcn": "096" + number(119)[3:]}),
        (120, {"ngay_sinh": "01/01/1900", "so_ddcn": f"001000{number(120)[6:]}"}),
    ]


def test_each_invented_defect_is_refused_by_its_rule_and_each_near_miss_passes(project: Project) -> None:
    defects, misses = spoilt(project), sound(project)
    keys = {project.put(person, 30, **changed): (gate, code) for person, changed, gate, code in defects}
    wanted = {project.put(person, 30, **changed) for person, changed in misses}
    nameless = project.put(50, 30, so_ddcn=None)
    assert nameless == "None"
    project.pass_through()
    refused = project.verdicts()
    unmapped = [(gate, codes) for key, (_, gate, codes) in refused.items() if key not in keys]
    assert [(gate, "contract.key.unmappable" in codes) for gate, codes in unmapped] == [("contract", True)]
    found = {
        key: (refused[key][1], code in refused[key][2]) if key in refused else None
        for key, (_, code) in keys.items()
    }
    assert found == {key: (gate, True) for key, (gate, _) in keys.items()}, {k: refused.get(k) for k in keys}
    accepted = {
        key
        for (key,) in project.servers.query("select key from population.head where stem = %s", project.stem)
    }
    assert accepted == wanted, {key: refused.get(key) for key in wanted - accepted}
    assert project.states() == {"shared": len(misses), "quarantined": len(defects) + 1}
    check(project)


def test_a_name_in_nfd_is_kept_in_nfc_and_a_household_as_it_is(project: Project) -> None:
    name = "Nguyễn Thị Huệ Đặng"
    project.put(1, 30, ho_ten=unicodedata.normalize("NFD", name), ma_ho="\\N \\ x")
    project.pass_through()
    found = project.servers.query(
        "select full_name, household_code from population.citizen where citizen_id = %s", project.number_of(1)
    )
    assert found == [(name, "\\N \\ x")]


def test_one_old_number_belongs_to_one_citizen_until_it_is_given_up(project: Project) -> None:
    project.put(1, 30, so_cmnd="012345678")
    project.put(2, 20, so_cmnd="012345678")
    project.pass_through()
    assert project.states() == {"shared": 1, "quarantined": 1}
    assert [codes for _, _, codes in project.verdicts().values()] == [{"clean.key.duplicate"}]
    holder = project.servers.query("select key from population.head where stem = %s", project.stem)[0][0]
    other = 1 if holder == project.number_of(2) else 2
    project.sql(
        "update dancu.cong_dan set so_cmnd = null, cap_nhat_luc = %s where so_ddcn = %s",
        project.ago(5),
        holder,
    )
    project.pass_through()
    project.update(other, 4)
    project.pass_through()
    assert {state for state, _, _ in project.verdicts().values()} == {"superseded"}
    check(project)


def test_a_record_too_large_travels_as_a_stub_and_its_batch_counts_as_sent(project: Project) -> None:
    project.put(1, 30, ma_ho="x" * 300_000)
    project.put(2, 30)
    project.pass_through()
    assert [(gate, codes >= {"contract.size"}) for _, gate, codes in project.verdicts().values()] == [
        ("contract", True)
    ]
    assert project.servers.query(
        "select state, sent, read from hub.batch_summary where stem = %s", project.stem
    ) == [("sent", 2, 2)]
    check(project)
