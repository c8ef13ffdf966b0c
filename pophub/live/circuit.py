"""The circuit of a source that stays down: after some failures in a row it rests, then is asked ever less often.

It follows from the heartbeats alone, so it has no state of its own and closes with the first answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pophub.domain.errors import TransientError
from pophub.live.state import US
from pophub.live.store import LiveStore
from pophub.postgres import Connection, transaction

FAILURES = 5  # so many in a row open it: a run with its retries, and one more
FIRST_S = 60
MOST_S = 3600
OUTAGES = """
select stem, sum(times)::int, (extract(epoch from min(first_at)) * 1000000)::bigint,
    (extract(epoch from max(at)) * 1000000)::bigint
from live.heartbeat b where stem = any(%s) and outcome = 'unreachable' and beat > coalesce(
    (select max(beat) from live.heartbeat where stem = b.stem and outcome <> 'unreachable'), 0)
group by stem
"""


class Outage(NamedTuple):
    """A source that did not answer its last extracts: how many, since when, when the last one was.

    Units: microseconds since 1970 UTC.
    """

    failures: int
    since: int
    last: int

    @property
    def asked_again_at(self) -> int:
        """When it may be asked again: at once before the circuit opens, then twice as late each time."""
        if self.failures < FAILURES:
            return self.last
        rest_s = min(MOST_S, FIRST_S << min(self.failures - FAILURES, 16))
        return self.last + rest_s * US


def outages(connection: Connection, stems: Sequence[str]) -> dict[str, Outage]:
    """Give the sources that are down now."""
    with transaction(connection, "outages of sources") as cursor:
        cursor.execute(OUTAGES, (list(stems),))
        return {stem: Outage(*told) for stem, *told in cursor.fetchall()}


def refuse_resting(connection: Connection, stem: str) -> None:
    """Leave a source alone that stays down and is not to be asked yet.

    Errors: `source.resting` with the seconds until the next try.
    """
    outage = outages(connection, [stem]).get(stem)
    if outage is None:
        return
    rest_s = (outage.asked_again_at - LiveStore(connection).now()) / US
    if rest_s > 0:
        error = TransientError(
            "source.resting",
            f"the source failed {outage.failures} times in a row and is not asked for {rest_s:.0f} s",
            where=stem,
            remedy=f"ask its owner; `pophub run {stem}` asks at once",
        )
        error.retry_after_s = rest_s
        raise error
