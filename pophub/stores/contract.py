"""Which contract a dataset is judged under, and who let it take something from subscribers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from pophub.contracts.model import Connector
from pophub.contracts.refusals import read_kept
from pophub.contracts.subscription_model import Grant
from pophub.postgres import Connection, only_row, statements, transaction

SQL = statements("contract")
Places = dict[int, dict[int, list[int]]]
"""Where accepted versions came by on raw: lane -> offset -> rows of the block."""


class Acknowledged(NamedTuple):
    """That a contract may take what it takes, from the day `starts` on."""

    number: int
    starts: date
    by: str


class ContractStore:
    """The contracts of one dataset, and what of it was accepted last."""

    def __init__(self, connection: Connection, stem: str) -> None:
        self._connection = connection
        self._stem = stem

    def digest(self) -> str | None:
        """Give the digest of the contract that judged last; None before the first."""
        with transaction(self._connection, f"contract of {self._stem}") as cursor:
            cursor.execute(SQL["digest_on_record"], (self._stem,))
            row = cursor.fetchone()
        return None if row is None else str(row[0])

    def on_record(self) -> Connector:
        """Give the contract that judged last, as it was read then.

        Errors: `hub.layout` where another version of pophub put it on record, and this one cannot read it.
        """
        with transaction(self._connection, f"contract of {self._stem}") as cursor:
            cursor.execute(SQL["contract_on_record"], (self._stem,))
            declared = only_row(cursor)[0]
        return read_kept(Connector, declared, self._stem)

    def keep(self, connector: Connector, acknowledged: Acknowledged | None) -> None:
        """Put on record that a contract judges from now on."""
        number = None if acknowledged is None else acknowledged.number
        declared = connector.model_dump_json(by_alias=True)
        with transaction(self._connection, f"contract of {self._stem}") as cursor:
            cursor.execute(SQL["keep_contract"], (self._stem, connector.digest, declared, number))

    def acknowledged(self, digest: str) -> Acknowledged | None:
        """Give the last acknowledgement of a contract."""
        with transaction(self._connection, f"contract of {self._stem}") as cursor:
            cursor.execute(SQL["acknowledged"], (self._stem, digest))
            row = cursor.fetchone()
        return None if row is None else Acknowledged(*row)

    def acknowledge(self, digest: str, starts: date, takes: Sequence[dict[str, str]], by: str) -> None:
        """Put on record that a contract may take this from subscribers."""
        with transaction(self._connection, f"contract of {self._stem}") as cursor:
            cursor.execute(SQL["acknowledge"], (self._stem, digest, starts, json.dumps(takes), by))

    def grants(self) -> list[tuple[str, Grant]]:
        """Give each subscriber with the terms that are on record for it last.

        Errors: `hub.layout`, as of `on_record`.
        """
        with transaction(self._connection, f"contract of {self._stem}") as cursor:
            cursor.execute(SQL["newest_terms"], (self._stem,))
            found = cursor.fetchall()
        return [(name, read_kept(Grant, terms, f"{name}, {self._stem}")) for name, terms in found]

    def newest_accepted(self, most: int) -> Places:
        """Give where the versions came by that were accepted last, each at its first judging."""
        with transaction(self._connection, f"contract of {self._stem}") as cursor:
            cursor.execute(SQL["newest_accepted"], {"stem": self._stem, "each": most, "most": most})
            found: Places = defaultdict(lambda: defaultdict(list))
            for lane, offset, row in cursor.fetchall():
                found[lane][offset].append(row)
        return found
