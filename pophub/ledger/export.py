"""An evidence pack: what a third party needs to count a period's share transactions again by itself.

It holds no key, no payload and no name: history rows are event ids and digests that stand for them.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, TextIO

from pophub.domain.errors import ConfigError
from pophub.domain.stretches import of_multirange
from pophub.ledger.checkpoint import Checkpoint, LaneName, load
from pophub.ledger.periods import months_of, span_of
from pophub.postgres import Connection, statements, transaction

SQL = statements("ledger")
CHUNK = 20_000
# fmt: off
COLUMNS = {
    "history": ("stem", "lane", "sequence", "event_id", "contract", "exchanged_us", "recorded_us", "digest"),
    "stretch": ("recipient", "stem", "lane", "first", "last", "omitted", "granted", "subscription", "exchanged_us", "recorded_us"),
}
# fmt: on
README = """Evidence of share transactions
=============================

Period {period}, as of checkpoint {id} signed at {at}: {transactions} share transactions.

    python verify_pack.py --key HEX  checks everything in this folder, with Python alone

HEX is the hub's public key as its operator handed it to you by another way than this folder. Without it the
script can only say that the pack agrees with itself, which a forged one does too, and ends with 2.

checkpoints.jsonl  each signed checkpoint up to {id}: heads of all lanes, share transactions by month; Ed25519
public_key.hex     the public key that signed the last checkpoint; it proves nothing by lying here
history.csv        accepted versions (each one a share transaction with the population database), by lane
stretch.csv        share transactions with subscribers, by lane: one line for the versions `first` to `last` of a lane
                   without those that are `omitted`, `granted` of them; history.csv has them
figures.json       share transactions of the period by recipient and dataset, and where each lane's rows begin
verify_pack.py     the check; it shares no code with the hub, read it

A lane's rows, and its stretches, may lie outside the period: they lead from one signed head to the next.
No row tells of a person: an event id is a digest, and so is what stands for key and content.
"""


def export(connection: Connection, checkpoint: Checkpoint, period: str, folder: Path) -> dict[str, Any]:
    """Write the pack into a new folder; give its figures.

    Errors: `ledger.pack_exists` where the folder is not empty; `cli.period`.
    """
    months = months_of(period)
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(
            "ledger.pack_exists",
            "the folder of the pack is not empty",
            where=folder.name,
            remedy="name another --out",
        )
    folder.mkdir(parents=True, exist_ok=True)
    checkpoints = [one for one in load(connection) if one.id <= checkpoint.id]
    anchors = _anchors(connection, checkpoint, checkpoints, months)
    _write_checkpoints(folder, checkpoints)
    for kind in COLUMNS:
        with (folder / f"{kind}.csv").open("w", newline="", encoding="ascii") as file:
            _write_rows(connection, file, kind, checkpoint, checkpoints, anchors)
    figures = _figures(checkpoint, period, months, anchors)
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    (folder / "public_key.hex").write_text(checkpoint.public_key.hex() + "\n")
    told = {
        "period": period,
        "id": checkpoint.id,
        "at": checkpoint.at.isoformat(),
        "transactions": figures["transactions"],
    }
    (folder / "README.md").write_text(README.format(**told))
    script = resources.files("pophub.ledger").joinpath("verify_pack.py").read_text(encoding="utf-8")
    (folder / "verify_pack.py").write_text(script, encoding="utf-8")
    return figures


def _write_checkpoints(folder: Path, checkpoints: list[Checkpoint]) -> None:
    with (folder / "checkpoints.jsonl").open("w", encoding="ascii") as file:
        for one in checkpoints:
            entry = {"document": one.document, "signature": one.signature.hex(), "key": one.public_key.hex()}
            file.write(json.dumps(entry) + "\n")


def _anchors(
    connection: Connection, checkpoint: Checkpoint, checkpoints: list[Checkpoint], months: list[str]
) -> dict[LaneName, int]:
    """Give for each lane the checkpoint behind which its rows are told, 0 for the lane's beginning.

    It is the last one before the lane's first row of the period; a lane of history goes as far back as the
    stretches that count its versions.
    """
    anchors, needed = {}, dict[LaneName, int]()
    for name in sorted(checkpoint.heads(), reverse=True):  # stretches before history
        kind, *place = name
        with transaction(connection, "evidence pack") as cursor:
            cursor.execute(SQL[f"first_of_{kind}"], (*place[:-1], int(place[-1]), *span_of(months)))
            (first,) = cursor.fetchone() or (None,)
        bounds = [bound for bound in (first, needed.get(name)) if bound is not None]
        anchors[name] = _last_before(checkpoints, name, min(bounds, default=None))
        if kind == "stretch":
            history = ("history", *place[1:])
            after = _head(checkpoints, anchors[name], name)
            needed[history] = min(after + 1, needed.get(history, after + 1))
    return anchors


def _last_before(checkpoints: list[Checkpoint], name: LaneName, first: int | None) -> int:
    found = 0
    for one in checkpoints:
        head = one.heads().get(name)
        if head is not None and (first is None or head["sequence"] < first):
            found = one.id
    return found


def _head(checkpoints: list[Checkpoint], anchor: int, name: LaneName) -> int:
    return int(checkpoints[anchor - 1].heads()[name]["sequence"]) if anchor else 0


def _write_rows(
    connection: Connection,
    file: TextIO,
    kind: str,
    checkpoint: Checkpoint,
    checkpoints: list[Checkpoint],
    anchors: dict[LaneName, int],
) -> None:
    writer = csv.writer(file)
    writer.writerow(COLUMNS[kind])
    for name, head in checkpoint.heads().items():
        if name[0] != kind:
            continue
        for row in _rows(connection, kind, head, _head(checkpoints, anchors[name], name)):
            writer.writerow(row)


def _rows(connection: Connection, kind: str, head: dict[str, Any], after: int) -> Iterator[tuple[Any, ...]]:
    place = head["lane"][1:]
    with transaction(connection, "evidence pack"), connection.cursor(name="pack") as cursor:
        cursor.itersize = CHUNK
        cursor.execute(
            SQL["walk_history" if kind == "history" else "pack_stretch"],
            (*place, after + 1, head["sequence"]),
        )
        for row in cursor:
            yield *place, *(_version(*row) if kind == "history" else _stretch(*row))


def _version(
    sequence: int, month: str, event_id: bytes, contract: int, exchanged: int, recorded: int, digest: bytes
) -> tuple[Any, ...]:
    return sequence, bytes(event_id).hex(), contract, exchanged, recorded, bytes(digest).hex()


def _stretch(first: int, last: int, omitted: str | None, *counted: int) -> tuple[Any, ...]:
    return first, last, " ".join(f"{a}-{b}" for a, b in of_multirange(omitted)), *counted


def _figures(
    checkpoint: Checkpoint, period: str, months: list[str], anchors: dict[LaneName, int]
) -> dict[str, Any]:
    counts: Counter[tuple[str, str]] = Counter()
    for (recipient, stem, month), number in checkpoint.tally().items():
        if month in months:
            counts[recipient, stem] += number
    rows = [{"recipient": r, "stem": s, "transactions": n} for (r, s), n in sorted(counts.items())]
    return {
        "period": period,
        "months": months,
        "checkpoint": checkpoint.id,
        "transactions": sum(counts.values()),
        "figures": rows,
        "anchors": {".".join(name): anchor for name, anchor in anchors.items()},
    }
