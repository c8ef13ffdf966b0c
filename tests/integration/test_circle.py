"""What the Ministry of Finance finds of shared turnover, in its own database: found, and gone with what was withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hubkit import Servers

from pophub.domain.dates import HO_CHI_MINH
from pophub.postgres import execute_values
from pophub.simulation.circle import FIND, FORGET, TAKE
from pophub.simulation.tables import EINVOICES, FINDINGS

OTHER = "finance_elsewhere"
FOUND = (
    "select doanh_thu, hoa_don, so_hoa_don, chenh_lech, khong_hoa_don from doi_chieu.ket_qua order by so_kq"
)


@pytest.fixture
def cursor(servers: Servers) -> Iterator[Any]:
    servers.query(f"create database {OTHER}")
    with closing(servers.superuser(OTHER)) as connection, connection.cursor() as made:
        made.execute(EINVOICES.create)
        made.execute(FINDINGS.create)
        yield made
    servers.query(f"drop database {OTHER} with (force)")


def test_a_finding_on_turnover_that_was_withdrawn_is_written_anew(cursor: Any) -> None:
    sold = [("B1", "0101234565", "S", "2024-03-01", 500), ("B2", "0109999999", "S", "2024-03-01", 70)]
    cursor.execute(
        "insert into hoadon.hddt (so_hd, mst_ban, tong_tien, ngay_lap, trang_thai) "
        "values ('H1', '0101234565', 200, '2024-03-05 12:00+07', '1')"
    )

    def found(told: list[tuple[Any, ...]]) -> int:
        execute_values(cursor, TAKE, told)
        cursor.execute(FORGET, ([row[0] for row in told],))
        cursor.execute(FIND, (HO_CHI_MINH.key,))
        new = int(cursor.rowcount)
        cursor.execute(FOUND)
        return new

    assert found(sold) == 2
    assert cursor.fetchall() == [(500, 200, 1, 300, False), (70, 0, 0, 70, True)]
    assert found(sold) == 0, "what did not change is not written again"
    assert found(sold[:1]) == 1
    assert cursor.fetchall() == [(500, 200, 1, 300, False), (0, 0, 0, 0, True)]
    assert found([]) == 1
    assert cursor.fetchall() == [(0, 200, 1, -200, False), (0, 0, 0, 0, True)]
    assert found([]) == 0
    assert found(sold) == 2
    assert cursor.fetchall() == [(500, 200, 1, 300, False), (70, 0, 0, 70, True)]
