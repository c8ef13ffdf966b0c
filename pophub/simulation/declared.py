"""Plans the rows of a declared dataset over three years: sound ones, their changes, defects, near misses.

A journal keeps each version, so one run of the hub reads the whole history; its batches still get the
stamps of their months.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from random import Random

from pophub.simulation.catalogue import near_misses, ways
from pophub.simulation.clock import DAY_US, SECOND_US, from_us, moment_us, month_end_us, whole_second
from pophub.simulation.declaration import Cohort, Declaration, LaterChange
from pophub.simulation.model import Cast, Defect, Organisation, Row, Step, Version, count, spoil
from pophub.simulation.values import Filler, Named, ReferredTo

STEP: Step = "2024"  # history comes in one run
YEARS = (2023, 2024)
UNKNOWN_PLACE = 0  # the marker of what is read by PostgreSQL's log, which nobody knows beforehand
BLOCK = 1000  # numbers set aside for one round of today
EARLIER_US = 1800 * SECOND_US


class DeclaredPlan:
    """Plans one declared dataset; the figures that its rows make do not follow seed and scale."""

    def __init__(
        self, declaration: Declaration, seed: str, scale: float, cast: Cast, others: Mapping[str, ReferredTo]
    ) -> None:
        self.declaration, self.scale = declaration, scale
        self.stem = declaration.stem
        self.rng = Random(f"{seed}:{self.stem}")
        self.fill = Filler(declaration, cast, self.rng, others)
        self.versions: list[Version] = []
        self._known: dict[str, list[tuple[int, Row | None]]] = {}
        self._keys: list[str] = []

    def plan(self) -> None:
        """Make the rows of all years."""
        for rows in self.declaration.rows:
            self._rows(rows)
        self._remember()
        alone = self._alone()
        for change in near_misses(self.declaration):
            made = self._one(alone)
            made.label = change(made.row)
        for _ in range(2 if self.declaration.contradiction else 0):
            self._contradict(self._one(alone))
        for _ in range(self.declaration.corrected):
            self._wrong_first(self._one(alone))
        self._inject()
        self.versions.sort(key=lambda made: made.changed)
        if self.declaration.source.in_place:
            newest = {made.key: made for made in self.versions}
            self.versions = [made for made in newest.values() if not made.delete]
        if self.declaration.source.term > 1:
            self.versions.sort(key=lambda made: (made.file, -made.changed))
        for number, made in enumerate(self.versions, start=1):
            self._numbered(made, number)

    def round(self, seed: str, number: int, moments: list[int], file: str) -> list[Version]:
        """Plan the rows of a round of today, the last of them defective; keys and numbers are its own."""
        rng, source = Random(f"{seed}:{self.stem}"), self.declaration.source
        fill = self.fill.after(rng, number * BLOCK)
        made = [self._version(fill.row(moment, {}), moment) for moment in moments]
        if source.in_place:
            self._change_in_place(rng, made[: len(made) // 2])
        for index, one in enumerate(made):
            one.step, one.file = "today", file if source.files else ""
            self._numbered(one, len(self.versions) + self._free(number) + index)
        if made:
            self._spoil(made[-1], rng.choice(ways(self.declaration)), rng)
        return made

    def _change_in_place(self, rng: Random, made: list[Version]) -> None:
        """Let versions be of rows that stand there already: the first of them vanishes."""
        standing = rng.sample([one for one in self.versions if one.sound], len(made))
        for index, (one, before) in enumerate(zip(made, standing, strict=True)):
            names = (*self.declaration.changing, self.declaration.source.changed)
            one.row = before.row | {name: one.row[name] for name in names}
            one.key, one.delete = before.key, index == 0

    def _free(self, round_: int) -> int:
        """Give the first number of a round of today behind those of history: a topic has none to spare."""
        if self.declaration.source.kind == "kafka":
            return (round_ - 1) * self.declaration.today + 1
        return round_ * BLOCK

    def any_key(self, rng: Random) -> str:
        """Draw the key of a row that is sound at some time."""
        return rng.choice(self._keys)

    def at(self, key: str, marker_us: int) -> Row | None:
        """Give a key's row as it stood at a time; None before its first, and once it vanished."""
        versions = self._known[key]
        found = bisect_right(versions, marker_us, key=lambda known: known[0])
        return versions[found - 1][1] if found else None

    def _rows(self, rows: Cohort) -> None:
        number = count(rows.count, self.scale, 1) if rows.scaled else rows.count
        who, people = self._organisations(rows), self.fill.cast.dying if rows.people else []
        kinds = rows.each or ({},) * (len(who) or len(people) or number)
        for index, kind in enumerate(kinds):
            marker = self.fill.moment(rows)
            named = Named(people[index] if people else None, who[index] if who else None)
            made = self._add(self.fill.row(marker, {**rows.set, **kind}, rows.columns, named), marker)
            _label(made, rows)
            for change in rows.then:
                if index < change.of if change.of is not None else self.rng.random() < change.share:
                    made = self._changed(made, change) or made

    def _organisations(self, rows: Cohort) -> list[Organisation]:
        cast = self.fill.cast
        kinds = {
            "companies": cast.organisations,
            "stopped": cast.stopped,
            "households": list(cast.households.values()),
        }
        return kinds[rows.organisations] if rows.organisations else []

    def _changed(self, before: Version, change: LaterChange) -> Version | None:
        """Plan what a row becomes; nothing where that would be after the last year, or change nothing."""
        if change.after_days is not None:
            marker = before.changed + self.rng.randint(*change.after_days) * DAY_US
        else:
            marker = max(self.fill.moment(change), before.changed + EARLIER_US)
        if marker > month_end_us(YEARS[-1], 12):
            return None
        row = {**before.row, **change.set}
        for name in change.anew:
            row[name] = self.fill.anew(row, name, marker)
        if row == before.row and not change.vanish:
            return None
        made = self._add(row, marker)
        _label(made, change)
        if change.vanish:
            made.delete = True
            if self.declaration.source.numbered:
                made.row[str(self.declaration.source.gone)] = True
        return made

    def _add(self, row: Row, moment: int) -> Version:
        made = self._version(row, moment)
        self.versions.append(made)
        return made

    def _version(self, row: Row, moment: int) -> Version:
        """Make a sound version of a row under its own change time."""
        source = self.declaration.source
        marker = whole_second(moment) if source.format else moment
        at = from_us(marker)
        row = {**row, source.changed: at.strftime(source.format) if source.format else at.isoformat()}
        if source.gone is not None and source.numbered:
            row[source.gone] = False
        file = f"{at.year}{-(-at.month // source.term) * source.term:02d}" if source.files else ""
        return Version(self.stem, str(row[source.key]), marker, marker, self._step(at), row, file=file)

    def _step(self, at: datetime) -> Step:
        return "2023" if self.declaration.yearly and at.year <= YEARS[0] else STEP

    def _remember(self) -> None:
        """Keep how each key stood when, for those who refer to it."""
        known: dict[str, list[tuple[int, Row | None]]] = defaultdict(list)
        for made in sorted((one for one in self.versions if one.sound), key=lambda made: made.marker):
            known[made.key].append((made.changed, None if made.delete else made.row))
        self._known = dict(known)
        self._keys = list(known)

    def _alone(self) -> list[Version]:
        """Give the versions of keys that have no other, with values to spoil, in an order of chance."""
        keys = Counter(made.key for made in self.versions)
        needed = [name for name, column in self.declaration.columns.items() if column.from_value]
        found = [
            made
            for made in self.versions
            if keys[made.key] == 1 and not made.label and all(made.row[name] is not None for name in needed)
        ]
        self.rng.shuffle(found)
        return found

    def _one(self, alone: list[Version]) -> Version:
        """Take one of them; where a small scale leaves none, plan another sound row."""
        if alone:
            return alone.pop()
        marker = moment_us(self.rng, YEARS[-1], 12)
        return self._add(self.fill.row(marker, {}), marker)

    def _contradict(self, made: Version) -> None:
        """Send the same version once more with another content; the first stands."""
        ((column, value),) = self.declaration.contradiction.items()
        again = self._add({**made.row, column: value}, made.marker)
        _wrong(again, "clean.contradiction", f"same marker, another {column}")

    def _wrong_first(self, made: Version) -> None:
        """Let a row that stands come spoilt half an hour before."""
        spoilt = self._add(dict(made.row), made.changed - EARLIER_US)
        self._spoil(spoilt, self.rng.choice(ways(self.declaration)), self.rng)
        made.label = "corrected"

    def _spoil(self, made: Version, way: Defect, rng: Random) -> None:
        """Spoil a row; a key that is spoilt is another key."""
        spoil(made, way, rng)
        made.key = str(made.row[self.declaration.source.key] or made.key)

    def _inject(self) -> None:
        """Plan each defect of each year under keys of their own, and rows that are read too late."""
        stale_days = self.declaration.stale_days
        for year in YEARS:
            for way in ways(self.declaration) * self.declaration.dirty:
                marker = moment_us(self.rng, year, self.rng.randint(1, 12))
                self._spoil(self._add(self.fill.row(marker, {}), marker), way, self.rng)
        if self.declaration.source.in_place:  # a log tells of no change that is old
            self._ahead()
            return
        for _ in range(2):  # only the first batch reads changes that old
            written = moment_us(self.rng, 2022, 12)
            old = self._add(self.fill.row(written, {}), written - stale_days * DAY_US)
            _wrong(old, "live.stale", f"changed {stale_days} days before")

    def _ahead(self) -> None:
        """Plan rows that their own time dates ahead."""
        for year in YEARS:
            marker = moment_us(self.rng, year, 6)
            made = self._add(self.fill.row(marker, {}), marker)
            made.row[self.declaration.source.changed] = "2999-01-01T00:00:00+07:00"
            _wrong(made, "live.future", "changed in the future")

    def _numbered(self, made: Version, number: int) -> None:
        """Give a journal's row its number, in the order of writing; a sequence is the marker as well."""
        source = self.declaration.source
        if source.numbered:
            made.row[source.number] = number
        if source.sequence:
            made.marker = number
        elif source.kind == "kafka":
            made.marker = number - 1
        elif source.in_place:
            made.marker = UNKNOWN_PLACE


def _label(made: Version, declared: Cohort | LaterChange) -> None:
    """Say of a version what the declaration says of it."""
    made.label = declared.label
    if declared.wrong is not None:
        _wrong(made, declared.wrong, declared.label)


def _wrong(made: Version, code: str, label: str) -> None:
    made.sound, made.gate, made.code, made.label = False, code.partition(".")[0], code, label
