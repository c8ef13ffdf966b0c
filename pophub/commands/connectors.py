"""connector check and list."""

from __future__ import annotations

import typer

from pophub.commands.output import answer, print_json, print_table, talk, tell
from pophub.contracts.load import check as find
from pophub.contracts.load import load_all
from pophub.settings import Settings


def check(as_json: bool) -> None:
    """Tell every finding; exit 2 when there is one."""
    settings = Settings.load()
    findings = find(settings.project)
    if as_json:
        print_json([{"code": f.code, "what": f.what, "where": f.where, "remedy": f.remedy} for f in findings])
    else:
        for finding in findings:
            tell(finding)
        if not findings:
            answer.print("all connectors, schemas, suites and subscriptions are sound")
            talk.print("next: `pophub run STEM` or a DAG run")
    if findings:
        raise typer.Exit(2)


def show(as_json: bool) -> None:
    """List connectors with what they read and by how many rules they are judged."""
    connectors, errors = load_all(Settings.load().project)
    rows = [
        (
            c.stem,
            c.file.title.en,
            c.file.source.kind,
            len(c.contract.fields),
            len(c.contract.rules),
            c.file.owner.name,
        )
        for c in connectors
    ]
    names = ("stem", "title", "source", "fields", "rules", "owner")
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table("Connectors", names, rows)
    for error in errors:
        tell(error)
