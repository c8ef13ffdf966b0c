"""The metrics that there are: name, kind, labels, and what each tells. No label holds a value of a record."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Family(NamedTuple):
    """One metric. Shape: a counter's samples end in `_total`; `server` is what must answer for it to be there."""

    name: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    server: Literal["", "postgres", "kafka"]
    told: str

    @property
    def sample(self) -> str:
        """The name that a rule asks for.

        >>> Family("pophub_records", "counter", (), "", "").sample
        'pophub_records_total'
        """
        return f"{self.name}_total" if self.kind == "counter" else self.name


class Sample(NamedTuple):
    """A value of a metric. Shape: `labels` stand in the order of the family's."""

    name: str
    labels: tuple[str, ...]
    value: float


FAMILIES = (
    Family("pophub_up", "gauge", ("server",), "", "1 where the server answers; at 0 what it alone knows is left out, never shown as 0"),
    Family("pophub_records", "counter", ("agency", "dataset", "outcome"), "postgres", "records at their first judging: sent, read, shared, quarantined, duplicate, superseded"),
    Family("pophub_residual_records", "gauge", ("agency", "dataset"), "postgres", "records that do not add up: read and not shared, held, duplicate or superseded, or read more often than sent; must be 0"),
    Family("pophub_unjudged_records", "gauge", ("agency", "dataset"), "postgres", "records that were sent and have no verdict yet"),
    Family("pophub_behind", "gauge", ("dataset", "stage", "lane", "recipient"), "postgres", "what a stage has not done yet: blocks of raw for judge (while Kafka answers), accepted versions for share"),
    Family("pophub_ahead_versions", "gauge", ("dataset", "lane", "recipient"), "postgres", "versions that the ledger counts and history does not have; must be 0"),
    Family("pophub_pending_seconds", "gauge", ("dataset", "stage", "lane", "recipient"), "postgres", "age of the oldest record that waits for a stage"),
    Family("pophub_end_to_end_seconds", "gauge", ("dataset", "recipient", "quantile"), "postgres", "from the reading of a batch to the ledger, of what was shared within the last hour (of each lane its last 200 stretches)"),
    Family("pophub_held_records", "gauge", ("agency", "dataset"), "postgres", "versions in quarantine"),
    Family("pophub_held_oldest_seconds", "gauge", ("agency", "dataset"), "postgres", "since the first judging of the oldest version in quarantine"),
    Family("pophub_held_by_rule", "gauge", ("agency", "dataset", "gate", "code", "field"), "postgres", "versions in quarantine by each rule that they failed, and the field; one that failed several counts under each"),
    Family("pophub_expiring_records", "gauge", ("dataset", "when"), "postgres", "quarantined content that retention removes: due, or soon (within the days of the policy's warning)"),
    Family("pophub_source_state", "gauge", ("agency", "dataset", "state"), "postgres", "1 for the state in which a source is"),
    Family("pophub_open_alerts", "gauge", ("code", "dataset"), "postgres", "alerts that are open"),
    Family("pophub_checkpoint_number", "gauge", (), "postgres", "number of the last signed checkpoint"),
    Family("pophub_checkpoint_age_seconds", "gauge", (), "postgres", "since the last checkpoint was signed"),
    Family("pophub_verified_age_seconds", "gauge", (), "postgres", "since the ledger was last verified for somebody who asked on its page"),
    Family("pophub_verified_broken_places", "gauge", (), "postgres", "where this verification found history, ledger or checkpoints not to be what was written, the first place of each lane; must be 0"),
    Family("pophub_unsigned_versions", "gauge", (), "postgres", "accepted versions that no checkpoint has signed yet"),
    Family("pophub_revealed_records", "counter", ("dataset",), "postgres", "records whose values somebody saw or exported, for a reason that is kept"),
    Family("pophub_reader_unread_messages", "gauge", ("dataset", "recipient", "group"), "kafka", "offsets that a subscriber's group has not read"),
    Family("pophub_reader_retention_used_ratio", "gauge", ("dataset", "recipient", "group"), "kafka", "age of the oldest unread record as a share of the topic's retention; at 1 it is lost"),
    Family("pophub_reader_seconds_to_loss", "gauge", ("dataset", "recipient", "group"), "kafka", "until retention takes the oldest unread record"),
    Family("pophub_partitions_under_min_isr", "gauge", (), "kafka", "partitions with fewer replicas in sync than a write takes"),
    Family("pophub_oldest_transaction_seconds", "gauge", (), "kafka", "age of the oldest open transaction of share; 0 where none is open"),
    Family("pophub_denied_accesses", "counter", ("principal",), "", "what the broker on this machine denied, by its log: topics, groups and transactions that a principal has no right to"),
    Family("pophub_disk_free_bytes", "gauge", ("place",), "", "free bytes of the disk that holds the hub's home"),
    Family("pophub_disk_bytes", "gauge", ("place",), "", "bytes of that disk"),
    Family("pophub_refused_requests", "counter", ("status",), "", "requests that these pages refused since they started: 401 nobody known, 403 not allowed, 421 a foreign name"),
)  # fmt: skip
