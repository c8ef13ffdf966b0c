"""Tell each agency its rejections on `feedback.<agency>`: own data only, one message a rejection.

Atomic steps: a rejection takes the agency's next number in PostgreSQL, under the agency's row;
messages and the number of the last one go out in one Kafka transaction, as share does it. The column
`told` follows behind it, so that the watcher of alerts sees what was not told.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Any

import orjson

from pophub.contracts.model import Connector
from pophub.contracts.rule_codes import Words, project_codes
from pophub.domain.errors import LedgerDiverged, TransientError
from pophub.kafka import Administrator, Publisher
from pophub.ports import Message, Position
from pophub.postgres import Connection, connect, only_row, transaction
from pophub.process.failpoints import reach
from pophub.quarantine.reasons import in_words
from pophub.quarantine.selection import SQL
from pophub.settings import Settings

NUMBER_ROWS = 20_000
MESSAGE_ROWS = 5_000


def topic_of(agency: str) -> str:
    """Give the name of an agency's feedback topic."""
    return f"feedback.{agency}"


def user_of(agency: str) -> str:
    """Give the broker's user of an agency; it reads its feedback and nothing else."""
    return f"agency-{agency}"


def prepare_feedback(settings: Settings, connectors: Iterable[Connector]) -> None:
    """Make topics, users and access rules of feedback: every agency its own topic alone."""
    agencies = sorted({c.file.agency for c in connectors})
    if not agencies:
        return
    rules = [("pophub-share", operation, "TOPIC", "feedback.") for operation in ("WRITE", "READ", "DESCRIBE")]
    for agency in agencies:
        user = user_of(agency)
        rules += [(user, "READ", "TOPIC", topic_of(agency)), (user, "DESCRIBE", "TOPIC", topic_of(agency)),
                  (user, "READ", "GROUP", f"{user}.")]  # fmt: skip
    with closing(Administrator(settings)) as administrator:
        administrator.ensure_users([user_of(agency) for agency in agencies])
        administrator.ensure_rules(rules)
        administrator.ensure_topics({topic_of(agency): 1 for agency in agencies})


def feed(settings: Settings, connection: Connection, agency: str) -> int:
    """Send the agency every rejection that it was not told yet; give the number of messages."""
    with transaction(connection, "advisory lock") as cursor:
        cursor.execute(SQL["own_feedback"], (agency,))
        if not only_row(cursor)[0]:
            raise TransientError(
                "lane.busy", "another worker sends this feedback", where=topic_of(agency),
                remedy="wait for it; a retry follows",
            )  # fmt: skip
    end, sent = _number(connection, agency), 0
    words = project_codes(settings.project)
    with closing(Publisher(settings, topic_of(agency), 0)) as publisher:
        at = publisher.position().sequence
        if at > end:
            raise LedgerDiverged(
                "feedback.diverged", "the topic is ahead of the hub's numbers", where=topic_of(agency),
                remedy="the database is older than the topic: restore it, or run `pophub reconcile`",
            )  # fmt: skip
        while at < end:
            upto = min(end, at + MESSAGE_ROWS)
            messages = _messages(connection, agency, at, upto, words)
            reach("feedback.read")
            publisher.publish(messages, Position(upto, "feedback:1"))
            reach("feedback.published")
            at, sent = upto, sent + len(messages)
    with transaction(connection, topic_of(agency)) as cursor:
        cursor.execute(SQL["told_feedback"], (at, agency))
    return sent


def feed_all(settings: Settings, agencies: Iterable[str]) -> dict[str, int]:
    """Send each agency what it was not told yet; give the messages by agency."""
    sent = {}
    for agency in agencies:
        with closing(connect(settings, "pophub_judge")) as connection:
            sent[agency] = feed(settings, connection, agency)
    return sent


def _number(connection: Connection, agency: str) -> int:
    """Give each rejection without a number the next one; give the last."""
    while True:
        with transaction(connection, topic_of(agency)) as cursor:
            cursor.execute(SQL["make_feedback_agency"], (agency,))
            cursor.execute(SQL["lock_feedback_agency"], (agency,))
            last = int(only_row(cursor)[0])
            cursor.execute(SQL["number_feedback"], {"agency": agency, "after": last, "limit": NUMBER_ROWS})
            numbered = int(only_row(cursor)[0])
            cursor.execute(SQL["move_feedback_agency"], (last + numbered, agency))
            reach("feedback.numbering")
        reach("feedback.numbered")
        if numbered < NUMBER_ROWS:
            return last + numbered


def _messages(connection: Connection, agency: str, after: int, upto: int, words: Words) -> list[Message]:
    with transaction(connection, topic_of(agency)) as cursor:
        cursor.execute(SQL["feedback_rows"], (agency, after, upto))
        return [_message(row, words) for row in cursor.fetchall()]


def _message(row: tuple[Any, ...], words: Words) -> Message:
    """Give one rejection as JSON: what the agency needs to find and mend its record."""
    (sequence, stem, key, marker, event_id, operation, state, gate, failures, batch, lane, offset, place, contract,
     exchanged_at, first_judged_at, waits_until) = row  # fmt: skip
    event = bytes(event_id).hex()
    told = {
        "feedback": 1, "sequence": sequence, "dataset": stem, "event_id": event, "key": key, "marker": marker,
        "operation": "delete" if operation == "d" else "upsert", "state": state, "gate": gate,
        "reasons": [in_words(f, words) for f in failures], "batch": batch, "lane": lane, "offset": offset, "row": place,
        "contract": contract, "exchanged_at": exchanged_at, "judged_at": first_judged_at, "waits_until": waits_until,
    }  # fmt: skip
    return Message(
        event.encode(), orjson.dumps(told), [("event_id", event.encode()), ("gate", gate.encode())]
    )
