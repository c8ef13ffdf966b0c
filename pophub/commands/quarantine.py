"""quarantine: what the commands do; texts on stdout, talk on stderr."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pophub.commands.choices import demand, demand_dataset, demand_names
from pophub.commands.one_version import for_programs, lines
from pophub.commands.output import answer, print_json, print_table, talk, writing
from pophub.commands.quarantine_access import (
    connector_here,
    connectors_here,
    judging,
    progress_of,
    reading,
    when,
    words_here,
)
from pophub.commands.who import acting, machine_user, proven
from pophub.domain.codes import GATES
from pophub.domain.errors import ConfigError
from pophub.quarantine import browse, retention
from pophub.quarantine.reasons import codes_of
from pophub.quarantine.selection import STATES, Selection, seconds_of
from pophub.settings import Settings


def selection(stem: str | None, agency: str | None, gate: str | None, code: str | None, field: str | None,
              ids: list[int] | None, state: str, since: str | None, older_than: str | None) -> Selection:  # fmt: skip
    """Make a selection of what was given on the command line.

    Errors: `cli.choice`, `cli.range`, and those of `demand_names`.
    """
    if gate is not None and gate not in GATES:
        raise ConfigError("cli.choice", f"--gate takes {', '.join(GATES)}", remedy="such as --gate correct")
    if state not in (*STATES, "all"):
        raise ConfigError(
            "cli.choice", f"--state takes {', '.join(STATES)} or all", remedy="such as --state all"
        )
    from_s = None if since is None else seconds_of(since)
    to_s = None if older_than is None else seconds_of(older_than)
    if from_s is not None and to_s is not None and from_s <= to_s:
        raise ConfigError(
            "cli.range",
            f"nothing is both younger than {since} and older than {older_than}",
            remedy="let --since reach further back than --older-than",
        )
    chosen = Selection(stem, agency, gate, code, field, tuple(ids) if ids else None, None if state == "all" else state,
                       from_s, to_s)  # fmt: skip
    demand_names(chosen)
    return chosen


def list_versions(chosen: Selection, limit: int, as_json: bool) -> None:
    """Print rejected versions."""
    with reading() as connection:
        total = browse.count(connection, chosen)
        rows = browse.listing(connection, chosen, limit)
    if as_json:
        print_json({"total": total, "versions": rows})
        return
    print_table("Quarantine", ("id", "dataset", "state", "gate", "failed rules", "batch", "first judged"), [
        (str(r["id"]), r["stem"], r["state"], r["gate"], codes_of(r["failures"]), str(r["batch"]), when(r["first_judged_at"]))
        for r in rows
    ])  # fmt: skip
    if len(rows) < total:
        answer.print(f"{len(rows):,} of {total:,}; --limit 0 for all")
    if rows:
        talk.print(f"next: pophub quarantine show {rows[0]['id']}")


def groups(chosen: Selection, as_json: bool) -> None:
    """Print causes, the most frequent first."""
    with reading() as connection:
        causes = browse.groups(connection, chosen)
    if as_json:
        print_json({"causes": [cause._asdict() for cause in causes]})
        return
    now, words = datetime.now(UTC), words_here()
    for cause in causes:
        answer.print(f"{cause.stem}: {cause.in_words(now, words)} [{cause.code}]", markup=False)
    if not causes:
        answer.print("nothing was rejected")


def show(version: int, as_json: bool) -> None:
    """Print one version with the row as sent."""
    with judging() as connection:
        seen = browse.show(connection, version, None, words_here())
    found = for_programs(seen, connectors_here().get(seen["stem"]))
    if as_json:
        print_json(found)
        return
    for line in lines(found):
        answer.print(line, markup=False)


def export(chosen: Selection, kind: str, out: Path, as_json: bool) -> None:
    """Write one agency's rejections to a file."""
    from pophub.quarantine.export import export as write

    if kind not in ("csv", "xlsx"):
        raise ConfigError("cli.choice", "--format takes csv or xlsx", remedy="such as --format xlsx")
    if chosen.stem is None and chosen.agency is None:
        raise ConfigError(
            "config.missing", "an export is for one agency", remedy="name a dataset, or --agency"
        )
    with judging() as connection, writing(out):
        written = write(connection, chosen, kind, out, words_here())
    if as_json:
        print_json({"file": str(out), "versions": written})
        return
    answer.print(f"{written:,} versions written to {out}; it holds personal data: only its owner may read it")


def replay(chosen: Selection, by: str, do: bool, as_json: bool) -> None:
    """Say what a replay would do, or do it, dataset by dataset."""
    from pophub.wiring import open_hub

    who, results = acting(by) if do else machine_user(), []
    with reading() as connection:
        stems = browse.stems(connection, chosen)
    with open_hub() as hub:
        for stem, total in stems.items():
            with progress_of(f"{'replay' if do else 'dry run'} of {stem}", total) as moved:
                results.append(hub.replay(stem, who, chosen, dry=not do, progress=moved))
    if as_json:
        print_json({"done": do, "by": who, "runs": results})
        return
    if not results:
        answer.print("nothing in quarantine matches")
        return
    names = ("shared", "superseded", "duplicate", "quarantined", "unreadable")
    title = "Replay" if do else "A replay would make of these"
    print_table(title, ("dataset", *names), [(r["stem"], *(r[n] for n in names)) for r in results])
    for r in results:
        if r["resumed"]:
            talk.print(
                f"{r['stem']}: went on with run {r['run']}, which was cut off; counts are of the whole run"
            )
    if not do:
        answer.print(f"would replay {sum(stems.values()):,}; add --yes")
    elif any(r["shared"] for r in results):
        talk.print("next: the next run of each dataset shares what was accepted (pophub run STEM)")


def repair(version: int, sets: list[str], reason: str, by: str, as_json: bool) -> None:
    """Propose a repair, as a user who gave the password."""
    from pophub.quarantine.repair import propose

    with judging() as connection:
        who = proven(connection, by)
        stem = browse.show(connection, version, None, words_here())["stem"]
        number = propose(connection, connector_here(stem), version, sets, reason, who)
    if as_json:
        print_json({"proposal": number, "id": version, "stem": stem})
        return
    answer.print(
        f"proposal {number} for version {version}; next: another person runs pophub quarantine approve {number}"
    )


def repairs(stem: str | None, as_json: bool) -> None:
    """Print the proposals that wait for approval."""
    from pophub.quarantine.repair import waiting

    if stem is not None:
        demand_dataset(stem)
    with reading() as connection:
        found = waiting(connection, stem)
    if as_json:
        print_json({"proposals": found})
        return
    print_table("Proposals that wait for another person", ("proposal", "version", "dataset", "reason", "by", "since"), [
        (str(r["proposal"]), str(r["id"]), r["stem"], r["reason"], r["proposed_by"], when(r["proposed_at"])) for r in found
    ], empty="none waits")  # fmt: skip
    if found:
        talk.print(
            f"next: pophub quarantine show {found[0]['id']}, then quarantine approve {found[0]['proposal']}"
        )


def approve(proposal: int, by: str, as_json: bool) -> None:
    """Approve a repair, as a user who gave the password, and judge its version again."""
    from pophub.quarantine.persons import demand_proposer
    from pophub.quarantine.repair import approve as keep
    from pophub.wiring import open_hub

    with judging() as connection:
        who = proven(connection, by)
        demand_proposer(connection, proposal)
        approved = keep(connection, proposal, who)
    stem, version = approved.stem, approved.version
    with open_hub() as hub:  # also of one approved before, whose replay was cut off
        done = hub.replay(stem, who, Selection(stem=stem, ids=(version,)))
    with judging() as connection:
        found = browse.show(connection, version, None, words_here())
    if as_json:
        told = {name: getattr(approved, name) for name in ("approved_by", "approved_at", "changed")}
        print_json({"proposal": proposal, "id": version, "state": found["state"], **told, "replay": done})
        return
    said = "approved" if approved.changed else "unchanged, it was approved before"
    answer.print(
        f"proposal {proposal} {said} by {approved.approved_by} at {when(approved.approved_at)}: "
        f"version {version} is {found['state']}",
        markup=False,
    )
    if found["state"] == "quarantined":
        answer.print(f"  it fails: {codes_of(found['failures'])}", markup=False)


def feedback(agency: str | None, as_json: bool) -> None:
    """Send feedback."""
    from pophub.quarantine.feedback import feed_all

    agencies = sorted({c.file.agency for c in connectors_here().values()})
    if agency is not None:
        demand("agency", agency, agencies)
    sent = feed_all(Settings.load(), [agency] if agency else agencies)
    if as_json:
        print_json({"messages": sent})
        return
    print_table("Feedback", ("agency", "messages"), list(sent.items()))


def digest(agency: str, out: Path | None, as_json: bool) -> None:
    """Print or write an agency's digest."""
    from pophub.quarantine.digest import gather, markdown

    connectors = list(connectors_here().values())
    demand("agency", agency, {c.file.agency for c in connectors})
    with judging() as connection:
        found = gather(connection, agency, connectors)
    if as_json:
        print_json(found)
        return
    text = markdown(found, words_here())
    if out is None:
        answer.print(text, markup=False)
        return
    with writing(out):
        out.write_text(text)
    talk.print(f"written to {out}", markup=False)


def overdue(as_json: bool) -> None:
    """Print what is overdue and to whom it is escalated."""
    with reading() as connection:
        found = retention.overdue(connection, connectors_here().values())
    if as_json:
        print_json({"overdue": found})
        return
    print_table("Overdue, escalated to the owner", ("dataset", "gate", "records", "oldest", "over days", "owner"), [
        (o["stem"], o["gate"], o["records"], when(o["oldest"]), o["overdue_days"], f"{o['owner']} <{o['email']}>") for o in found
    ], empty="nothing is overdue")  # fmt: skip


def policy(stem: str, retain_days: int | None, warn_days: int | None, by: str, as_json: bool) -> None:
    """Show a dataset's policy, or set a new one."""
    connector_here(stem)
    with judging() as connection:
        now = retention.policies(connection, [stem])[stem]
        retain = now.retain_days if retain_days is None else (retain_days or None)
        wanted = now._replace(retain_days=retain, warn_days=now.warn_days if warn_days is None else warn_days)
        if (retain, wanted.warn_days) != (now.retain_days, now.warn_days):
            retention.set_policy(connection, wanted._replace(set_by=acting(by)))
            now = retention.policies(connection, [stem])[stem]
        elif (retain_days, warn_days) != (None, None):
            talk.print("unchanged")
    if as_json:
        print_json(now._asdict())
        return
    kept = "for ever" if now.retain_days is None else f"{now.retain_days} days"
    answer.print(f"{stem}: what was sent is kept {kept}, with a warning {now.warn_days} days before it goes")


def expire(stem: str | None, ahead: str | None, by: str, do: bool, as_json: bool) -> None:
    """Say what expires and when, or remove what is due."""
    stems = [connector_here(stem).stem] if stem else sorted(connectors_here())
    days = None if ahead is None else -(-seconds_of(ahead) // 86400)
    who = acting(by) if do else machine_user()
    with judging() as connection:
        results = retention.keep(connection, stems, who, do=do, ahead_days=days)
    if as_json:
        print_json({"done": do, "by": who, "datasets": results})
        return
    print_table("Expired" if do else "Would expire", ("dataset", "kept days", "due", "warning: soon", "within days", "expired"), [
        (r["stem"], r["retain_days"], r["due"], r["soon"], r["within_days"], r["expired"]) for r in results
    ])  # fmt: skip
    if not do and any(r["due"] for r in results):
        answer.print("would remove what was sent of these; codes and event ids stay; add --yes")
