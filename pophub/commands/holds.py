"""hold, pause, resume: what the commands do."""

from __future__ import annotations

from contextlib import closing

from pophub.commands.choices import demand, demand_dataset
from pophub.commands.output import answer, print_json, talk
from pophub.commands.quarantine_access import connector_here, judging, reading, when
from pophub.commands.who import acting, proven
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
        print_json({"holds": found})
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
    from pophub.quarantine.holds import release, released

    who = acting(by)
    with closing(connect(Settings.load(), "pophub_extract")) as connection:
        _, changed = release(connection, number, who, reason)
        done = released(connection, number)
    if as_json:
        print_json({"hold": number, **done._asdict(), "changed": changed})
        return
    said = "released" if changed else "unchanged, it was released before"
    how = f"by {done.released_by} ({done.reason})" if done.released_by else "by itself"
    answer.print(f"hold {number} {said} {how} at {when(done.released_at)}", markup=False)
    answer.print(f"next: pophub run {done.stem}", markup=False)


def pause(stem: str, recipient: str, by: str, reason: str, as_json: bool) -> None:
    """Pause a connector or a subscription."""
    from pophub.quarantine.holds import last_pause
    from pophub.quarantine.holds import pause as keep

    _known(stem, recipient)
    with judging() as connection:
        changed = keep(connection, stem, recipient, proven(connection, by), reason)
        now = last_pause(connection, stem, recipient)
    assert now is not None
    if as_json:
        told = {"state": "paused", **now._asdict(), "changed": changed}
        print_json({"stem": stem, "recipient": recipient, **told})
        return
    said = "paused" if changed else "unchanged, it is paused already,"
    answer.print(
        f"{_name(stem, recipient)}: {said} by {now.paused_by} since {when(now.paused_at)}: {now.reason}",
        markup=False,
    )
    if not changed:
        talk.print("your reason was not kept; for another one, pophub resume first", markup=False)


def resume(stem: str, recipient: str, by: str, as_json: bool) -> None:
    """Resume a connector or a subscription."""
    from pophub.quarantine.holds import last_pause
    from pophub.quarantine.holds import resume as end

    _known(stem, recipient)
    with judging() as connection:
        changed = end(connection, stem, recipient, proven(connection, by))
        last = last_pause(connection, stem, recipient)
    if as_json:
        told = {"state": "resumed", **(last._asdict() if last else {}), "changed": changed}
        print_json({"stem": stem, "recipient": recipient, **told})
        return
    name = _name(stem, recipient)
    if last is None or last.resumed_at is None:
        answer.print(f"{name}: unchanged, it was never paused", markup=False)
        return
    said = "resumed" if changed else "unchanged, it was resumed before"
    answer.print(f"{name}: {said} by {last.resumed_by} at {when(last.resumed_at)}", markup=False)


def _name(stem: str, recipient: str) -> str:
    return f"{stem} for {recipient}" if recipient else stem


def _known(stem: str, recipient: str) -> None:
    from pophub.contracts.load import load_subscriptions

    connector_here(stem)
    settings = Settings.load()
    found, _ = load_subscriptions(settings.project, load_all(settings.project)[0])
    names = {f.subscriber for f in found for g in f.grants if g.dataset == stem}
    if recipient:
        demand(f"subscription to {stem} by", recipient, names)
