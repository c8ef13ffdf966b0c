"""run: the three stages in this process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import typer

from pophub.commands.output import print_json, print_table, talk, tell
from pophub.contracts.referred import in_turn
from pophub.domain.errors import PophubError
from pophub.sources.left_out import in_words
from pophub.stages.refused import each
from pophub.wiring import open_hub, run_all


def run(stem: str | None, as_json: bool) -> None:
    """Run one connector, or all with the authority for identity first; one that fails stops no other.

    What went through is printed in any case, then each error. The exit code is the error's where one
    connector was asked for, else 1.
    """
    name = f"by hand {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    results, failed = [], []
    with open_hub() as hub:
        for broken in hub.broken:
            talk.print(f"left out: {broken}", markup=False)
        for one in [stem] if stem else order(hub):
            counts, refused = run_all(hub, one, name)
            results.append(counts | ({"errors": list(map(_plain, each(refused)))} if refused else {}))
            failed += [refused] if refused else []
            talk.print(f"{one}: {'done' if refused is None else refused.code}", markup=False)
            _say(one, counts)
    if as_json:
        print_json({"runs": results})
    else:
        _print(results)
    for refused in failed:
        for error in each(refused):
            tell(error, as_json)
    if failed:
        raise typer.Exit(failed[0].exit_code if stem else 1)


def _plain(error: PophubError) -> dict[str, str]:
    return {"code": error.code, "what": error.what, "where": error.where, "remedy": error.remedy}


def _say(stem: str, counts: dict[str, Any]) -> None:
    """Say which files were read otherwise than declared, and which nothing reads."""
    for told in counts.get("told", ()):
        talk.print(f"{stem}: {told}", markup=False)
    if left_out := counts.get("left_out"):
        talk.print(f"{stem}: {in_words(left_out)}", markup=False)

    if renewed := counts.get("renewed"):
        what = f"{renewed:,} of the duplicates have the head's content under a newer marker"
        talk.print(f"{stem}: {what}", markup=False)


def _print(results: list[dict[str, Any]]) -> None:
    counted = ("read", "shared", "quarantined", "duplicate", "superseded", "replayed")
    names = ("dataset", "read", "shared", "quarantined", "duplicate", "superseded", "judged again")
    wrong = any("errors" in result for result in results)
    print_table("Run", (*names, *(["error"] if wrong else [])), [
        (r["stem"], *(r.get(name) for name in counted), *([_codes(r)] if wrong else [])) for r in results
    ])  # fmt: skip


def _codes(result: dict[str, Any]) -> str:
    return ", ".join(sorted({error["code"] for error in result.get("errors", ())}))


def order(hub: object) -> list[str]:
    """Give the stems, each behind those that its records name."""
    return [stem for turn in in_turn(hub.connectors.values()) for stem in turn]  # type: ignore[attr-defined]
