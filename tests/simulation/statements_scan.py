"""Twins of the statements of a source without a change marker."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from .database import TABLES, Answer, Session
from .statements import change, texts, twin

TABLES["extract.scan"] = lambda r: (r["stem"], r["scan"])
TABLES["extract.scan_row"] = lambda r: (r["stem"], r["key"])


class Temporary:
    """The temporary tables of one session."""

    def __init__(self) -> None:
        self.seen = set[str]()
        self.chunk: list[tuple[int, str, bytes]] = []
        self.gone: dict[str, str | None] = {}


_of_session: WeakKeyDictionary[Session, Temporary] = WeakKeyDictionary()


def _temporary(session: Session) -> Temporary:
    return _of_session[session]


@twin("scan")
def tear(session: Session, args: Any) -> Answer:
    found = [p for p, r in session.scan("extract.scan") if p[0] == args[0] and r["state"] == "open"]
    return sum(change(session, "extract.scan", place, state="torn") for place in found)


@twin("scan")
def claim(session: Session, args: Any) -> Answer:
    number = max((p[1] for p, _ in session.scan("extract.scan") if p[0] == args["stem"]), default=0) + 1
    row = {"stem": args["stem"], "scan": number, "state": "open", "gone": 0}
    return [(number,)] if session.insert("extract.scan", row, or_nothing=True) else []


@twin("scan")
def lock_scan(session: Session, args: Any) -> Answer:
    session.lock("extract.scan", tuple(args))
    row = session.get("extract.scan", tuple(args))
    return [(row["state"],)] if row else []


@twin("scan")
def make_seen(session: Session, args: Any) -> Answer:
    _of_session[session] = Temporary()
    return 0


@twin("scan")
def forget_chunk(session: Session, args: Any) -> Answer:
    _temporary(session).chunk = []
    return 0


@twin(text="copy scan_chunk")
def copy_chunk(session: Session, rows: Any) -> Answer:
    _temporary(session).chunk = [(r["at"], r["key"], r["digest"]) for r in rows]
    return len(rows)


@twin("scan")
def see_chunk(session: Session, args: Any) -> Answer:
    temporary = _temporary(session)
    temporary.seen |= {key for _, key, _ in temporary.chunk}
    return len(temporary.chunk)


@twin("scan")
def unknown(session: Session, args: Any) -> Answer:
    def known(key: str) -> bytes | None:
        row = session.get("extract.scan_row", (args[0], key))
        return row["digest"] if row else None

    return [(at,) for at, key, digest in _temporary(session).chunk if known(key) != digest]


@twin("scan")
def name_rows(session: Session, rows: Any) -> Answer:
    for row in rows:
        session.put(
            "extract.scan_row", dict(zip(("stem", "key", "digest", "scan", "as_sent"), row, strict=True))
        )
    return len(rows)


@twin("scan")
def keep_rows(session: Session, args: Any) -> Answer:
    kept = 0
    for _, key, digest in _temporary(session).chunk:
        place = (args["stem"], key)
        row = session.get("extract.scan_row", place)
        if row and (row["scan"], row["digest"]) == (args["scan"], b""):
            kept += change(session, "extract.scan_row", place, digest=digest)
    return kept


@twin("scan")
def analyze_seen(session: Session, args: Any) -> Answer:
    return 0


@twin("scan")
def find_gone(session: Session, args: Any) -> Answer:
    temporary = _temporary(session)
    temporary.gone = {
        key: row["as_sent"] for (stem, key), row in session.scan("extract.scan_row")
        if stem == args[0] and key not in temporary.seen
    }  # fmt: skip
    return len(temporary.gone)


@twin("scan")
def count_gone(session: Session, args: Any) -> Answer:
    known = [p for p, _ in session.scan("extract.scan_row") if p[0] == args[0]]
    return [(len(_temporary(session).gone), len(known))]


@twin("scan")
def gone_after(session: Session, args: Any) -> Answer:
    after, most = args
    return sorted((k, told) for k, told in _temporary(session).gone.items() if k > after)[:most]


@twin("scan")
def name_gone(session: Session, args: Any) -> Answer:
    places = [
        (args["stem"], key)
        for key in texts(args["keys"])
        if session.get("extract.scan_row", (args["stem"], key))
    ]
    return sum(change(session, "extract.scan_row", p, digest=b"", scan=args["scan"]) for p in places)


@twin("scan")
def forget_gone(session: Session, args: Any) -> Answer:
    gone = 0
    for key in texts(args["keys"]):
        row = session.get("extract.scan_row", (args["stem"], key))
        if row and (row["scan"], row["digest"]) == (args["scan"], b""):
            session.delete("extract.scan_row", (args["stem"], key))
            gone += 1
    return gone


@twin("scan")
def let_go(session: Session, args: Any) -> Answer:
    return [(0,)]  # nobody releases anything here


@twin("scan")
def end_scan(session: Session, args: Any) -> Answer:
    return change(
        session, "extract.scan", (args["stem"], args["scan"]), state=args["state"], gone=args["gone"]
    )


@twin("scan")
def newest_file(session: Session, args: Any) -> Answer:
    found = [row for (stem, *_), row in session.scan("extract.file") if stem == args[0] and row["scan"]]
    return [(max(found, key=lambda row: row["scan"])["name"],)] if found else []


@twin("extract")
def pass_position(session: Session, args: Any) -> Answer:
    if session.get("extract.position", (args["stem"],)) is None:
        return 0
    return change(session, "extract.position", (args["stem"],), marker=args["marker"])
