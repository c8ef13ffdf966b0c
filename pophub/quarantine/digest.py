"""A digest of its rejections that an agency can read: counts, causes, examples, age, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pophub.contracts.model import Connector
from pophub.contracts.rule_codes import Words
from pophub.domain.dates import shown_time
from pophub.postgres import Connection, transaction
from pophub.quarantine import places
from pophub.quarantine.browse import Cause, groups, sent
from pophub.quarantine.reasons import masked
from pophub.quarantine.retention import overdue
from pophub.quarantine.selection import Selection, statement

CAUSES = 20
STATES_VI = {"quarantined": "đang chờ sửa", "shared": "đã chia sẻ sau khi sửa", "superseded": "đã có phiên bản mới hơn",
             "duplicate": "trùng lặp", "expired": "đã hết hạn lưu giữ"}  # fmt: skip
STATES_EN = {"quarantined": "waiting for repair", "shared": "shared after repair", "superseded": "made void by a newer version",
             "duplicate": "duplicate", "expired": "expired, what was sent was removed"}  # fmt: skip


def gather(connection: Connection, agency: str, connectors: Sequence[Connector]) -> dict[str, Any]:
    """Gather an agency's rejections: nothing of another agency, keys masked."""
    chosen = Selection(agency=agency)
    with transaction(connection, f"digest of {agency}") as cursor:
        cursor.execute(statement("states"), replace(chosen, state=None).values())
        names = ("stem", "state", "records", "oldest")
        states = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    causes = groups(connection, chosen)
    return {
        "agency": agency,
        "at": datetime.now(UTC),
        "states": states,
        "causes": [cause._asdict() | {"examples": _examples(connection, cause)} for cause in causes[:CAUSES]],
        "more_causes": max(0, len(causes) - CAUSES),
        "overdue": overdue(connection, [c for c in connectors if c.file.agency == agency]),
    }


def _examples(connection: Connection, cause: Cause) -> list[dict[str, Any]]:
    chosen = Selection(stem=cause.stem, code=cause.code, field=cause.field)
    with transaction(connection, "examples of a cause") as cursor:
        cursor.execute(statement("examples"), chosen.values())
        return [
            {
                "id": number,
                "key": masked(key),
                "batch": batch,
                "lane": lane,
                "offset": offset,
                "row": row,
                "judged_at": at,
                "file": {language: places.in_words(sent(bytes(raw)), language) for language in ("vi", "en")},
            }
            for number, key, batch, lane, offset, row, at, raw in cursor.fetchall()
        ]


def markdown(found: dict[str, Any], words: Words) -> str:
    """Write the digest as Markdown, Vietnamese first."""
    return "\n".join([*_part(found, words, "vi"), "", "---", "", *_part(found, words, "en"), ""])


def _part(found: dict[str, Any], codes: Words, language: str) -> list[str]:
    vi = language == "vi"
    day = shown_time(found["at"], "%d/%m/%Y %H:%M" if vi else "%Y-%m-%d %H:%M")
    lines = [f"# Bản ghi bị trả lại: {found['agency']}" if vi else f"# Rejected records: {found['agency']}", "",
             f"Lập lúc {day} (giờ Việt Nam)." if vi else f"As of {day}, Vietnamese time.", "",
             "## Số lượng" if vi else "## Counts", ""]  # fmt: skip
    words = STATES_VI if vi else STATES_EN
    for state in found["states"]:
        since = _day(state["oldest"])
        age = f"cũ nhất từ {since}" if vi else f"oldest since {since}"
        lines.append(f"- {state['stem']}: {state['records']:,} {words[state['state']]}, {age}")
    if not found["states"]:
        lines.append("Không có bản ghi nào bị trả lại." if vi else "Nothing was rejected.")
    lines += ["", "## Nguyên nhân" if vi else "## Causes", ""]
    for cause in found["causes"]:
        line = Cause(*(cause[name] for name in Cause._fields)).in_words(found["at"], codes, language)
        lines.append(f"- **{cause['stem']}**, {line} (`{cause['code']}`)")
        for one in cause["examples"]:
            place = one["file"][language] or (
                f"lô {one['batch']}, dòng {one['row']}" if vi else f"batch {one['batch']}, row {one['row']}"
            )
            lines.append(f"  - #{one['id']}: {'khóa' if vi else 'key'} {one['key']}, {place}")
    if found["more_causes"]:
        lines.append(f"- … {found['more_causes']} {'nguyên nhân khác' if vi else 'more causes'}")
    return [*lines, *_overdue(found["overdue"], vi)]


def _overdue(found: Sequence[dict[str, Any]], vi: bool) -> list[str]:
    if not found:
        return []
    lines = ["", "## Quá hạn, đã báo đơn vị phụ trách" if vi else "## Overdue, escalated to the owner", ""]
    for one in found:
        told = f"{one['owner']} <{one['email']}>"
        since = _day(one["oldest"])
        lines.append(
            f"- {one['stem']}: {one['records']:,} quá {one['overdue_days']} ngày (cổng {one['gate']}, từ {since}): {told}"
            if vi
            else f"- {one['stem']}: {one['records']:,} over {one['overdue_days']} days (gate {one['gate']}, since {since}): {told}"
        )
    return lines


def _day(moment: datetime) -> str:
    return shown_time(moment, "%d/%m/%Y")
