"""The demo's report: what the hub says of itself, as JSON and as tables."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from rich.panel import Panel
from rich.table import Table

from pophub.commands.figures import compare_now, print_wanted
from pophub.commands.output import answer, print_table
from pophub.domain.codes import GATES
from pophub.figures.compare import ComparedNumber
from pophub.figures.declared import load_figures
from pophub.ledger.growth import growth, growth_by_agency
from pophub.postgres import connect, statements, transaction
from pophub.settings import Settings

SQL = statements("ledger")
YEARS = ("2023", "2024")


def figures(settings: Settings) -> dict[str, Any]:
    """Count everything that PostgreSQL knows: present states since the data began."""
    from pophub.ledger.checkpoint import make
    from pophub.simulation.detect import detect

    checkpoint = make(settings)
    with closing(connect(settings, "pophub_read")) as connection:
        with transaction(connection, "report") as cursor:
            cursor.execute(SQL["states"])
            states = cursor.fetchall()
            cursor.execute(SQL["renewed"])
            renewed = dict(cursor.fetchall())
            cursor.execute(SQL["recipients"])
            recipients = [{"name": r[0], "stem": r[1], "transactions": r[2]} for r in cursor.fetchall()]
        years = [g.as_json() for g in growth(connection, "year", YEARS)]
        agencies = growth_by_agency(connection, YEARS)
    return {
        "connectors": [
            _connector(stem, states, renewed.get(stem, 0)) for stem in sorted({row[0] for row in states})
        ],
        "recipients": recipients,
        "detection": detect(settings).figures(),
        "growth": years,
        "checkpoint": checkpoint.as_json(),
        "figures": [
            one._asdict() for one in compare_now(settings, load_figures(settings.project)[0], checkpoint)
        ],
        "growth_by_agency": [{"agency": a, **row.as_json()} for a, rows in agencies.items() for row in rows],
    }


def _connector(stem: str, states: list[tuple[str, str, str | None, int]], renewed: int) -> dict[str, Any]:
    mine = {(state, gate): count for s, state, gate, count in states if s == stem}
    by_state = {
        name: sum(c for (state, _), c in mine.items() if state == name)
        for name in ("shared", "duplicate", "superseded")
    }
    quarantined = {gate: mine.get(("quarantined", gate), 0) for gate in GATES}
    return {
        "stem": stem,
        "read": sum(mine.values()),
        "shared": by_state["shared"],
        "quarantined": quarantined,
        "duplicate": by_state["duplicate"],
        "renewed": renewed,
        "superseded": by_state["superseded"],
    }


def print_report(report: dict[str, Any], login: str) -> None:
    """Print the report as tables."""
    print_table(
        "What became of each record (read = the rest added up)",
        ("dataset", "read", "shared", *GATES, "duplicate", "superseded"),
        [(c["stem"], c["read"], c["shared"], *c["quarantined"].values(), c["duplicate"], c["superseded"]) for c in report["connectors"]],
    )  # fmt: skip
    for c in report["connectors"]:
        if c["renewed"]:
            what = f"{c['renewed']:,} of the duplicates have the head's content under a newer marker"
            answer.print(f"{c['stem']}: {what}", markup=False)
    print_table("Share transactions by recipient", ("recipient", "dataset", "transactions"),
                [tuple(r.values()) for r in report["recipients"]])  # fmt: skip
    d = report["detection"]
    print_table(
        "Defects injected by the simulation, against what the gates found", tuple(d), [tuple(d.values())]
    )
    answer.print(_growth(report["growth"]))
    answer.print("as of checkpoint {id}, signed {at}".format(**report["checkpoint"]))
    print_wanted([ComparedNumber(**one) for one in report["figures"]])
    print_table("The same by agency", ("agency", "period", "transactions", "percent"),
                [(g["agency"], g["period"], g["transactions"], _percent(g["percent"])) for g in report["growth_by_agency"]])  # fmt: skip
    states = [r["state"] for r in report["airflow"]]
    answer.print(f"Airflow: {len(states)} DAG runs, {states.count('success')} of them success")
    memory = report["memory_mb"]
    workers = ", ".join(f"{task} {peak} MB" for task, peak in report["worker_memory_mb"].items())
    answer.print(f"{report['seconds']:.0f} s from start to report; the idle hub holds {memory:,} MB")
    answer.print(f"Peak memory of a worker, what it shares with its parent included: {workers}")
    if "urls" not in report:
        return
    lines = "\n".join(f"{name:<10} {url}" for name, url in report["urls"].items())
    answer.print(Panel(f"{lines}\nlogin      {login}", title="Open in a browser", expand=False))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.1f} %"


def _growth(rows: list[dict[str, Any]]) -> Table:
    """Draw the growth as bars, since people would rather look than read."""
    most = max([row["transactions"] for row in rows] + [1])
    table = Table(title="Growth of sharing, from the ledger alone", title_justify="left", header_style="bold")
    for name in ("period", "transactions", "", "percent"):
        table.add_column(name, justify="right" if name in ("transactions", "percent") else "left")
    for row in rows:
        bar = "█" * round(30 * row["transactions"] / most)
        table.add_row(row["period"], f"{row['transactions']:,}", bar, _percent(row["percent"]))
    return table
