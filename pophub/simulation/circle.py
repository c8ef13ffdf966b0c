"""The Ministry of Finance as a subscriber: turnover that it receives, joined with its invoices in its own database.

It reads with its own login, as any stranger would, and what it finds is a table of its own, which the hub reads as
any other. Nothing here knows the hub's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx

from pophub import avro
from pophub.domain.dates import HO_CHI_MINH, date_of
from pophub.kafka import TopicLog
from pophub.postgres import connect, execute_values, transaction
from pophub.settings import Settings
from pophub.simulation.tables import FINDINGS

SUBSCRIBER = "gdt"
TURNOVER = "moit.ecommerce_sales"
ANSWER_S = 30
Schemas = Callable[[int], str]
"""Gives the schema of an id, as the registry has it."""

TAKE = """
insert into doi_chieu.doanh_thu_san (ma_bc, mst, san, ky, doanh_thu) values %s
on conflict (ma_bc) do update set
    mst = excluded.mst, san = excluded.san, ky = excluded.ky, doanh_thu = excluded.doanh_thu
"""
FORGET = "delete from doi_chieu.doanh_thu_san where not (ma_bc = any(%s))"
FIND = """
insert into doi_chieu.ket_qua as known (so_kq, mst, ky, doanh_thu, hoa_don, so_hoa_don, chenh_lech, khong_hoa_don,
    cap_nhat)
select mst || '-' || to_char(ky, 'YYYYMM'), mst, ky, doanh_thu, coalesce(hoa_don, 0), coalesce(so_hoa_don, 0),
    doanh_thu - coalesce(hoa_don, 0), so_hoa_don is null, now()
from (
    select mst, ky, sum(doanh_thu)::bigint as doanh_thu from (
        select mst, ky, doanh_thu from doi_chieu.doanh_thu_san where mst is not null
        union all select mst, ky, 0 from doi_chieu.ket_qua) as told  -- found once: nothing may be left of it
    group by mst, ky) sold
left join (
    select mst_ban as mst, date_trunc('month', ngay_lap at time zone %s)::date as ky,
        sum(tong_tien)::bigint as hoa_don, count(*)::int as so_hoa_don
    from hoadon.hddt where trang_thai <> '3' and tong_tien between 0 and 1e15 group by 1, 2) issued using (mst, ky)
on conflict (so_kq) do update set doanh_thu = excluded.doanh_thu, hoa_don = excluded.hoa_don,
    so_hoa_don = excluded.so_hoa_don, chenh_lech = excluded.chenh_lech,
    khong_hoa_don = excluded.khong_hoa_don, cap_nhat = excluded.cap_nhat
where (known.doanh_thu, known.hoa_don, known.so_hoa_don)
    is distinct from (excluded.doanh_thu, excluded.hoa_don, excluded.so_hoa_don)
"""


def close_circle(settings: Settings, schemas: Schemas | None = None) -> int:
    """Take what was shared by now, join it with the invoices, keep what differs; give how many findings are new."""
    told = list(_received(settings, schemas or registry(settings)))
    connection = connect(settings, FINDINGS.database, database=FINDINGS.database)
    try:
        with transaction(connection, FINDINGS.name) as cursor:
            execute_values(cursor, TAKE, told)
            cursor.execute(FORGET, ([row[0] for row in told],))
            cursor.execute(FIND, (HO_CHI_MINH.key,))
            return int(cursor.rowcount)
    finally:
        connection.close()


def _received(settings: Settings, schemas: Schemas) -> Iterator[tuple[Any, ...]]:
    """Read the subscription from its beginning with the subscriber's login; the newest version of each report."""
    principal = f"subscriber-{SUBSCRIBER}"
    topic = TopicLog(settings, f"sub.{SUBSCRIBER}.{TURNOVER}", principal, f"{SUBSCRIBER}.findings")
    newest: dict[bytes, bytes | None] = {message.key: message.value for message in topic.read(topic.ends())}
    yield from _rows(filter(None, newest.values()), schemas)


def _rows(messages: Iterable[bytes], schemas: Schemas) -> Iterator[tuple[Any, ...]]:
    known: dict[int, str] = {}
    for message in messages:
        number = int.from_bytes(message[1:5], "big")
        if number not in known:
            known[number] = schemas(number)
        record = avro.decode_record(known[number], message[5:])
        period = date_of(record["period"])
        yield (
            record["report_no"],
            record["seller_tax_code"],
            record["platform"],
            period,
            record["turnover_vnd"],
        )


def registry(settings: Settings) -> Schemas:
    """Ask the schema registry with the subscriber's login."""
    user = f"subscriber-{SUBSCRIBER}"
    login = (user, settings.secret(f"kafka.{user}"))

    def schema(number: int) -> str:
        answer = httpx.get(
            f"{settings.endpoints.registry_url}/schemas/ids/{number}", auth=login, timeout=ANSWER_S
        )
        answer.raise_for_status()
        return str(answer.json()["schema"])

    return schema
