"""growth: as text, CSV, JSON or a chart; every figure names the checkpoint that it stands on."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pophub.commands.choices import demand_agency, demand_dataset, demand_recipient
from pophub.commands.moments import checkpoint_of, moment_of
from pophub.commands.output import answer, as_json, print_table, talk, writing
from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.errors import ConfigError, PophubError
from pophub.ledger.chart import grown, named
from pophub.ledger.checkpoint import Checkpoint
from pophub.ledger.growth import Granted, Growth, Scope, agencies_as_of, growth_as_of, late_rows
from pophub.ledger.periods import By, moment
from pophub.ledger.present import present
from pophub.ledger.standing import with_standing
from pophub.postgres import connect
from pophub.settings import Settings

COLUMNS = ("period", "transactions", "percent", "year_on_year", "open", "span_before", "signed_checkpoint", "signed_transactions", "granted_later")  # fmt: skip
LATE = ("recipient", "stem", "lane", "sequence", "event_id", "period", "exchanged_at", "recorded_at", "late")


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    by: By
    as_of: str
    against: str | None
    dataset: str | None
    agency: str | None
    recipient: str | None
    format: str
    out: Path | None
    limit: int


def refuse_backwards(as_of: str, against: str) -> None:
    """Refuse a later moment that lies before the earlier one."""
    first, last = moment(as_of), moment(against)
    backwards = (
        last < first
        if isinstance(first, int) and isinstance(last, int)
        else isinstance(first, datetime) and isinstance(last, datetime) and last < first
    )
    if backwards and against == "now":
        raise ConfigError(
            "cli.range",
            f"--as-of {as_of}{' means the end of that day, which' if len(as_of) == 10 else ''} is still to come",
            remedy="give a day that is over, a time that has been, or #NUMBER of a checkpoint",
        )
    if backwards:
        raise ConfigError(
            "cli.range",
            f"--against {against} lies before --as-of {as_of}",
            remedy="give the earlier moment as --as-of",
        )


def growth(wanted: Wanted) -> None:
    """Print the growth that was asked for.

    Errors: `cli.range` where `against` lies before `as_of`; those of names that are nowhere known.
    """
    _refuse_unknown(wanted)
    if wanted.against is not None:
        refuse_backwards(wanted.as_of, wanted.against)
    settings = Settings.load()
    scope = Scope(wanted.dataset, wanted.agency, wanted.recipient)
    if wanted.against is not None:
        _late(settings, wanted, checkpoint_of(settings, wanted.as_of), scope)
        return
    checkpoint, refused = _standing(settings, wanted.as_of)
    title = f"Share transactions by {wanted.by}"
    rows = growth_as_of(checkpoint, wanted.by, scope)
    with closing(connect(settings, "pophub_ledger")) as connection:
        at = moment_of(wanted.as_of, checkpoint)
        rows = with_standing(connection, checkpoint, at, wanted.by, scope, rows)
    agencies = agencies_as_of(checkpoint, wanted.by, scope)
    _tell(wanted, _Answer(title, checkpoint, rows, agencies, refused))


def _standing(settings: Settings, as_of: str) -> tuple[Checkpoint, PophubError | None]:
    """Give what the figures stand on; where the key is not here, the rows as they are, and why."""
    try:
        return checkpoint_of(settings, as_of), None
    except ConfigError as error:
        if not error.code.startswith("secret."):
            raise
        talk.print(f"nothing is signed: {error}", markup=False)
        talk.print(f"  next:  {error.remedy}", markup=False)
        with closing(connect(settings, "pophub_read")) as connection:
            tally = [[*place, number] for place, number in sorted(present(connection).items())]
        return Checkpoint(0, {"heads": [], "tally": tally}, b"", b""), error


def _refuse_unknown(wanted: Wanted) -> None:
    """Refuse names that are nowhere known."""
    if wanted.dataset is not None:
        demand_dataset(wanted.dataset)
    if wanted.agency is not None:
        demand_agency(wanted.agency)
    if wanted.recipient is not None:
        demand_recipient(wanted.recipient)


@dataclass(frozen=True)
class _Answer:
    """Rows of growth and what they stand on."""

    title: str
    checkpoint: Checkpoint
    rows: list[Growth]
    agencies: list[tuple[Any, ...]]
    refused: PophubError | None = None

    @property
    def note(self) -> str:
        if self.refused is not None:
            return f"counted from the rows as they are now; nothing is signed ({self.refused.code})"
        return f"as of checkpoint {self.checkpoint.id}, signed {self.checkpoint.at:%Y-%m-%d %H:%M:%S} UTC"


def _tell(wanted: Wanted, found: _Answer) -> None:
    if wanted.format == "text":
        _text(wanted, found)
        return
    if wanted.format == "svg":
        from pophub.ledger.chart import chart

        text = chart(found.title, found.note, found.rows)
    elif wanted.format == "csv":
        text = _csv(COLUMNS, [_cells(r) for r in found.rows])
    else:
        document = {
            "version": 2,
            "checkpoint": None if found.refused else found.checkpoint.as_json(),
            "not_signed": found.refused.code if found.refused else None,
            "rows": [_row(r) for r in found.rows],
            "agencies": [
                {"period": p, "agency": a, "transactions": n, "share": _number(s)}
                for p, a, n, s in found.agencies
            ],
        }
        text = as_json(document) + "\n"
    _put(wanted.out, text)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _row(row: Growth) -> dict[str, Any]:
    changed = row.changed
    signed = None if changed is None else {
        "checkpoint": changed.checkpoint, "at": changed.at.isoformat(), "transactions": changed.transactions,
        "granted_later": [_granted(one) for one in changed.granted],
    }  # fmt: skip
    more = {"open": row.open, "span_before": row.span_before, "changed_since": signed}
    return {**row.as_json(), "year_on_year": _number(row.year_on_year), **more}


def _granted(one: Granted) -> dict[str, Any]:
    return one._asdict() | {"granted_at": one.granted_at.isoformat(), "starts_at": one.starts_at.isoformat()}


def _cells(row: Growth) -> tuple[Any, ...]:
    later = sum(one.transactions for one in row.changed.granted) if row.changed else None
    signed = (row.changed.checkpoint, row.changed.transactions, later) if row.changed else (None, None, None)
    figures = (row.period, row.transactions, row.percent, row.year_on_year)
    return (*figures, "true" if row.open else "false", row.span_before, *signed)


def _text(wanted: Wanted, found: _Answer) -> None:
    columns = ["period", "transactions", "percent", "year on year"]
    changed = [r for r in found.rows if r.changed]
    rows = [
        (named(r), r.transactions, *(grown(r, p) for p in (r.percent, r.year_on_year)),
         *([_signed(r)] if changed else []))
        for r in found.rows
    ]  # fmt: skip
    print_table(found.title, (*columns, *(["when it was signed"] if changed else [])), rows)
    _marks(found.rows, changed, found.checkpoint)
    if found.agencies and wanted.by == "year":
        shares = [(p, a, n, "" if s is None else f"{s} %") for p, a, n, s in found.agencies]
        print_table("Share of each agency", ("period", "agency", "transactions", "of the period"), shares)
    answer.print(found.note, markup=False)


def _signed(row: Growth) -> str:
    return (
        "" if row.changed is None else f"{row.changed.transactions:,} in checkpoint {row.changed.checkpoint}"
    )


def _marks(rows: list[Growth], changed: list[Growth], checkpoint: Checkpoint) -> None:
    """Say what the marks mean."""
    for row in rows:
        if row.open and row.span_before is not None:
            before = f"{row.span_before:,}" if row.span_before else "none"
            said = f"{row.period} is open: its percent is against the same span of the year before ({before})"
            answer.print(said, markup=False)
    for row in changed:
        for one in row.changed.granted if row.changed else ():
            answer.print(_by_grant(row, one), markup=False)
    if changed:
        first = min(row.changed.checkpoint for row in changed if row.changed)
        said = (
            f"{len(changed)} closed {'period' if len(changed) == 1 else 'periods'} changed since signed; "
            f"the rows: pophub growth --as-of '#{first}' --against '#{checkpoint.id}'"
        )
        answer.print(said, markup=False)


def _by_grant(row: Growth, one: Granted) -> str:
    """Say how much of a closed period's change came by a right that was granted after it."""
    assert row.changed is not None
    granted, starts = (f"{at.astimezone(HO_CHI_MINH):%Y-%m-%d}" for at in (one.granted_at, one.starts_at))
    return (
        f"of {row.transactions - row.changed.transactions:+,} in {row.period}, {one.transactions:,} came by "
        f"{one.recipient}'s right to {one.stem}, version {one.version}, granted {granted} with starts: {starts}"
    )


def _csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def _put(out: Path | None, text: str) -> None:
    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    with writing(out):
        out.write_text(text, encoding="utf-8")
    talk.print(f"wrote {out}", markup=False)


def _late(settings: Settings, wanted: Wanted, earlier: Checkpoint, scope: Scope) -> None:
    """List the share transactions by which a later figure differs from an earlier one: new ones and late ones."""
    assert wanted.against is not None
    later = checkpoint_of(settings, wanted.against)
    before = {r.period: r.transactions for r in growth_as_of(earlier, wanted.by, scope)}
    after = {r.period: r.transactions for r in growth_as_of(later, wanted.by, scope)}
    changed = [
        {"period": p, "before": before.get(p, 0), "after": after.get(p, 0)}
        for p in sorted(before | after)
        if before.get(p, 0) != after.get(p, 0)
    ]
    number = sum(after.values()) - sum(before.values())
    with closing(connect(settings, "pophub_ledger")) as connection:
        found = late_rows(connection, earlier, later, wanted.by, scope)
        listed_rows = islice(found, wanted.limit) if wanted.limit else found
        rows = [row.as_json() | {"late": row.exchanged_at <= earlier.at} for row in listed_rows]
    listed = {"version": 1, "earlier": earlier.as_json(), "later": later.as_json(), "periods": changed,
              "number": number, "rows": rows}  # fmt: skip
    if wanted.format == "json":
        _put(wanted.out, as_json(listed) + "\n")
        return
    if wanted.format == "csv":
        _put(wanted.out, _csv(LATE, [[row[name] for name in LATE] for row in rows]))
        return
    print_table(f"From checkpoint {earlier.id} to checkpoint {later.id}", ("period", "before", "after"),
                [tuple(c.values()) for c in changed], empty="no figure changed")  # fmt: skip
    words = ("recipient", "dataset", "lane", "sequence", "event id", "period", "is")
    print_table(
        f"Share transactions that checkpoint {earlier.id} has not; late: exchanged before it was signed", words,
        [(*(row[name] for name in LATE[:6]), "late" if row["late"] else "new") for row in rows], empty="none",
    )  # fmt: skip
    if len(rows) < number:
        answer.print(f"{len(rows):,} of {number:,}; --limit 0 for all")
