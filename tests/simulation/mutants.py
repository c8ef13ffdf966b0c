"""Planted bugs: each replaces a piece of text in a real function, which must still be there."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import FunctionType
from typing import Any

from .scheduler import Mood


@dataclass(frozen=True)
class Edit:
    """One replacement in one function, `module:qualified.name`."""

    function: str
    old: str
    new: str

    def target(self) -> FunctionType:
        """Find the function under decorators and properties."""
        module, _, path = self.function.partition(":")
        found: Any = import_module(f"pophub.{module}")
        for name in path.split("."):
            found = inspect.getattr_static(found, name) if inspect.isclass(found) else getattr(found, name)
        found = inspect.unwrap(getattr(found, "__func__", found))
        assert isinstance(found, FunctionType)
        return found

    def code(self) -> Any:
        """Compile the function with the replacement."""
        target = self.target()
        source = textwrap.dedent(inspect.getsource(target))
        assert source.count(self.old) == 1, f"{self.function} no longer holds once: {self.old}"
        source = source.replace(self.old, self.new)
        body = source[source.index("def ") :]
        inside = f"class Mutated:\n{textwrap.indent(body, '    ')}" if "super()" in body else body
        flags = target.__code__.co_flags & 0x1000000  # from __future__ import annotations
        whole = compile(inside, self.function, "exec", flags=flags, dont_inherit=True)
        return _find(whole, target.__name__)


def _find(code: Any, name: str) -> Any:
    for constant in code.co_consts:
        if inspect.iscode(constant):
            if constant.co_name == name:
                return constant
            if (found := _find(constant, name)) is not None:
                return found
    return None


@dataclass(frozen=True)
class Mutant:
    """A planted bug; `mood` and `source` are such in which it shows soon, None for whatever the seeds draw."""

    name: str
    edits: tuple[Edit, ...]
    mood: Mood | None = None
    source: str | None = None

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Plant it for a while."""
        before = [(edit.target(), edit.target().__code__) for edit in self.edits]
        for edit in self.edits:
            edit.target().__code__ = edit.code()
        try:
            yield
        finally:
            for function, code in before:
                function.__code__ = code


def _mutant(name: str, *parts: str, mood: Mood | None = None, source: str | None = None) -> Mutant:
    edits = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return Mutant(name, tuple(Edit(*each) for each in edits), mood, source)


CROWD = Mood(leave=0.15, locks_lie=True)
PATIENT_CROWD = Mood(leave=0.05, locks_lie=True)
HASTY_CROWD = Mood(leave=0.3, locks_lie=True)
LOST_ANSWERS = Mood(leave=0.05, lose=0.5)
SLOT_SOURCE = Mood(leave=0.05, kill=0.01, fail=0.01, logged=True)
REJUDGED = Mood(leave=0.3, rejudges=3)
LOSSY = Mood(leave=0.05, loses=True)
SLOT_CROWD = Mood(leave=0.3, cut=0.002, locks_lie=True, logged=True)


DECIDE, HOLDERS, JUDGE = "domain.decide:decide", "domain.decide:_Holders", "stages.judge:Judge"
SUBSCRIBED, LOGGED = "sharing.subscription:Subscription.outgoing", "sharing.hub_log:HubLog.outgoing"
KEPT, TIMES = "stores.history:History._kept", '("exchanged_at", "recorded_at")'
SHARE, LEDGER = "stages.share:share", "stores.share:LedgerStore.complete"
CUT = "domain.stretches:cut"
EXTRACT, POSITION = "stages.extract:Extract", "stores.extract:ExtractStore.moved"
SEND = "self._send(rows, done)\n            self.store.moved(rows, position, window, columns)"
SCAN = "stages.scan:Scan"
FOLLOW, LOGS = "stages.replicate:Replicate", "stores.slot:SlotStore"
TOPICS = "stages.follow:Follow"
SEND_BATCH = "self._send(batch, self.done)\n        sent += len(batch)"
MOVE_FIRST = "sent += len(batch)\n        self._places.skipped(part.partition, part.upto)\n        self._send(batch, self.done)"
PLACE = "part.offsets[sent] if sent < len(rows) else part.upto"
MOVE_PLACE = "self._move(cursor, *self._behind)"
READ = """for chunk in whole_keys(self.fetched(source, None), self._key_columns):
            rows += self._take(scan, chunk, columns)
"""
TORN = READ.replace("columns)\n", "columns)\n            break\n")
INVENTORY = "rows += self._take(scan, chunk, header)\n"
WHOLE = """self._take_gone(scan, rows, done.rows - sent, header)
    self.store.taken(name, digest, rows)"""
TAKEN = "\n    ".join(line.strip() for line in reversed(WHOLE.split("\n")))
NAME = "self._scans.named({keys[i]: None if rows.keys[i] is None else packed(told[i]) for i in unknown})"
SEND_SCAN = "\n        self._send_all(rows.take(unknown), header)"
LOCK = """lanes = decision.lock(self._lanes(versions, origin))
        if isinstance(origin, Stretch):
            decision.move_raw(*origin)
        accepted = decision.accepted(versions)
"""
LATE_LOCK = """accepted = decision.accepted(versions)
        lanes = decision.lock(self._lanes(versions, origin))
        if isinstance(origin, Stretch):
            decision.move_raw(*origin)
"""
PUBLISH = "publisher.publish(messages, position)\n"
PUBLISH_TWICE = """try:
            publisher.publish(messages, position)
        except Exception:
            publisher.publish(messages, position)
"""
COMPLETE = "shared.transactions += sharable.complete(store, lane, position.sequence)\n    while"

# fmt: off
MUTANTS = (
    # who decides
    _mutant("the raw offset is set without comparing", "stores.judge:JudgeTransaction.move_raw", "self._cursor.rowcount != 1", "False"),
    _mutant("accepted state is read before the lane is locked", f"{JUDGE}._commit", LOCK, LATE_LOCK, mood=REJUDGED),
    _mutant("the raw offset stays behind after a stretch", f"{JUDGE}.lane", "at.raw_offset = upto", "pass"),
    _mutant("the lane row does not move with history", "stages.write:write", "decision.move_lane(lanes[touched])", "pass"),
    # verdicts
    _mutant("an equal marker is superseded", DECIDE, "marker < head.newest", "marker <= head.newest"),
    _mutant("an older version overwrites", DECIDE, "marker < head.newest", "False"),
    _mutant("the head's own version is no duplicate", DECIDE, "and marker == head.newest", "and False"),
    _mutant("every content has the same name", "stages.read_block:_encoded", 'digests.content_digests(b"u", records)', '[b""] * len(rows)'),
    _mutant("a touched row is shared again", DECIDE, "head is not None and (content, contract) == (head.content, head.contract)", "False"),
    _mutant("the marker of a touched row guards nothing", "stages.write:write", "decision.renew(verdicts.seen)", "pass"),
    _mutant("what waits in quarantine is no duplicate", "domain.decide:_waits", "return any(", "return False and any("),
    _mutant("a head of the same stretch is not seen", DECIDE, "moved.get(key) or heads.get(key)", "heads.get(key)"),
    _mutant("an older version waits on behind a newer head", DECIDE, "superseded += [", "superseded += [] and ["),
    _mutant("an older version of the stretch waits on", DECIDE, 'present[earlier[3]] = "superseded"', "pass"),
    _mutant("another content under one marker is accepted", "stages.hub_columns:contradictions", "if own != rival", "if False"),
    _mutant("a deleted person is known", "stages.hub_columns:identity_at", "valid if valid[3] else None", "valid"),
    _mutant("the validator fails open", f"{JUDGE}.apply_rules", "found = self.rules.judge(frame) if chosen else []",
            "found = []\n    try:\n        found = self.rules.judge(frame) if chosen else []\n    except Exception:\n        pass"),
    _mutant("a delete is written as a change", "stages.write:_history", '"d" if gone else "u"', '"u"'),
    _mutant("history forgets when a version was changed", "stages.write:_history", "pick(versions.changes)", "[None] * len(rows)", source="log"),
    _mutant("the chain does not know when a version was changed", "domain.digests:history_link", "changed_us is not None", "False", source="log"),
    _mutant("the log tells the marker for the time of a change", "avro.history_blocks:encode_history", "row.since for row in rows", "row.marker for row in rows", source="log"),
    _mutant("the head is the first of a stretch", "stages.write:_heads", 'in enumerate(history["key"])', 'in reversed(list(enumerate(history["key"])))'),
    # unique values
    _mutant("a taken number is not noticed", f"{HOLDERS}.rivals", "if value is not None and", "if False and"),
    _mutant("a number given up stays taken", f"{HOLDERS}.take", "self._now[name, old] = None", "pass"),
    _mutant("a number given up in the stretch stays taken for it", "stages.hub_columns:_holders_of", "if not any(holders):", "if True:"),
    _mutant("a number that another lane took meanwhile is written over", "stores.judge:JudgeTransaction.move_claims", "return others", "break", mood=HASTY_CROWD),
    _mutant("a head does not tell what its key took", "stores.judge:JudgeTransaction._hold", "self._held.setdefault(key, {})[name] = value", "pass"),
    _mutant("a head tells what its key gave up", "stores.judge:JudgeTransaction._hold", "if given_up:", "if False:"),
    _mutant("a head forgets what its key holds already", "stores.judge:JudgeTransaction._heads_of", "if held is not None", "if False"),
    _mutant("a version that failed holds its number", DECIDE, "taken += found", "taken += found; holders.take(row, key)"),
    # quarantine and replay
    _mutant("whatever failed waits for people", "stages.write:_waits", "or blamed - {(one.code, one.name) for one in missing}", ""),
    _mutant("what a record refers to is waited for among people", "stages.write:_waits", 'f"{one.to} ', 'f"people '),
    _mutant("a row that is gone is known", "stages.hub_columns:_known", "or moment < since", "or True"),
    _mutant("a row that is gone was never there", "stages.hub_columns:_known", "or moment < since", "or False"),
    _mutant("who looks a dataset up does not find what was accepted", "stores.judge:JudgeTransaction.append_history", "if found is not None:", "if False:"),
    _mutant("who looks for a value does not find what says it", "stores.look_up:_names", "if names else None", "if False else None"),
    _mutant("of two versions of one moment the first is looked up", "stores.look_up:keep_looked_up", "in enumerate(zip(history[\"key\"], since, strict=True))", "in reversed(list(enumerate(zip(history[\"key\"], since, strict=True))))"),
    _mutant("what is looked up is valid since its exchange", "stores.look_up:_changes", "if changed is None else changed", "if True else changed"),
    _mutant("a head does not tell that its record is gone", "stages.write:_gone", "if not any(versions.deleted)", "if True"),
    _mutant("nobody looks after those who wait", "wiring:Hub.judge", "stage.waiting(judged)", "pass"),
    _mutant("a replay takes what another one decided", "stores.replay:ReplayTransaction.lock", "raise Moved", "pass", mood=PATIENT_CROWD),
    _mutant("a replay forgets the repairs", "stages.remap:remapped", "apply_repairs(versions, repairs(versions.ids or []))", "[]"),
    _mutant("a repaired record leaves as it was sent", "stages.remap:remapped", "versions.payloads[place] = payload", "pass"),
    _mutant("a stub is taken for a whole record when judged again", "stages.read_block:raw_bytes", "if name != STUB_COLUMN or values[row] is not None", "if name != STUB_COLUMN"),
    _mutant("superseded rows are not recorded", "stages.write:write", 'if state in ("duplicate", "superseded")', 'if state == "duplicate"'),
    _mutant("a strange message is passed over in silence", f"{JUDGE}._micro_batches", "add_poison(versions, self.connector, offset, data, bad.code, self._clock(), self.kept)", "pass"),
    # extract
    _mutant("the position moves before the acknowledgement", f"{EXTRACT}.table", SEND,
            "rows.batch = 0\n            self.store.moved(rows, position, window, columns)\n            self._send(rows, done)"),
    _mutant("a file is taken before its rows are sent", f"{EXTRACT}._file", "taken = 0", "taken = 0; self.store.taken(name, digest, taken)"),
    _mutant("a taken file is not remembered", f"{EXTRACT}._file", "self.store.taken(name, digest, taken)", "pass"),
    _mutant("equal markers are read once", f"{EXTRACT}.table", "start.marker - window", "start.marker - window + 1"),
    _mutant("the late window is skipped", f"{EXTRACT}.table", "window = self.connector.file.source.window", "window = 0"),
    _mutant("the late window of a sequence is skipped", f"{EXTRACT}.table", "window = self.connector.file.source.window",
            "window = self.connector.file.source.window * self._is_time"),
    _mutant("fresh markers are not left to settle", f"{EXTRACT}.table", "(m <= start.settled_us or not self._is_time)", "True",
            f"{EXTRACT}._new_rows", "sent is not None and self._is_time", "False"),
    _mutant("the digests of sent rows are forgotten", POSITION, 'execute_values(cursor, SQL["keep_sent_rows"], keep)', "pass"),
    _mutant("the digests of sent rows go too early", POSITION, "(self._stem, oldest))", "(self._stem, oldest + 10**12))"),
    _mutant("a batch is counted twice", f"{EXTRACT}._send", "len(rows))", "2 * len(rows))"),
    _mutant("a batch loses its last row", "stages.batching:Cutter.cut", "len(rows), tick)", "max(1, len(rows) - 1), tick)"),
    # a loss of raw that is taken up
    _mutant("a loss is taken up and nothing is sent again", "stores.loss:LossStore.ended", "if loss.first is not None:", "if False:", mood=LOSSY),
    _mutant("the position is not moved back", "stores.loss:LossStore.ended", 'cursor.execute(SQL["move_back"], told)', "pass", mood=LOSSY),
    _mutant("what was sent before a loss is left out again", "stores.loss:LossStore.ended", "for statement in FORGET:", "for statement in ():", mood=LOSSY),
    _mutant("files that a loss took are not read again", "stores.loss:LossStore.ended", 'cursor.execute(SQL["forget_files"], told)', "pass", mood=LOSSY, source="files"),
    _mutant("a delete that was lost is not told again", "stores.loss:LossStore.ended", 'execute_values(cursor, SQL["know_again"], rows)', "pass", mood=LOSSY, source="scan"),
    _mutant("a lane is not filled", "stages.loss:_refill", "while (end := raw.end(lane)) < judged:", "while (end := judged) < judged:", mood=LOSSY),
    _mutant("a batch keeps no place to go back to", "stores.extract:ExtractStore.moved", 'SQL["take_batch"], (rows.batch,))\n        cursor.execute(\n            SQL["move_position"],\n            {"stem": self._stem, "marker": marker, "stamp": stamp, "columns": list(columns)},\n        )',
            'SQL["move_position"],\n            {"stem": self._stem, "marker": marker, "stamp": stamp, "columns": list(columns)},\n        )\n        cursor.execute(SQL["take_batch"], (rows.batch,))', mood=LOSSY),
    # scans
    _mutant("a place is kept before its batch is sent", f"{TOPICS}._take", SEND_BATCH, MOVE_FIRST),
    _mutant("a place is kept beside the batch's transaction", "stores.places:PlaceStore._moving", MOVE_PLACE, "pass"),
    _mutant("a batch that is cut keeps the place of the whole part", f"{TOPICS}._take", PLACE, "part.upto", source="log"),
    _mutant("a topic is read from its end", "stages.follow:where_to_begin", "dict(ends.first))\n    anew", "dict(ends.end))\n    anew"),
    _mutant("a torn scan deletes", f"{SCAN}.table", READ, TORN),
    _mutant("a scan deletes nothing", f"{SCAN}._take_gone", "self._delete(scan, dict(found), header)", "pass"),
    _mutant("the first of what is gone is left out", f"{SCAN}._take_gone", "dict(found)", "dict(found[1:])"),
    _mutant("a key is named after it was sent", f"{SCAN}._take", NAME + SEND_SCAN, SEND_SCAN.strip() + "\n        " + NAME),
    _mutant("what was sent of a scan is not kept", f"{SCAN}._take", "self._scans.kept()", "pass"),
    _mutant("a named key is forgotten", "stores.scan:ScanStore.named", "NOT_SENT", "b'x'"),
    _mutant("a scan that was overtaken goes on", "stores.scan:ScanStore._open_scan", '!= "open"', "is None", mood=CROWD),
    _mutant("each scan has the number of the last", "stores.scan:ScanStore.claim", "int(claimed[0])", "1"),
    # inventories
    _mutant("a torn inventory deletes", f"{SCAN}._file", INVENTORY, f"{INVENTORY}        break\n", source="inventory"),
    _mutant("an inventory is taken before it is whole", f"{SCAN}._file", WHOLE, TAKEN, source="inventory"),
    _mutant("a late inventory is waited for", f"{SCAN}._file", "name < newest", "name > newest", source="inventory"),
    # a log
    _mutant("the slot is confirmed before the position moves", f"{FOLLOW}._follow", "sent = self._take_stretch(stretch)", "log.confirm((stretch.upto or 0) - followed.base); sent = self._take_stretch(stretch)", mood=SLOT_SOURCE),
    _mutant("the position moves before what it stands for is sent", f"{FOLLOW}._follow", "sent = self._take_stretch(stretch)", "self._slots.took(None, stretch.upto, (), {}); sent = self._take_stretch(stretch)", mood=SLOT_SOURCE),
    _mutant("the position moves within a transaction", "sources.wal_stretches:Stretches._flush_open", "self._stretch(changes, None)", "self._stretch(changes, max(c.marker for c in changes) - self._base)", mood=SLOT_SOURCE),
    _mutant("a key that a log tells of is not named before", f"{LOGS}.about_to", "rows)", "[])", mood=SLOT_SOURCE),
    _mutant("an emptied table deletes nothing", f"{FOLLOW}._take_stretch", "self._delete_unseen(self._emptied, stretch)", "self._slots.took(None, stretch.upto, (), {})", mood=SLOT_SOURCE),
    _mutant("an emptied table deletes what is there again", f"{FOLLOW}._send_changes", "self._slots.seen(keys)", "pass", mood=SLOT_SOURCE),
    _mutant("a changed key leaves the old one", "sources.wal_stretches:Stretches._read", "if row is not None and all(row[name] == value for name, value in gone.items()):", "if row is not None:", mood=SLOT_SOURCE),
    _mutant("a lost slot is not noticed", f"{FOLLOW}._refuse_lost", "why = state.lost", "why = None", mood=SLOT_SOURCE),
    _mutant("another server is not noticed", f"{FOLLOW}._refuse_lost", "followed.origin != state.origin", "False", mood=SLOT_SOURCE),
    _mutant("another server's log begins below the first one's", f"{LOGS}.begun", "else highest + 1 - place", "else known", mood=SLOT_SOURCE),
    _mutant("a torn snapshot is followed", f"{LOGS}.begun", '"snapshot"', '"following"', mood=SLOT_SOURCE),
    _mutant("the position is where the snapshot was asked for", f"{LOGS}.told", "= place", "= None if place else place", mood=SLOT_SOURCE),
    _mutant("who was overtaken by another claim goes on", f"{LOGS}._open_slot", "!= self._claim", "is None", mood=SLOT_CROWD),
    # what a stream's worker keeps for share of what it judged
    _mutant("what judge keeps for share was accepted at another time", "stores.history:History.add", TIMES, f"reversed({TIMES})"),
    _mutant("what judge keeps for share is another's content", "stores.history:History.add", "for name in LAST", 'for name in ("digest", "event_id", "changed_at")'),
    _mutant("what is kept is given from its first version", KEPT, "after + 1 - first :", ":"),
    _mutant("what is kept is given where it ends too early", KEPT, "after >= rows[-1].sequence", "False"),
    _mutant("what is kept is given where it begins too late", KEPT, "after + 1 < rows[0].sequence", "False"),
    # share
    _mutant("a publisher repeats after an indefinite commit", SHARE, PUBLISH, PUBLISH_TWICE, mood=LOST_ANSWERS),
    _mutant("the ledger is completed beyond the position", SHARE, COMPLETE, COMPLETE.replace("position.sequence", "end")),
    _mutant("the ledger is not completed at the start", SHARE, "if behind:", "if False:"),
    _mutant("the position is ahead of what was published", SHARE, "sharable.outgoing(rows)", "sharable.outgoing(rows[:-1])"),
    _mutant("what was not granted is shared", SUBSCRIBED, "self.messages(self.granted(rows))", "self.messages(rows)"),
    _mutant("a block of the log has a row less", LOGGED, "encode_history(block)", "encode_history(block[:-1] or block)"),
    _mutant("a block of the log is written twice", LOGGED, "in _cut(rows)]", "in [*_cut(rows)] * 2]"),
    _mutant("the position moves without a block of the log", LOGGED, "in _cut(rows)]", "in [*_cut(rows)][1:]]"),
    _mutant("a row is lost where blocks of the log are cut", "sharing.hub_log:_cut", "start, size = place, 0", "start, size = place + 1, 0"),
    _mutant("what was not granted is counted", LEDGER, "terms(versions), versions", "list(versions), versions"),
    _mutant("the ledger's lane row counts transactions of its own", LEDGER, "transactions + len(rows)", "transactions + 1"),
    _mutant("a stretch goes over two stamps", CUT, "groupby(rows, _stamp)", "[(rows[0].exchanged_us, rows)] if rows else []"),
    _mutant("a stretch counts what was not granted", CUT, "_between(sequences) if last - first + 1 != granted else ()", "()"),
    _mutant("a stretch counts one more than its versions", CUT, "len(sequences)", "len(sequences) + 1"),
    _mutant("a stretch's link is over fewer events", CUT, "for row in versions])", "for row in versions[1:]])"),
    _mutant("a chain forgets the stretch before", "stores.share:LedgerStore._append", "chain, self._recipient, self._stem, lane, one.first", 'b"", self._recipient, self._stem, lane, one.first'),
    _mutant("a stretch is written beyond the lane row's lock", LEDGER, "self._versions(cursor, lane, sequence, end)", "self._versions(cursor, lane, 0, end)"),
)
# fmt: on
