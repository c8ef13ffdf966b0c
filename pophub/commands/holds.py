"""hold, pause, resume: what the commands do."""

from __future__ import annotations

from contextlib import closing

from pophub.commands.choices import demand, demand_dataset
from pophub.commands.output import answer, print_json
from pophub.commands.quarantine_access import connector_here, judging, reading, when
from pophub.contracts.load import load_all
from pophub.postgres import connect
from pophub.settings import Settings


def hold_list(stem: str | None, everything: bool, as_json: bool) -> None:
    """Print held batches."""
    from pophub.quarantine.holds import holds

    if stem is not None:
        demand_dataset(stem)
    with reading() as connection:
        found = holds(connection, stem, everything)
    if as_json:
        print_json(found)
        return
    for h in found:
        answer.print(
            f"hold {h['hold']}: {h['stem']}, {h['subject']}: {h['what']} ({h['code']})", markup=False
        )
        answer.print(f"  since {when(h['since'])}, last seen {when(h['last_seen'])}", markup=False)
        if h["released_at"]:
            why = f": {h['reason']}" if h["reason"] else ""
            answer.print(
                f"  released {when(h['released_at'])} {h['released_by'] or 'by itself'}{why}", markup=False
            )
        else:
            answer.print(f"  mend: {h['remedy']}", markup=False)
            answer.print(f"  then: pophub run {h['stem']}", markup=False)
    if not found:
        answer.print("no batch is held")


def hold_release(number: int, by: str, reason: str, as_json: bool) -> None:
    """Release a held batch."""
    from pophub.quarantine.holds import release

    with closing(connect(Settings.load(), "pophub_extract")) as connection:
        stem, changed = release(connection, number, by, reason)
    if as_json:
        print_json({"hold": number, "stem": stem, "changed": changed})
        return
    answer.print(f"hold {number} {'released' if changed else 'unchanged'}; next: pophub run {stem}")


def pause(stem: str, recipient: str, by: str, reason: str, as_json: bool) -> None:
    """Pause a connector or a subscription."""
    from pophub.quarantine.holds import pause as keep

    _known(stem, recipient)
    with judging() as connection:
        changed = keep(connection, stem, recipient, by, reason)
    _said("paused", stem, recipient, changed, as_json)


def resume(stem: str, recipient: str, by: str, as_json: bool) -> None:
    """Resume a connector or a subscription."""
    from pophub.quarantine.holds import resume as end

    _known(stem, recipient)
    with judging() as connection:
        changed = end(connection, stem, recipient, by)
    _said("resumed", stem, recipient, changed, as_json)


def _said(what: str, stem: str, recipient: str, changed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"stem": stem, "recipient": recipient, "state": what, "changed": changed})
        return
    name = f"{stem} for {recipient}" if recipient else stem
    answer.print(f"{name}: {what if changed else 'unchanged'}")


def _known(stem: str, recipient: str) -> None:
    from pophub.contracts.load import load_subscriptions

    connector_here(stem)
    settings = Settings.load()
    found, _ = load_subscriptions(settings.project, load_all(settings.project)[0])
    names = {f.subscriber for f in found for g in f.grants if g.dataset == stem}
    if recipient:
        demand(f"subscription to {stem} by", recipient, names)
