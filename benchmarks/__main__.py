"""`python -m benchmarks`: records a second of the straight way beside its peers, and what it costs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from benchmarks import figures, source
from benchmarks.hubs import say, servers
from benchmarks.rounds import PEERS, Rounds


def main() -> int:
    """Measure what was asked, print a table, write build/bench.json."""
    asked = _arguments()
    found: dict[str, Any] = {}
    with servers() as settings:
        say(f"making the source: {asked.rows:,} rows, {len(source.COLUMNS)} fields")
        source.make_source(settings, asked.rows)
        os.environ["POPHUB_SOURCE_BENCH_URL"] = source.source_url(settings)
        with Rounds(settings, asked.rows, asked.peers) as rounds:
            done = [rounds.one(number) for number in range(asked.rounds)]
        found |= figures.summary(asked.rows, done)
    figures.OUT.parent.mkdir(exist_ok=True)
    figures.OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found) if asked.json else figures.table(found))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the source table")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds")
    parser.add_argument(
        "--peers", type=_peers, default=PEERS, help=f"which, by comma: dlt (both), none, {', '.join(PEERS)}"
    )
    parser.add_argument("--no-peers", dest="peers", action="store_const", const=(), help="pophub alone")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, no table")
    return parser.parse_args()


def _peers(text: str) -> tuple[str, ...]:
    """Read the peers asked for; the beginning of a name means all that begin so."""
    chosen: list[str] = []
    for word in text.split(",") if text != "none" else []:
        named = [peer for peer in PEERS if peer.startswith(word)]
        if not word or not named:
            raise argparse.ArgumentTypeError(f"no peer {word!r}")
        chosen += named
    return tuple(chosen)


if __name__ == "__main__":
    sys.exit(main())
