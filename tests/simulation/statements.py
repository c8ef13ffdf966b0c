"""The twin of each SQL statement of the stages, by file and name; `test_store_twins.py` proves them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from psycopg2 import errors as pg

from pophub.contracts.model import GATES
from pophub.postgres import statements
from pophub.quarantine.selection import statement

from .database import HANDLERS, TABLES, Answer, Handler, Row, Session

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOCK_HOLDER = "select coalesce(string_agg(a.application_name"  # its text up to the first ||
WORKER_LOCK = "select pg_try_advisory_lock(hashtext(%s), hashtext(%s))"

_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"')

TABLES.update({
    "judge.lane": lambda r: (r["stem"], r["lane"]),
    "judge.passed_over": lambda r: (r["stem"], r["lane"], r["raw_offset"], r["row"]),
    "judge.reconciliation": lambda r: (r["stem"], r["lane"], r["raw_from"], r["batch"]),
    "population.head": lambda r: (r["stem"], r["key"]),
    "population.identity": lambda r: (r["citizen_id"], r["valid_from"]),
    "population.claim": lambda r: (r["stem"], r["field"], r["value"]),
    "quarantine.version": lambda r: (r["id"],),
    "quarantine.repair": lambda r: (r["repair"],),
    "quarantine.replay_run": lambda r: (r["run"],),
    "ledger.history": lambda r: (r["month"], r["stem"], r["lane"], r["sequence"]),
    "ledger.lane": lambda r: (r["recipient"], r["stem"], r["lane"]),
    "ledger.transaction": lambda r: (r["month"], r["recipient"], r["stem"], r["lane"], r["sequence"]),
    "extract.position": lambda r: (r["stem"],),
    "extract.batch": lambda r: (r["batch"],),
    "extract.sent_row": lambda r: (r["stem"], r["digest"]),
    "extract.file": lambda r: (r["stem"], r["digest"]),
    "extract.hold": lambda r: (r["stem"], r["code"], r["subject"]),
    "extract.tick": lambda r: (r["at"],),
})  # fmt: skip


def us(moment: datetime) -> int:
    """Turn an aware time into microseconds UTC."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def twin(*files: str, text: str | None = None) -> Callable[[Handler], Handler]:
    """Make a function the twin of the statement of its name."""

    def register(handler: Handler) -> Handler:
        for file in files:
            HANDLERS[statements(file)[handler.__name__]] = handler
        if text is not None:
            HANDLERS[text] = handler
        return handler

    return register


def change(session: Session, table: str, key: tuple[Any, ...], **values: Any) -> int:
    """Update one row under its lock; give how many rows that were."""
    if session.get(table, key) is None:
        return 0
    session.lock(table, key)
    row = session.get(table, key)
    if row is None:
        return 0
    session.put(table, row | values)
    return 1


# all


@twin("judge", "extract", "share")
def clock(session: Session, args: Any) -> Answer:
    return [(session.simulation.now_us(),)]


@twin("judge", "share")
def ensure_month(session: Session, args: Any) -> Answer:
    return [("",)]


@twin(text=WORKER_LOCK)
def take_worker_lock(session: Session, args: Any) -> Answer:
    return [(session.advisory(tuple(args)),)]


@twin(text=LOCK_HOLDER)
def name_lock_holder(session: Session, args: Any) -> Answer:
    holder = session.database.advisory.get(tuple(args))
    return [(holder.worker.name if holder and holder.worker else "a worker that just ended",)]


@twin("quarantine")
def own_run(session: Session, args: Any) -> Answer:
    return [(session.advisory(("replay", *args)),)]


# judge


@twin("judge")
def make_lane(session: Session, args: Any) -> Answer:
    row = {"stem": args[0], "lane": args[1], "raw_offset": 0, "sequence": 0, "chain": b""}
    return int(session.insert("judge.lane", row, or_nothing=True))


@twin("judge")
def lane_row(session: Session, args: Any) -> Answer:
    row = session.get("judge.lane", tuple(args))
    return [(row["raw_offset"], row["sequence"], row["chain"])] if row else []


@twin("judge")
def lock_lanes(session: Session, args: Any) -> Answer:
    found = []
    for lane in sorted(args[1]):
        session.lock("judge.lane", (args[0], lane))
        if row := session.get("judge.lane", (args[0], lane)):
            found.append((lane, row["raw_offset"], row["sequence"], row["chain"]))
    return found


@twin("judge")
def move_raw(session: Session, args: Any) -> Answer:
    to, stem, lane, expected = args
    session.lock("judge.lane", (stem, lane))
    row = session.get("judge.lane", (stem, lane))
    if row is None or row["raw_offset"] != expected:
        return 0
    return change(session, "judge.lane", (stem, lane), raw_offset=to)


@twin("judge")
def move_sequence(session: Session, args: Any) -> Answer:
    return change(session, "judge.lane", tuple(args[2:]), sequence=args[0], chain=args[1])


@twin("judge")
def heads(session: Session, args: Any) -> Answer:
    found = [session.get("population.head", (args[0], key)) for key in texts(args[1])]
    return [(r["key"], r["marker"], r["content"], r["contract"]) for r in found if r]


@twin("judge")
def quarantined(session: Session, args: Any) -> Answer:
    stem, keys, ids = args[0], set(texts(args[1])), args[2]
    return [
        (r["key"], r["id"], r["marker"], r["content"], r["contract"])
        for _, r in sorted(session.scan("quarantine.version"))
        if r["stem"] == stem and r["key"] in keys and r["state"] == "quarantined" and r["id"] not in ids
    ]


@twin("judge")
def identities(session: Session, args: Any) -> Answer:
    session.saw_people = len(session.database.commits)
    people = set(texts(args[0]))
    return [
        (*place, r["name_folded"], r["birth_day"], r["present"])
        for place, r in sorted(session.scan("population.identity"))
        if place[0] in people
    ]


@twin("judge")
def claims(session: Session, args: Any) -> Answer:
    stem, name, values = args
    if not session.claimed:
        session.saw_claims = len(session.database.commits)
    rows = [session.get("population.claim", (stem, name, value)) for value in texts(values)]
    return [(r["field"], r["value"], r["key"]) for r in rows if r]


@twin("judge")
def claim(session: Session, args: Any) -> Answer:
    done = 0
    stem, name, values, keys = args
    for value, key in zip(texts(values), texts(keys), strict=True):
        row = {"stem": stem, "field": name, "value": value, "key": key}
        done += session.insert("population.claim", row, or_nothing=True)
        session.claimed.setdefault(value, len(session.database.commits))
    return done


@twin("judge")
def release_claims(session: Session, args: Any) -> Answer:
    now = dict(zip(args["keys"], args["values"], strict=True))
    gone = [
        place
        for place, r in session.scan("population.claim")
        if place[:2] == (args["stem"], args["field"]) and r["key"] in now and now[r["key"]] != r["value"]
    ]
    for place in sorted(gone):
        session.delete("population.claim", place)
    return len(gone)


@twin(text="copy ledger.history")
def append_history(session: Session, rows: Any) -> Answer:
    for row in rows:
        session.insert("ledger.history", row)
    return len(rows)


@twin(text="copy population.head")
def insert_heads(session: Session, rows: Any) -> Answer:
    for row in rows:
        session.insert("population.head", row)
    return len(rows)


@twin("judge")
def stage_heads(session: Session, args: Any) -> Answer:
    return 0


@twin(text="copy head_new")
def fill_heads(session: Session, rows: Any) -> Answer:
    session.head_new = rows
    return len(rows)


@twin("judge")
def upsert_heads(session: Session, args: Any) -> Answer:
    for row in sorted(session.head_new, key=lambda r: str(r["key"])):
        place = (row["stem"], row["key"])
        session.lock("population.head", place)
        old = session.get("population.head", place)
        if old is None or old["marker"] < row["marker"]:
            session.put("population.head", row)
    return len(session.head_new)


@twin(text="copy quarantine.version")
def set_aside(session: Session, rows: Any) -> Answer:
    taken = {(r["stem"], r["lane"], r["raw_offset"], r["row"]) for _, r in session.scan("quarantine.version")}
    for row in rows:
        if (row["stem"], row["lane"], row["raw_offset"], row["row"]) in taken:
            raise pg.UniqueViolation("duplicate place in quarantine.version")
        waits = row["waits_for"]
        kept = {
            "id": session.database.number("quarantine.version"),
            "failures": orjson.loads(row["failures"]),
            "waits_for": None if waits is None else texts(waits),
        }
        session.insert("quarantine.version", row | kept)
    return len(rows)


@twin("judge")
def supersede(session: Session, args: Any) -> Answer:
    return sum(_if_waiting(session, number, state="superseded", last_judged_at=args[0]) for number in args[1])


def _if_waiting(session: Session, number: int, **values: Any) -> int:
    session.lock("quarantine.version", (number,))
    row = session.get("quarantine.version", (number,))
    if row is None or row["state"] != "quarantined":
        return 0
    return change(session, "quarantine.version", (number,), **values)


@twin("judge")
def replayed(session: Session, rows: Any) -> Answer:
    done = 0
    for number, state, at, waits_for, until, gate, failures in rows:
        session.replayed.append(number)
        session.lock("quarantine.version", (number,))
        row = session.get("quarantine.version", (number,))
        if row is None:
            continue
        new = [f for f in orjson.loads(failures) if f not in row["failures"]]
        done += _if_waiting(
            session, number, state=state, last_judged_at=at, waits_for=waits_for, waits_until=until,
            gate=min(gate or row["gate"], row["gate"], key=GATES.index), failures=row["failures"] + new,
        )  # fmt: skip
    return done


@twin(text="copy judge.passed_over")
def pass_over(session: Session, rows: Any) -> Answer:
    for row in rows:
        session.insert("judge.passed_over", row)
    return len(rows)


@twin(text="copy judge.reconciliation")
def reconcile(session: Session, rows: Any) -> Answer:
    for row in rows:
        if row["read"] != row["shared"] + row["quarantined"] + row["duplicate"] + row["superseded"]:
            raise pg.CheckViolation("the sums do not add up")
        session.insert("judge.reconciliation", row)
    return len(rows)


@twin("judge")
def waiting(session: Session, args: Any) -> Answer:
    stem, after, most = args
    people = session.scan("population.identity")

    def arrived(row: Row) -> bool:
        return all(
            any(p[0] == w and r["present"] and r["exchanged_at"] <= row["waits_until"] for p, r in people)
            for w in row["waits_for"]
        )

    return [
        version_row(r) for (number,), r in sorted(session.scan("quarantine.version"))
        if number > after and r["stem"] == stem and r["state"] == "quarantined" and r["waits_for"] is not None and arrived(r)
    ][:most]  # fmt: skip


def version_row(r: Row) -> tuple[Any, ...]:
    """Give a quarantined version in the shape that is mapped again."""
    return (r["id"], r["key"], r["marker"], r["content"], r["event_id"], r["contract"], r["lane"], r["raw_offset"],
            r["row"], r["batch"], us(r["exchanged_at"]), r["raw"])  # fmt: skip


def texts(array: str | list[str]) -> list[str]:
    """Read an array of texts, given as a list or as PostgreSQL writes it."""
    if isinstance(array, list):
        return array
    return [re.sub(r"\\(.)", r"\1", element) for element in _ELEMENT.findall(array)]


# replay


def _chosen(session: Session, args: Any) -> list[Row]:
    plain = ("agency", "gate", "code", "field", "since_s", "older_s")
    assert all(args[name] is None for name in plain), "no twin for such a selection"
    return [
        r for (number,), r in sorted(session.scan("quarantine.version"))
        if args["stem"] in (None, r["stem"]) and args["state"] in (None, r["state"])
        and (args["ids"] is None or number in args["ids"])
    ]  # fmt: skip


def replay_bounds(session: Session, args: Any) -> Answer:
    found = _chosen(session, args)
    return [(len(found), max((r["id"] for r in found), default=0))]


def replay_rows(session: Session, args: Any) -> Answer:
    found = [r for r in _chosen(session, args) if args["after"] < r["id"] <= args["upto"]]
    return [version_row(r) for r in found[: args["limit"]]]


for _handler in (replay_bounds, replay_rows):
    HANDLERS[statement(_handler.__name__)] = _handler


@twin("quarantine")
def overrides(session: Session, args: Any) -> Answer:
    return [
        (r["version"], r["fields"])
        for _, r in sorted(session.scan("quarantine.repair"))
        if r["version"] in args[0]
    ]


@twin("quarantine")
def open_runs(session: Session, args: Any) -> Answer:
    return [
        (r["run"], r["last_id"], r["upto_id"], r["total"]) for _, r in sorted(session.scan("quarantine.replay_run"))
        if (r["stem"], r["selection"], r["finished"]) == (args[0], args[1], False)
    ]  # fmt: skip


COUNTS = ("shared", "superseded", "duplicate", "quarantined", "unreadable")


@twin("quarantine")
def start_run(session: Session, args: Any) -> Answer:
    number = session.database.number("quarantine.replay_run")
    row = {"run": number, "stem": args[0], "selection": args[1], "last_id": 0, "upto_id": args[3], "total": args[4],
           "finished": False, **dict.fromkeys(COUNTS, 0)}  # fmt: skip
    session.insert("quarantine.replay_run", row)
    return [(number,)]


@twin("quarantine")
def still_open(session: Session, args: Any) -> Answer:
    found = []
    for number in sorted(args[0]):
        session.lock("quarantine.version", (number,))
        row = session.get("quarantine.version", (number,))
        if row and row["state"] == "quarantined":
            found.append((number,))
    return found


@twin("quarantine")
def move_run(session: Session, args: Any) -> Answer:
    session.lock("quarantine.replay_run", (args["run"],))
    row = session.get("quarantine.replay_run", (args["run"],))
    assert row
    counts = {name: row[name] + args[name] for name in COUNTS}
    last_id = max(row["last_id"], args["last_id"])
    return change(session, "quarantine.replay_run", (args["run"],), last_id=last_id, **counts)


@twin("quarantine")
def finish_run(session: Session, args: Any) -> Answer:
    return change(session, "quarantine.replay_run", tuple(args), finished=True)


@twin("quarantine")
def run_counts(session: Session, args: Any) -> Answer:
    row = session.get("quarantine.replay_run", tuple(args))
    return [(*(row[name] for name in COUNTS), row["total"])] if row else []


# share


@twin("share")
def lane_end(session: Session, args: Any) -> Answer:
    row = session.get("judge.lane", tuple(args))
    return [(row["sequence"],)] if row else []


@twin("share")
def make_ledger_lane(session: Session, args: Any) -> Answer:
    row = {
        "recipient": args[0],
        "stem": args[1],
        "lane": args[2],
        "sequence": 0,
        "transactions": 0,
        "chain": b"",
    }
    return int(session.insert("ledger.lane", row, or_nothing=True))


@twin("share")
def ledger_lane(session: Session, args: Any) -> Answer:
    row = session.get("ledger.lane", tuple(args))
    return [(row["sequence"], row["transactions"], row["chain"])] if row else []


@twin("share")
def lock_ledger_lane(session: Session, args: Any) -> Answer:
    session.lock("ledger.lane", tuple(args))
    return ledger_lane(session, args)


@twin("share")
def move_ledger_lane(session: Session, args: Any) -> Answer:
    sequence, transactions, chain, *place = args
    return change(
        session, "ledger.lane", tuple(place), sequence=sequence, transactions=transactions, chain=chain
    )


def _lane_history(session: Session, stem: str, lane: int) -> list[Row]:
    rows = [r for _, r in session.scan("ledger.history") if (r["stem"], r["lane"]) == (stem, lane)]
    return sorted(rows, key=lambda r: int(r["sequence"]))


@twin("share")
def digest_at(session: Session, args: Any) -> Answer:
    return [(r["digest"],) for r in _lane_history(session, args[0], args[1]) if r["sequence"] == args[2]]


@twin("share")
def history(session: Session, args: Any) -> Answer:
    stem, lane, after, upto = args
    return [
        (r["sequence"], r["event_id"], r["key"], r["marker"], r["operation"], r["payload"], r["contract"],
         us(r["exchanged_at"]), us(r["recorded_at"]), r["digest"])
        for r in _lane_history(session, stem, lane) if after < r["sequence"] <= upto
    ]  # fmt: skip


@twin(text="copy ledger.transaction")
def append_transactions(session: Session, rows: Any) -> Answer:
    for row in rows:
        session.insert("ledger.transaction", row)
    return len(rows)


# extract


@twin("extract")
def position(session: Session, args: Any) -> Answer:
    row = session.get("extract.position", tuple(args))
    return [(row["marker"], row["exchanged_at"], row["columns"])] if row else []


@twin("extract")
def ticks(session: Session, args: Any) -> Answer:
    return sorted(place for place, _ in session.scan("extract.tick"))


@twin("extract")
def sent_rows(session: Session, args: Any) -> Answer:
    return [(digest,) for (stem, digest), _ in session.scan("extract.sent_row") if stem == args[0]]


@twin("extract")
def files_taken(session: Session, args: Any) -> Answer:
    return [(digest,) for (stem, digest), _ in session.scan("extract.file") if stem == args[0]]


@twin("extract")
def open_batch(session: Session, args: Any) -> Answer:
    number = session.database.number("extract.batch")
    stem, run, contract, stamp, rows = args
    row = {"batch": number, "stem": stem, "run": run, "contract": contract, "exchanged_at": stamp, "rows": rows, "state": "open"}  # fmt: skip
    session.insert("extract.batch", row)
    return [(number,)]


@twin("extract")
def sent_batch(session: Session, args: Any) -> Answer:
    return change(session, "extract.batch", tuple(args), state="sent")


@twin("extract")
def move_position(session: Session, args: Any) -> Answer:
    row = {"stem": args["stem"], "marker": args["marker"], "exchanged_at": args["stamp"], "columns": args["columns"]}  # fmt: skip
    session.lock("extract.position", (args["stem"],))
    session.put("extract.position", row)
    return 1


@twin("extract")
def keep_sent_rows(session: Session, rows: Any) -> Answer:
    return sum(
        session.insert("extract.sent_row", {"stem": s, "digest": d, "marker": m}, or_nothing=True)
        for s, d, m in rows
    )


@twin("extract")
def forget_sent_rows(session: Session, args: Any) -> Answer:
    stem, oldest = args
    gone = [
        p
        for p, r in session.scan("extract.sent_row")
        if p[0] == stem and r["marker"] is not None and r["marker"] < oldest
    ]
    for place in gone:
        session.delete("extract.sent_row", place)
    return len(gone)


@twin("extract")
def take_file(session: Session, args: Any) -> Answer:
    row = dict(zip(("stem", "digest", "name", "rows"), args, strict=True))
    return int(session.insert("extract.file", row, or_nothing=True))


@twin("extract")
def hold(session: Session, args: Any) -> Answer:
    row = {"stem": args[0], "code": args[1], "subject": args[2], "released": False}
    session.lock("extract.hold", tuple(args[:3]))
    session.put("extract.hold", row)
    return 1


@twin("extract")
def release(session: Session, args: Any) -> Answer:
    found = [
        p for p, r in session.scan("extract.hold") if (p[0], p[2], r["released"]) == (args[0], args[1], False)
    ]
    return sum(change(session, "extract.hold", place, released=True) for place in found)
