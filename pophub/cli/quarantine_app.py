"""`pophub quarantine`, `hold`, `pause` and `resume`: arguments only; the work is in `quarantine.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pophub.cli.arguments import Stem
from pophub.commands.arguments import ByUser, DoneBy
from pophub.commands.output import JSON, errors_told

app = typer.Typer()
quarantine = typer.Typer(
    help="What was rejected: browse, repair, judge again, tell the agencies.", no_args_is_help=True
)
hold = typer.Typer(help="Batches that were refused whole: list and release.", no_args_is_help=True)
app.add_typer(quarantine, name="quarantine")
app.add_typer(hold, name="hold")

MaybeStem = Annotated[str | None, typer.Argument(help="Dataset; all when left out.")]
Number = Annotated[int, typer.Argument(help="Number, as listed.")]
AgencyOption = Annotated[str | None, typer.Option(help="Agency, such as mps.")]
GateOption = Annotated[str | None, typer.Option(help="contract, correct, sufficient, clean or live.")]
CodeOption = Annotated[str | None, typer.Option(help="Code of a failed rule, such as correct.id.length.")]
FieldOption = Annotated[str | None, typer.Option(help="Contract field that is blamed.")]
Ids = Annotated[list[int] | None, typer.Option("--id", help="Version; may be given several times.")]
Since = Annotated[str | None, typer.Option(help="First judged within this age: 90s, 15m, 2h, 3d, 4w.")]
Older = Annotated[str | None, typer.Option("--older-than", help="First judged before this age.")]
StateOption = Annotated[str, typer.Option(help="quarantined, shared, superseded, duplicate or all.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without this it is only said.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]
Recipient = Annotated[str, typer.Option(help="Subscriber; the whole connector when left out.")]


@quarantine.command("list", epilog="Example: pophub quarantine list mps.citizens --gate correct --since 3d")
def list_versions(stem: MaybeStem = None, agency: AgencyOption = None, gate: GateOption = None, code: CodeOption = None, field: FieldOption = None,
                  since: Since = None, older_than: Older = None, state: StateOption = "quarantined",
                  limit: Annotated[int, typer.Option(min=0, help="Rows at most; 0 for all.")] = 20,
                  json: bool = JSON) -> None:  # fmt: skip
    """List rejected versions, newest first."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        work.list_versions(
            work.selection(stem, agency, gate, code, field, None, state, since, older_than), limit, json
        )


@quarantine.command("groups", epilog="Example: pophub quarantine groups --agency mps")
def groups(stem: MaybeStem = None, agency: AgencyOption = None, gate: GateOption = None, code: CodeOption = None, field: FieldOption = None,
           since: Since = None, older_than: Older = None, state: StateOption = "quarantined", json: bool = JSON) -> None:  # fmt: skip
    """Group rejected versions by cause."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        work.groups(work.selection(stem, agency, gate, code, field, None, state, since, older_than), json)


@quarantine.command("show", epilog="Example: pophub quarantine show 41")
def show(version: Number, json: bool = JSON) -> None:
    """Show one version: the row as sent, every failed rule, where it came from, its repairs."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        work.show(version, json)


@quarantine.command(
    "export", epilog="Example: pophub quarantine export mps.citizens --format xlsx --out mps.xlsx"
)
def export(out: Annotated[Path, typer.Option(help="File to write.")], stem: MaybeStem = None, agency: AgencyOption = None,
           gate: GateOption = None, code: CodeOption = None, field: FieldOption = None, since: Since = None, older_than: Older = None,
           state: StateOption = "quarantined", format: Annotated[str, typer.Option(help="csv or xlsx.")] = "csv",
           json: bool = JSON) -> None:  # fmt: skip
    """Write an agency's rejections, rows as sent included, to a file for that agency."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        chosen = work.selection(stem, agency, gate, code, field, None, state, since, older_than)
        work.export(chosen, format, out, json)


@quarantine.command(
    "replay", epilog="Example: pophub quarantine replay mps.citizens --code live.stale --dry-run"
)
def replay(stem: MaybeStem = None, agency: AgencyOption = None, gate: GateOption = None, code: CodeOption = None, field: FieldOption = None,
           ids: Ids = None, since: Since = None, older_than: Older = None, by: DoneBy = "",
           dry_run: Dry = False, yes: Yes = False, json: bool = JSON) -> None:  # fmt: skip
    """Judge versions again with mapping, rules and repairs of now; a run that was cut off goes on."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        chosen = work.selection(stem, agency, gate, code, field, ids, "quarantined", since, older_than)
        work.replay(chosen, by, yes and not dry_run, json)


@quarantine.command(
    "repair", epilog='Example: pophub quarantine repair 41 --set sex=male --reason "letter 12" --by Lan'
)
def repair(version: Number, set: Annotated[list[str], typer.Option("--set", help="field=value; may be given several times.")],
           reason: Reason, by: ByUser, json: bool = JSON) -> None:  # fmt: skip
    """Propose a repair of fields; another person approves it."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        work.repair(version, set, reason, by, json)


@quarantine.command("repairs", epilog="Example: pophub quarantine repairs mps.citizens")
def repairs(stem: MaybeStem = None, json: bool = JSON) -> None:
    """List the proposals that wait for another person's approval."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        work.repairs(stem, json)


@quarantine.command("approve", epilog="Example: pophub quarantine approve 7 --by Minh")
def approve(proposal: Number, by: ByUser, json: bool = JSON) -> None:
    """Approve another person's proposal and judge the version again with it."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        work.approve(proposal, by, json)


@quarantine.command("feedback", epilog="Example: pophub quarantine feedback mps")
def feedback(agency: Annotated[str | None, typer.Argument(help="Agency; all when left out.")] = None,
             json: bool = JSON) -> None:  # fmt: skip
    """Send each agency the rejections that it was not told yet, on its own topic."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        work.feedback(agency, json)


@quarantine.command("digest", epilog="Example: pophub quarantine digest mps --out mps.md")
def digest(agency: Annotated[str, typer.Argument(help="Agency, such as mps.")],
           out: Annotated[Path | None, typer.Option(help="File to write; standard output when left out.")] = None,
           json: bool = JSON) -> None:  # fmt: skip
    """Write a digest that the agency can read: counts, causes, examples, age, what is overdue."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        work.digest(agency, out, json)


@quarantine.command("overdue", epilog="Example: pophub quarantine overdue --json")
def overdue(json: bool = JSON) -> None:
    """List what waits longer than its connector allows, with the owner to whom it is escalated."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        work.overdue(json)


@quarantine.command(
    "policy", epilog="Example: pophub quarantine policy mps.citizens --retain-days 365 --by Lan"
)
def policy(stem: Stem,
           retain_days: Annotated[int | None, typer.Option(min=0, help="Days until what was sent is removed; 0 for never.")] = None,
           warn_days: Annotated[int | None, typer.Option(min=0, help="Days of warning before.")] = None,
           by: DoneBy = "", json: bool = JSON) -> None:  # fmt: skip
    """Show or set how long what was sent of a dataset's rejections is kept."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        work.policy(stem, retain_days, warn_days, by, json)


@quarantine.command("expire", epilog="Example: pophub quarantine expire --dry-run --ahead 30d")
def expire(stem: MaybeStem = None, ahead: Annotated[str | None, typer.Option(help="Warn of what expires within: 30d.")] = None,
           by: DoneBy = "", dry_run: Dry = False, yes: Yes = False, json: bool = JSON) -> None:  # fmt: skip
    """Remove what was sent of versions past their retention; a record of each stays."""
    from pophub.commands import quarantine as work

    with errors_told(json):
        work.expire(stem, ahead, by, yes and not dry_run, json)


@hold.command("list", epilog="Example: pophub hold list --json")
def hold_list(stem: MaybeStem = None, all: Annotated[bool, typer.Option("--all", help="Released ones too.")] = False,
              json: bool = JSON) -> None:  # fmt: skip
    """List held batches: what differed, and the command that mends it."""
    from pophub.commands import holds as work

    with errors_told(json):
        work.hold_list(stem, all, json)


@hold.command("release", epilog='Example: pophub hold release 3 --by Lan --reason "column restored"')
def hold_release(number: Number, by: ByUser, reason: Reason, json: bool = JSON) -> None:
    """Release a held batch; the next extract reads it again, and holds it again if it still differs."""
    from pophub.commands import holds as work

    with errors_told(json):
        work.hold_release(number, by, reason, json)


@app.command("pause", epilog='Example: pophub pause mps.citizens --by Lan --reason "source is being moved"')
def pause(stem: Stem, by: ByUser, reason: Reason, recipient: Recipient = "", json: bool = JSON) -> None:
    """Pause a connector, or its subscription by one recipient: its stages end green and say so."""
    from pophub.commands import holds as work

    with errors_told(json):
        work.pause(stem, recipient, by, reason, json)


@app.command("resume", epilog="Example: pophub resume mps.citizens --by Lan")
def resume(stem: Stem, by: ByUser, recipient: Recipient = "", json: bool = JSON) -> None:
    """Resume a paused connector or subscription; nothing was lost meanwhile."""
    from pophub.commands import holds as work

    with errors_told(json):
        work.resume(stem, recipient, by, json)
