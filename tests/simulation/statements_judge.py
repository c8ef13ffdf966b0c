"""Twins of judge's statements."""

from __future__ import annotations

from typing import Any

import orjson
from psycopg2 import errors as pg

from pophub.domain.codes import GATES

from .database import TABLES, Answer, Row, Session
from .statements import change, texts, twin, version_row


@twin("judge")
def number_dataset(session: Session, args: Any) -> Answer:
    stem, identity = args
    if session.get("hub.dataset", (stem,)) is None:
        number = session.database.number("hub.dataset")
        session.insert("hub.dataset", {"stem": stem, "number": number, "identity": identity}, or_nothing=True)
    row = session.get("hub.dataset", (stem,))
    return [(row["number"], row["identity"])] if row else []


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
    found = [session.get("population.key_head", (args[0], key)) for key in texts(args[1])]
    return [
        (r["key"], r["marker"], r["content"], r["contract"], r.get("seen"), r["held"]) for r in found if r
    ]


@twin("judge")
def renew(session: Session, rows: Any) -> Answer:
    for dataset, key, marker in rows:
        session.lock("population.key_head", (dataset, key))
        old = session.get("population.key_head", (dataset, key))
        if old and marker > max(old["marker"], old.get("seen") or 0):
            change(session, "population.key_head", (dataset, key), seen=marker)
    return len(rows)


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
        (*place, r["full_name"], r["birth_day"], r["present"])
        for place, r in sorted(session.scan("population.identity"))
        if place[0] in people
    ]


@twin("judge")
def referred(session: Session, args: Any) -> Answer:
    session.saw_people = len(session.database.commits)
    dataset = session.get("hub.dataset", (args[0],))
    found = [session.get("population.key_head", (dataset["number"], k)) for k in texts(args[1]) if dataset]
    return [(r["key"], r["gone"]) for r in found if r]


@twin("judge")
def claims(session: Session, args: Any) -> Answer:
    dataset, place, values = args
    if session.claimed:  # asked again, for one of these was taken meanwhile
        session.claimed |= dict.fromkeys(texts(values), len(session.database.commits))
    else:
        session.saw_claims = len(session.database.commits)
    rows = [session.get("population.claim", (dataset, place, value)) for value in texts(values)]
    return [(r["field"], r["value"], r["key"]) for r in rows if r]


@twin("judge")
def give_up(session: Session, args: Any) -> Answer:
    places = [(args[0], args[1], value) for value in texts(args[2])]
    gone = [place for place in places if session.get("population.claim", place)]
    for place in gone:
        session.delete("population.claim", place)
    return len(gone)


@twin(text="copy population.claim")
def insert_claims(session: Session, rows: Any) -> Answer:
    for row in rows:
        session.claimed[row["value"]] = len(session.database.commits)
        session.insert("population.claim", row)
        session.claimed[row["value"]] = len(session.database.commits)  # later, where it waited
    return len(rows)


@twin(text="copy ledger.history")
def append_history(session: Session, rows: Any) -> Answer:
    for row in rows:
        session.insert("ledger.history", row)
    return len(rows)


@twin("look_up")
def share_look_up(session: Session, args: Any) -> Answer:
    return []  # nobody begins or ends to look up in a life


@twin("look_up")
def finders(session: Session, args: Any) -> Answer:
    row = session.get("hub.looked_up", tuple(args))
    return [] if row is None else [(row["finders"],)]


@twin("look_up")
def stage_looked_up(session: Session, args: Any) -> Answer:
    return 0


@twin(text="copy looked_up_new")
def fill_looked_up(session: Session, rows: Any) -> Answer:
    session.looked_up_new = rows
    return len(rows)


@twin("look_up")
def keep_looked_up(session: Session, args: Any) -> Answer:
    for row in session.looked_up_new:
        put_newer(session, "population.looked_up", row)
    return len(session.looked_up_new)


def put_newer(session: Session, table: str, row: Row) -> None:
    """Put a row where none of its key stands, or one of an older marker; what was known first stays known since then."""
    place = TABLES[table](row)
    session.lock(table, place)
    old = session.get(table, place)
    if old is None:
        session.put(table, row)
    elif old["marker"] < row["marker"]:
        first = {"known_at": min(old["known_at"], row["known_at"])} if "known_at" in row else {}
        session.put(table, row | first)


@twin(text="copy population.key_head")
def insert_heads(session: Session, rows: Any) -> Answer:
    for row in rows:
        session.insert("population.key_head", row)
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
        put_newer(session, "population.key_head", row)
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
    numbers = {place[0]: r["number"] for place, r in session.scan("hub.dataset")}
    heads = {(r["dataset"], r["key"]): r["known_at"] for _, r in session.scan("population.key_head")}

    def there(told: str, until: Any) -> bool:
        where, key = told.split(" ", 1)
        if where == "people":
            return any(p[0] == key and r["present"] and r["exchanged_at"] <= until for p, r in people)
        known_at = heads.get((numbers.get(where), key))
        return known_at is not None and known_at <= until

    def arrived(row: Row) -> bool:
        return all(there(told, row["waits_until"]) for told in row["waits_for"])

    return [
        version_row(r) for (number,), r in sorted(session.scan("quarantine.version"))
        if number > after and r["stem"] == stem and r["state"] == "quarantined" and r["waits_for"] is not None and arrived(r)
    ][:most]  # fmt: skip
