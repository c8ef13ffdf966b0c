"""Check an evidence pack of pophub: `python verify_pack.py --key HEX [FOLDER]`. Python 3.9 or newer, nothing else.

Written to be read: it shares no code with the hub. It checks (1) the signature of each checkpoint
and that each names the one before it, (2) that the rows of each lane lead from a signed head to
the next signed head, (3) that the rows of the period add up to the figures, and to what was signed.
A stretch counts versions of history with one subscriber; its link is over their event ids.
Of a monthly pack it checks that pack.json carries the hub's signature, and each file the digest that stands there.
HEX is the hub's public key, handed to you by another way than this pack. Without it the pack is held
against the key that lies in it: whoever forges a pack puts a key of his own there.
Exit code 0: everything holds; 1: the first thing that does not is printed; 2: the pack agrees with
itself, and that it is the hub's was not proved.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

Point = tuple[int, int, int, int]
Row = dict[str, str]
Heads = dict[Any, Any]

# Ed25519 (RFC 8032), verification only
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


class Wrong(Exception):
    """Something in the pack does not hold."""


def recover_x(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if (x & 1) != sign else x


def add(a: Point, b: Point) -> Point:
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % P, k * m % P, j * k % P, i * m % P


def times(number: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point, number = add(point, point), number >> 1
    return result


def point_of(text: bytes) -> Point | None:
    y = int.from_bytes(text, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = recover_x(y, sign) if y < P else None
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0) or 0
BASE: Point = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def signed(key: bytes, message: bytes, signature: bytes) -> bool:
    a, r = point_of(key), point_of(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    left, right = times(s, BASE), add(r, times(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (
        left[1] * right[2] - right[1] * left[2]
    ) % P == 0


# the ledger
def chain(previous: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(previous + b"".join(len(p).to_bytes(4, "big") + p for p in parts)).digest()


def numbers(row: Row, *names: str) -> bytes:
    return b"".join(int(row[name]).to_bytes(8, "big", signed=True) for name in names)


def version_link(previous: bytes, row: Row) -> bytes:
    body = numbers(row, "lane", "sequence", "contract", "exchanged_us", "recorded_us")
    return chain(
        previous, row["stem"].encode(), body, bytes.fromhex(row["event_id"]), bytes.fromhex(row["digest"])
    )


def stretch_link(previous: bytes, row: Row, omitted: list[tuple[int, int]], events: bytes) -> bytes:
    names = ("lane", "first", "last", "granted", "subscription", "exchanged_us", "recorded_us")
    between = b"".join(n.to_bytes(8, "big", signed=True) for pair in omitted for n in pair)
    parts = (row["recipient"].encode(), row["stem"].encode(), numbers(row, *names), between, events)
    return chain(previous, *parts)


def left_out(row: Row) -> list[tuple[int, int]]:
    """Give the first and the last sequence of each range that a stretch does not count."""
    pairs = [text.split("-") for text in row["omitted"].split()]
    return [(int(first), int(last)) for first, last in pairs]


def month(row: Row) -> str:
    zone = timezone(timedelta(hours=7))  # Asia/Ho_Chi_Minh
    epoch = datetime(1970, 1, 1, 7, tzinfo=zone)
    return (epoch + timedelta(microseconds=int(row["exchanged_us"]))).strftime("%Y-%m")


def canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def checkpoints(folder: Path, key: bytes) -> list[Heads]:
    """Check names and signatures; one key hands on to the next in a checkpoint that both sign."""
    found: list[Heads] = []
    previous, due, keys = None, b"", set()
    for number, line in enumerate((folder / "checkpoints.jsonl").read_text().splitlines(), start=1):
        entry = json.loads(line)
        document, signature = entry["document"], bytes.fromhex(entry["signature"])
        own = bytes.fromhex(entry["key"])
        text = canonical(document)
        if document["id"] != number or document["previous"] != previous:
            raise Wrong(f"checkpoint {number} is not the one that follows")
        if own != (due or own) or not signed(own, text, signature):
            raise Wrong(f"checkpoint {number} does not carry the hub's signature")
        due = handed_on(number, document) or own
        keys |= {own, due}
        previous = hashlib.sha256(text + signature).hexdigest()
        heads: Heads = {tuple(map(str, head["lane"])): head for head in document["heads"]}
        found.append({**heads, "": document})
    if found and key not in keys:
        raise Wrong("no checkpoint carries the signature of the key that was handed over")
    return found


def handed_on(number: int, document: Any) -> bytes | None:
    """Give the key to which a checkpoint hands on, where it does; that key signed it too."""
    change = document.get("next_key")
    if change is None:
        return None
    key, said = bytes.fromhex(change["public_key"]), {"public_key": change["public_key"]}
    if not signed(key, canonical({**document, "next_key": said}), bytes.fromhex(change["signature"])):
        raise Wrong(f"checkpoint {number} hands on to a key that did not sign it")
    return key


Tally = Counter[tuple[str, str, str]]
ID = 16  # bytes of an event id


class Lanes:
    """Every lane of one file, followed from its anchor to the last signed head."""

    def __init__(self, kind: str, field: str, signed_heads: list[Heads], anchors: dict[str, int]) -> None:
        self.kind, self.field, self.last = kind, field, signed_heads[-1]
        self.at: dict[Any, Any] = {}
        self.expected: dict[Any, Any] = {}
        for name in (n for n in signed_heads[-1] if n and n[0] == kind):
            anchor = anchors[".".join(name)]
            start: Any = signed_heads[anchor - 1][name] if anchor else {"last": 0, "rows": 0, field: ""}
            self.at[name] = [start["last"], bytes.fromhex(start[field]), start["rows"]]
            self.expected[name] = {h[name]["last"]: h[name][field] for h in signed_heads if name in h}

    def before(self, name: Any, sequence: int) -> bytes:
        """Give the link before a row, which must lie behind the one before it."""
        if name not in self.at or sequence <= self.at[name][0]:
            raise Wrong(
                f"{self.kind}, lane {name[1:]}, sequence {sequence}: out of order, or of an unknown lane"
            )
        link: bytes = self.at[name][1]
        return link

    def move(self, name: Any, sequence: int, digest: bytes) -> None:
        """Go on to a row, which must be the one that was signed where a head stands there."""
        self.at[name] = [sequence, digest, self.at[name][2] + 1]
        if self.expected[name].get(sequence, digest.hex()) != digest.hex():
            raise Wrong(
                f"{self.kind}, lane {name[1:]}: a row up to sequence {sequence} is not what was signed"
            )

    def end(self) -> None:
        for name, (sequence, digest, rows) in self.at.items():
            head = self.last[name]
            if (sequence, digest.hex(), rows) != (head["last"], head[self.field], head["rows"]):
                raise Wrong(
                    f"{self.kind}, lane {name[1:]}: the rows end at sequence {sequence}, not at the signed head"
                )


class Events:
    """The event ids of a lane's versions, without a hole from the first one that the pack has."""

    def __init__(self) -> None:
        self.first, self.ids = 0, bytearray()

    def add(self, sequence: int, event_id: bytes) -> None:
        self.first = self.first or sequence
        if len(event_id) != ID or sequence != self.first + len(self.ids) // ID:
            raise Wrong(
                f"history.csv: sequence {sequence} does not follow the one before it, or has no event id"
            )
        self.ids += event_id

    def between(self, first: int, last: int) -> bytes:
        """Give the event ids of sequences that follow one another; shorter where some are not there."""
        return (
            bytes(self.ids[(first - self.first) * ID : (last + 1 - self.first) * ID])
            if first >= self.first
            else b""
        )


def walk_history(folder: Path, lanes: Lanes) -> tuple[Tally, dict[Any, Events]]:
    """Follow the accepted versions; give their number by recipient, stem and month, and their event ids."""
    counts: Tally = Counter()
    events = {name: Events() for name in lanes.at}
    with (folder / "history.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            name, sequence = ("history", row["stem"], row["lane"]), int(row["sequence"])
            lanes.move(name, sequence, version_link(lanes.before(name, sequence), row))
            events[name].add(sequence, bytes.fromhex(row["event_id"]))
            counts["population", row["stem"], month(row)] += 1
    lanes.end()
    return counts, events


def walk_stretches(folder: Path, lanes: Lanes, history: dict[Any, Events]) -> Tally:
    """Follow the stretches; add up what they count, each version found in history."""
    counts: Tally = Counter()
    with (folder / "stretch.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            name = ("stretch", row["recipient"], row["stem"], row["lane"])
            first, last, omitted = int(row["first"]), int(row["last"]), left_out(row)
            before = lanes.before(name, first)
            known = history.get(("history", row["stem"], row["lane"]), Events())
            bounds = [first, *(n for a, b in omitted for n in (a - 1, b + 1)), last]
            events = b"".join(map(known.between, bounds[::2], bounds[1::2]))
            if len(events) != int(row["granted"]) * ID:
                raise Wrong(
                    f"stretch, lane {name[1:]}, sequences {first} to {last}: history has not what it counts"
                )
            lanes.move(name, last, stretch_link(before, row, omitted, events))
            counts[row["recipient"], row["stem"], month(row)] += int(row["granted"])
    lanes.end()
    return counts


def check(folder: Path, key: bytes) -> str:
    figures = json.loads((folder / "figures.json").read_text())
    heads = checkpoints(folder, key)
    if not heads or len(heads) != figures["checkpoint"]:
        raise Wrong("the last checkpoint is not the one that the figures name")
    counts, events = walk_history(folder, Lanes("history", "links", heads, figures["anchors"]))
    counts += walk_stretches(folder, Lanes("stretch", "chain", heads, figures["anchors"]), events)
    within = {place: n for place, n in counts.items() if place[2] in figures["months"]}
    signed_tally = {(r, s, m): n for r, s, m, n in heads[-1][""]["tally"] if m in figures["months"]}
    if within != signed_tally:
        raise Wrong("the rows of the period are not as many as were signed")
    told: Counter[tuple[str, str]] = Counter()
    for (recipient, stem, _), number in within.items():
        told[recipient, stem] += number
    if {(f["recipient"], f["stem"]): f["transactions"] for f in figures["figures"]} != dict(told):
        raise Wrong("the figures are not what the rows add up to")
    if figures["transactions"] != sum(told.values()):
        raise Wrong("the figures do not add up")
    return (
        f"{figures['period']}: {sum(told.values())} share transactions as of checkpoint {len(heads)}; "
        "signatures, rows and figures hold"
    )


def check_month(folder: Path, key: bytes) -> str:
    """Hold each file of a monthly pack against the list that was signed."""
    text = (folder / "pack.json").read_bytes()
    document, proof = json.loads(text), json.loads((folder / "pack.signature.json").read_text())
    if document.get("pack") != 1 or not signed(key, text, bytes.fromhex(proof["signature"])):
        raise Wrong("pack.json does not carry the hub's signature")
    files = document["files"]
    here = {path.name for path in folder.iterdir()} - {"pack.json", "pack.signature.json"}
    if here != set(files):
        raise Wrong(f"not a file of the pack, or missing: {', '.join(sorted(here ^ set(files)))}")
    for name, digest in files.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise Wrong(f"{name} is not what was signed")
    checkpoint = document["checkpoint"]["id"]
    return (
        f"{document['month']}: {len(files)} files as of checkpoint {checkpoint}; signature and digests hold"
    )


def key_within(folder: Path) -> str:
    """Give the key that lies in the pack itself."""
    proof = folder / "pack.signature.json"
    return json.loads(proof.read_text())["key"] if proof.exists() else (folder / "public_key.hex").read_text()


def main() -> int:
    parser = argparse.ArgumentParser(description="Check an evidence pack, or a monthly pack, of pophub.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--key", help="the hub's public key, hex, from another way than this pack")
    arguments = parser.parse_args()
    try:
        key = bytes.fromhex(arguments.key or key_within(arguments.folder))
        monthly = (arguments.folder / "pack.json").exists()
        told = (check_month if monthly else check)(arguments.folder, key)
    except Wrong as wrong:
        sys.stdout.write(f"WRONG: {wrong}\n")
        return 1
    except (OSError, KeyError, IndexError, TypeError, ValueError) as cause:
        sys.stdout.write(f"WRONG: the pack cannot be read: {cause!r}\n")
        return 1
    sys.stdout.write(told + "\n")
    if arguments.key:
        return 0
    sys.stdout.write(
        f"NOT PROVED: that this hub signed it. The key {key.hex()} lies in the pack itself; compare it with the\n"
        "one that the hub's operator handed to you by another way, or give that one with --key HEX\n"
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
