"""Examine one dataset: every store against the one before it, on one snapshot of the hub.

Order: what stood (position, ledgers, ends of topics), then the source, then what is in flight on
raw, then one snapshot. So whatever the source or a topic showed, the snapshot knows, and what
moved meanwhile is told as pending, not as a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from pophub.contracts.model import Connector
from pophub.domain.places import LogPlaces
from pophub.kafka import Ends, TopicLog
from pophub.ports import Mapper, Source
from pophub.postgres import Connection, Cursor, connect, now_us, statements, transaction
from pophub.reconcile import look_ups, people, source, stores
from pophub.reconcile.findings import Compared, Finding, Report, key_digest
from pophub.reconcile.sums import Comparison, Store, compare
from pophub.settings import Settings
from pophub.sharing.hub_log import OWN, log_topic
from pophub.sharing.subscription import Subscription

SQL = statements("reconcile")
PLACES = statements("places")
ROLE = "pophub_owner"
Says = Callable[[str], None]
WORDS = {
    "reconcile.missing": "the record is not there",
    "reconcile.doubled": "the record is there more than once",
    "reconcile.altered": "the record is not what was written",
    "reconcile.unknown": "the hub never wrote this record",
}


@dataclass(frozen=True)
class Before:
    """What stood before anything was read."""

    seen: source.Beforehand
    lanes: dict[int, int]
    ledgers: dict[str, dict[int, int]]
    ends: dict[str, Ends]


@dataclass
class Examination:
    """One reconciliation of one dataset; nothing is changed."""

    settings: Settings
    connector: Connector
    mapper: Mapper
    source: Source
    subscriptions: Sequence[Subscription]
    deep: bool = False
    says: Says = lambda text: None

    def run(self) -> Report:
        """Compare all stores of the dataset."""
        report = Report(self.connector.stem, self.deep)
        with closing(connect(self.settings, ROLE)) as connection:
            with transaction(connection, "reconcile") as cursor:
                cursor.execute(SQL["patience"])
                before = self._before(cursor)
            with transaction(connection, "reconcile") as cursor:
                self.says("source")
                chunks = source.chunks_of(self.connector, self.source, before.seen)
                if self.connector.file.source.marker.kind in ("scan", "wal"):
                    chunks = source.numbered(cursor, self.connector, self.mapper, chunks, before.seen)
                rows = source.load(cursor, self.connector, self.mapper, chunks)
                source.load_in_flight(cursor, self.connector, self.mapper, self.settings, before.seen)
                cursor.execute(SQL["make_person_row"])
            with transaction(connection, "reconcile") as cursor:
                cursor.execute("set transaction isolation level repeatable read")
                self._source(cursor, before, rows, report)
                self._heads(connection, report)
                self._people(connection, cursor, report)
                self._look_ups(cursor, report)
                self._log(connection, before, report)
                for subscription in self.subscriptions:
                    self._recipient(connection, cursor, before, subscription, report)
        secret = self.settings.secret("hub.pseudonyms")
        report.findings = [
            f if f.key is None else replace(f, key_digest=key_digest(secret, f.key)) for f in report.findings
        ]
        return report

    def _before(self, cursor: Cursor) -> Before:
        stem = self.connector.stem
        now = now_us(cursor)
        cursor.execute(SQL["position"], (stem,))
        position = (cursor.fetchone() or (None,))[0]
        cursor.execute(SQL["files_taken"], (stem,))
        files = tuple(r[0] for r in cursor.fetchall())
        cursor.execute(SQL["lanes"], (stem,))
        lanes = cursor.fetchall()
        cursor.execute(SQL["ledger_lanes"], (stem,))
        ledgers: dict[str, dict[int, int]] = {}
        for recipient, lane, sequence in cursor.fetchall():
            ledgers.setdefault(recipient, {})[lane] = sequence
        topics = [log_topic(stem), *(s.topic for s in self.subscriptions)]
        ends = {topic: TopicLog(self.settings, topic).ends() for topic in topics}
        cursor.execute(PLACES["topic"], (stem,))
        topic = cursor.fetchone()
        cursor.execute(PLACES["places"], (stem,))
        log = None if topic is None else LogPlaces(topic[0], topic[1], dict(cursor.fetchall()))
        seen = source.Beforehand(now, position, {r[0]: r[1] for r in lanes}, files, log)
        return Before(seen, {r[0]: r[2] for r in lanes}, ledgers, ends)

    def _source(self, cursor: Cursor, before: Before, rows: int, report: Report) -> None:
        findings, report.pending = source.judged(cursor, self.connector, before.seen)
        report.compared.append(
            Compared("source", rows, rows - sum(f.code != "reconcile.gone" for f in findings))
        )
        report.findings += findings

    def _heads(self, connection: Connection, report: Report) -> None:
        self.says("population.head")
        stem = self.connector.stem
        self._compare(
            report, "population.head",
            lambda: stores.head_entries(connection, "last_of_history", stem),
            lambda: stores.head_entries(connection, "heads", stem),
        )  # fmt: skip

    def _people(self, connection: Connection, cursor: Cursor, report: Report) -> None:
        if self.connector.file.population is None:
            return
        self.says("population.citizen")
        everything = dict.fromkeys(range(self.connector.file.lanes), (0, 1 << 62))
        versions = stores.history(connection, self.connector.stem, everything)
        people.derive(cursor, self.connector, versions, people.decoder(self.connector))
        compared, findings = people.differing(cursor, self.connector)
        report.compared += compared
        report.findings += findings

    def _look_ups(self, cursor: Cursor, report: Report) -> None:
        self.says(look_ups.STORE)
        compared, findings = look_ups.differing(cursor, self.connector)
        report.compared += compared
        report.findings += findings

    def _bounds(self, before: Before, recipient: str, topic: str, report: Report) -> stores.Bounds:
        """Begin with a topic: give up to where it was filled, and count what is on its way."""
        self.says(topic)
        upto = before.ledgers.get(recipient, {})
        report.pending += max(0, sum(end - upto.get(lane, 0) for lane, end in before.lanes.items()))
        return {lane: (0, sequence) for lane, sequence in upto.items()}

    def _log(self, connection: Connection, before: Before, report: Report) -> None:
        stem, topic = self.connector.stem, log_topic(self.connector.stem)
        bounds = self._bounds(before, OWN, topic, report)
        log, ends = TopicLog(self.settings, topic), before.ends[topic]
        self._compare(
            report, topic,
            lambda: (stores.version_entry(*v) for v in stores.history(connection, stem, bounds)),
            lambda: stores.shared_entries(log, ends, bounds),
        )  # fmt: skip

    def _recipient(
        self,
        connection: Connection,
        cursor: Cursor,
        before: Before,
        subscription: Subscription,
        report: Report,
    ) -> None:
        bounds = self._bounds(before, subscription.recipient, subscription.topic, report)
        log, ends = TopicLog(self.settings, subscription.topic), before.ends[subscription.topic]
        self._ledger(connection, cursor, subscription, bounds, report)
        later = self._later(connection, subscription, bounds)
        cursor.execute(SQL["removed_upto"], (subscription.recipient, subscription.stem))
        removed = (cursor.fetchone() or ({},))[0]
        left = {lane: (removed.get(str(lane), 0), upto) for lane, (_, upto) in bounds.items()}
        self._compare(
            report, subscription.topic,
            (lambda: stores.message_entries(connection, subscription, left)) if self.deep
            else lambda: stores.ledger_entries(connection, subscription, left, by_transaction=True),
            lambda: stores.topic_entries(log, ends, later=later, deep=self.deep),
        )  # fmt: skip

    def _ledger(
        self,
        connection: Connection,
        cursor: Cursor,
        subscription: Subscription,
        bounds: stores.Bounds,
        report: Report,
    ) -> None:
        """Compare the ledger with history, each stretch under the terms that held then."""
        cursor.execute(SQL["terms_of_lanes"], (subscription.recipient, subscription.stem))
        began = {lane: {int(v): after for v, after in terms.items()} for lane, terms in cursor.fetchall()}
        self._compare(
            report, f"ledger of {subscription.recipient}",
            lambda: stores.granted_entries(connection, subscription, bounds, began),
            lambda: stores.ledger_entries(connection, subscription, bounds, by_transaction=False),
        )  # fmt: skip

    def _later(self, connection: Connection, subscription: Subscription, bounds: stores.Bounds) -> set[str]:
        """Give the transactions that may have reached the topic while it was read."""
        lanes = range(self.connector.file.lanes)
        after = {lane: (bounds.get(lane, (0, 0))[1], 1 << 62) for lane in lanes}
        rows = stores.history(connection, subscription.stem, after)
        return {subscription.transaction_id(row.event_id) for _, row in rows}

    def _compare(self, report: Report, store: str, expected: Store, found: Store) -> None:
        done: Comparison = compare(expected, found)
        report.compared.append(
            Compared(store, done.expected, done.found, done.ranges_differing, done.left_out)
        )
        report.findings += [
            Finding(
                d.code,
                store,
                WORDS[d.code],
                d.entry.event_id,
                d.entry.lane,
                d.entry.sequence,
                key=d.entry.key,
            )
            for d in done.differences
        ]


def mends(findings: Sequence[Finding]) -> dict[str, Any]:
    """Give the event ids of the source's rows that reading them again brings in."""
    codes = ("reconcile.late", "reconcile.missing")
    return {f.event_id: f for f in findings if f.store == "source" and f.code in codes and f.event_id}
