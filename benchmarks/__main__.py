"""`python -m benchmarks`: records a second of the straight way, beside dlt, in interleaved rounds."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import equality, figures, peers, source, workers
from pophub import wiring
from pophub.postgres import connect
from pophub.runtime import hub as runtime
from pophub.runtime import postgres
from pophub.settings import Settings

PROJECT = Path(__file__).parent / "project"
OUT = Path("build") / "bench.json"
LANES, SUBSCRIBER = 2, "reader"


def main() -> int:
    """Measure, print a table, write build/bench.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the source table")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, no table")
    parser.add_argument("--no-peers", action="store_true", help="pophub alone")
    asked = parser.parse_args()
    with _servers() as settings:
        _say(f"making the source: {asked.rows} rows, {len(source.COLUMNS)} fields")
        source.make_source(settings, asked.rows)
        os.environ["POPHUB_SOURCE_BENCH_URL"] = source.source_url(settings)
        rounds = [_round(settings, number, asked.rows, not asked.no_peers) for number in range(asked.rounds)]
    found = figures.summary(asked.rows, rounds)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found) if asked.json else figures.table(found))
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _servers() -> Iterator[Settings]:
    """Embedded PostgreSQL and Kafka in a home of their own; ended and erased afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pophub-bench-"))
    os.environ["POPHUB_HOME"] = str(folder)
    settings = Settings.load()
    try:
        _say("starting PostgreSQL and Kafka")
        settings = runtime.start(settings, servers=("postgres", "kafka"))
        yield settings
    finally:
        runtime.stop(settings)
        runtime.erase(settings)
        shutil.rmtree(folder, ignore_errors=True)


def _round(settings: Settings, number: int, rows: int, with_peers: bool) -> figures.Round:
    """Run pophub and the peers one after the other, each into fresh places; check each result."""
    done = figures.Round()
    stem = f"bench.people{number}"
    own = _fresh_hub(settings, number)
    usage = figures.Usage(settings)
    done.seconds["pophub"], done.worked = workers.run(own, stem, LANES)
    done.servers_cpu_s = usage.spent()
    equality.of_pophub(own, stem, LANES, SUBSCRIBER, rows)
    _say(f"round {number + 1}: pophub {rows / done.seconds['pophub']:,.0f} records/s, equal")
    for backend in peers.BACKENDS if with_peers else ():
        database = f"bench_{backend}_{number}"
        _make_database(settings, database)
        name = f"dlt_{backend}"
        done.seconds[name], done.peers_mb[name] = peers.run(settings, backend, database)
        equality.of_peer(settings, database)
        _say(f"round {number + 1}: {name} {rows / done.seconds[name]:,.0f} records/s, equal")
    return done


def _fresh_hub(settings: Settings, number: int) -> Settings:
    """Give a hub with a database and topics of its own: the project's copy names another dataset."""
    project = settings.home / f"project{number}"
    shutil.copytree(PROJECT, project)
    for path in sorted(project.rglob("*.*")):
        text = path.read_text().replace("bench.people", f"bench.people{number}")
        path.write_text(text.replace("dataset: people", f"dataset: people{number}"))
        path.rename(path.with_name(path.name.replace("people", f"people{number}")))
    endpoints = settings.endpoints.model_copy(update={"database": f"bench_hub_{number}"})
    own = settings.model_copy(update={"project": project, "endpoints": endpoints})
    postgres.make_databases(own)
    with wiring.open_hub(own) as hub:
        hub.prepare()
    return own


def _make_database(settings: Settings, name: str) -> None:
    connection = connect(settings, settings.endpoints.postgres_superuser)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"create database {name}")
    connection.close()


if __name__ == "__main__":
    sys.exit(main())
