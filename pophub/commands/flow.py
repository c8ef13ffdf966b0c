"""run: the three stages in this process."""

from __future__ import annotations

from datetime import UTC, datetime

from pophub.commands.output import print_json, print_table, talk
from pophub.wiring import open_hub, run_all


def run(stem: str | None, as_json: bool) -> None:
    """Run one connector, or all with the authority for identity first."""
    name = f"by hand {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    results = []
    with open_hub() as hub:
        for error in hub.broken:
            talk.print(f"left out: {error}", markup=False)
        stems = [stem] if stem else order(hub)
        for one in stems:
            counts: dict[str, object] = {}
            for part in run_all(hub, one, name):
                counts |= part
            results.append(counts)
            talk.print(f"{one}: done", markup=False)
    if as_json:
        print_json(results)
        return
    print_table("Run", ("dataset", "read", "shared", "quarantined", "duplicate", "superseded", "judged again"), [
        (r["stem"], r["read"], *(r[s] for s in ("shared", "quarantined", "duplicate", "superseded", "replayed"))) for r in results
    ])  # fmt: skip


def order(hub: object) -> list[str]:
    """Give the stems, those that decide identity first."""
    connectors = hub.connectors  # type: ignore[attr-defined]
    return sorted(
        connectors,
        key=lambda s: (not (connectors[s].file.population and connectors[s].file.population.identity), s),
    )
