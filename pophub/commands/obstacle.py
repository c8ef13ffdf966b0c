"""obstacle: what the commands do."""

from __future__ import annotations

from pophub.commands.choices import demand, demand_agency
from pophub.commands.output import answer, print_json, print_table, talk
from pophub.commands.quarantine_access import judging, reading, when
from pophub.commands.who import proven
from pophub.quarantine import obstacles


def file(agency: str, what: str, by: str, version: int | None, kind: str, owner: str, as_json: bool) -> None:
    """File an obstacle or a dispute, as a user who gave the password."""
    demand_agency(agency)
    demand("kind of obstacle", kind, obstacles.KINDS)
    if owner != obstacles.HUB:
        demand_agency(owner)
    with judging() as connection:
        who = proven(connection, by)
        if version is None:
            filed = obstacles.file(connection, agency, kind, what, who, owner)
        else:
            filed = obstacles.dispute(connection, agency, version, what, who, owner)
    if as_json:
        print_json({**filed._asdict(), "agency": agency, "version_id": version, "owner": owner})
        return
    said = "filed" if filed.changed else "unchanged, this version had been disputed"
    answer.print(
        f"obstacle {filed.obstacle} {said} by {filed.filed_by} at {when(filed.filed_at)}", markup=False
    )
    talk.print(f"next: another person runs pophub obstacle answer {filed.obstacle}")


def answer_one(number: int, outcome: str, text: str, by: str, as_json: bool) -> None:
    """Answer an obstacle, as a user who gave the password."""
    demand("outcome", outcome, obstacles.OUTCOMES)
    with judging() as connection:
        given = obstacles.answer(connection, number, outcome, text, proven(connection, by))
    if as_json:
        print_json({"obstacle": number, **given._asdict()})
        return
    said = given.outcome if given.changed else f"unchanged, it was {given.outcome} before"
    answer.print(
        f"obstacle {number} {said} by {given.answered_by} at {when(given.answered_at)}", markup=False
    )
    if given.changed and given.outcome == "upheld":
        talk.print("next: of a dispute, mend the rule or the mapping, then pophub quarantine replay")


def show(agency: str | None, everything: bool, as_json: bool) -> None:
    """Print obstacles."""
    if agency is not None:
        demand_agency(agency)
    with reading() as connection:
        found = obstacles.obstacles(connection, agency, everything=everything)
    if as_json:
        print_json({"obstacles": found})
        return
    print_table("Obstacles", ("obstacle", "agency", "kind", "version", "what", "owner", "days", "filed by", "answer"), [
        (str(o["obstacle"]), o["agency"], o["kind"], o["version"] and str(o["version"]), o["what"], o["owner"], o["age_days"],
         o["filed_by"], o["outcome"] and f"{o['outcome']} by {o['answered_by']}: {o['answer']}")
        for o in found
    ], empty="none is open")  # fmt: skip
