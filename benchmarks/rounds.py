"""One round: pophub and the chosen peers one after the other, each into fresh places, each checked."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks import debezium, equality, handbuilt, hubs, peers, workers
from benchmarks.meter import Meter, Ran
from benchmarks.workers import Worked
from pophub.kafka import Administrator
from pophub.settings import Settings

LANES, SUBSCRIBER = 2, "reader"
PEERS = ("dlt_sqlalchemy", "dlt_pyarrow", "handbuilt", "debezium")


@dataclass
class Round:
    """What one round measured, by way; `worked` has the stages of pophub."""

    ran: dict[str, Ran] = field(default_factory=dict)
    worked: list[Worked] = field(default_factory=list)


class Rounds:
    """Runs the rounds; what a peer needs for all of them is started before.

    `last` is the hub that was filled last, with the dataset `last_stem`.
    """

    def __init__(self, settings: Settings, rows: int, chosen: tuple[str, ...]) -> None:
        self._settings = settings
        self._rows = rows
        self._chosen = chosen
        self._stack = ExitStack()
        self._connect: debezium.Copier | None = None
        self.last = settings
        self.last_stem = ""

    def __enter__(self) -> Rounds:
        if "debezium" in self._chosen:
            hubs.say("fetching Debezium, starting Kafka Connect")
            self._connect = self._stack.enter_context(debezium.running(self._settings))
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def warm(self) -> None:
        """Run pophub once, uncounted: a broker that has just started still compiles what it does (2.3 CPU
        seconds in its first run, 1.0 in the later ones), and a hub's broker has long been running.
        """
        hubs.say("one run that is not counted, for the broker")
        self._pophub("warm")

    def one(self, number: int) -> Round:
        """Measure one round.

        Errors: RuntimeError where a way fails or its copy differs from the source.
        """
        done = Round()
        done.ran["pophub"], done.worked = self._pophub(number)
        self._tell(number, "pophub", done)
        for peer in self._chosen:
            done.ran[peer] = self._peer(peer, number)
            self._tell(number, peer, done)
        return done

    def _tell(self, number: int, way: str, done: Round) -> None:
        hubs.say(f"round {number + 1}: {way} {self._rows / done.ran[way].seconds:,.0f} records/s, equal")

    def _pophub(self, number: int | str) -> tuple[Ran, list[Worked]]:
        stem = f"bench.people{number}"
        own = hubs.fresh_hub(self._settings, number)
        self.last, self.last_stem = own, stem
        with Meter(own, own.endpoints.database, ("raw", "shared", "sub")) as meter:
            meter.ran.seconds, worked = workers.run(own, stem, LANES)
        meter.ran.cpu_s |= {w.name: w.cpu_s for w in worked}
        meter.ran.peak_mb |= {w.name: w.peak_mb for w in worked}
        equality.of_pophub(own, stem, LANES, SUBSCRIBER, self._rows)
        return meter.ran, worked

    def _peer(self, peer: str, number: int) -> Ran:
        if peer == "debezium":
            return self._debezium(number)
        return self._handbuilt(number) if peer == "handbuilt" else self._dlt(peer, number)

    def _dlt(self, peer: str, number: int) -> Ran:
        database = f"bench_{peer}_{number}"
        hubs.make_database(self._settings, database)
        with Meter(self._settings, database) as meter:
            meter.ran.seconds, cpu_s, peak = peers.run(self._settings, peers.backend_of(peer), database)
        meter.ran.cpu_s["dlt"], meter.ran.peak_mb["dlt"] = cpu_s, peak
        equality.of_peer(self._settings, database)
        hubs.drop_database(self._settings, database)
        return meter.ran

    def _handbuilt(self, number: int) -> Ran:
        topic = f"handbuilt_{number}.people"
        database = f"bench_handbuilt_{number}"
        hubs.make_database(self._settings, database)
        Administrator(self._settings).ensure_topics({topic: LANES})
        with Meter(self._settings, database, (f"handbuilt_{number}",)) as meter:
            meter.ran.seconds, cpu_s, peak = handbuilt.run(self._settings, database, topic)
        meter.ran.cpu_s["handbuilt"], meter.ran.peak_mb["handbuilt"] = cpu_s, peak
        equality.of_peer(self._settings, database)
        equality.of_topic(self._settings, topic, LANES, handbuilt.SENT)
        hubs.drop_database(self._settings, database)
        return meter.ran

    def _debezium(self, number: int) -> Ran:
        assert self._connect is not None
        name = f"debezium_{number}"
        database = f"bench_{name}"
        hubs.make_database(self._settings, database)
        with Meter(self._settings, database, (name,)) as meter:
            cpu_s = self._connect.cpu_s()
            meter.ran.seconds = self._connect.copy(name, database, self._rows)
            meter.ran.cpu_s["connect"] = self._connect.cpu_s() - cpu_s
        meter.ran.peak_mb["connect"] = self._connect.peak_mb()
        equality.of_peer(self._settings, database)
        self._connect.forget(name)
        hubs.drop_database(self._settings, database)
        return meter.ran
