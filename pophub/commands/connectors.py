"""connector check and list."""

from __future__ import annotations

import os
from contextlib import closing

import typer

from pophub.commands.output import answer, print_json, print_table, talk, tell
from pophub.contracts.load import check as find
from pophub.contracts.load import load_all
from pophub.domain.errors import ConfigError, ContractBreach, PophubError
from pophub.settings import Settings


def check(as_json: bool) -> None:
    """Tell every finding; exit 2 when there is one."""
    settings = Settings.load()
    findings: list[ConfigError | ContractBreach] = [*find(settings.project)]
    compared = _against_hub(settings, findings)
    if as_json:
        told = [{"code": f.code, "what": f.what, "where": f.where, "remedy": f.remedy} for f in findings]
        print_json({"findings": told})
    else:
        for finding in findings:
            tell(finding)
        if not findings:
            answer.print("all connectors, schemas, suites and subscriptions are sound")
            talk.print("next: `pophub run STEM` or a DAG run")
        if not compared:
            talk.print("the hub does not run: not compared with what it has read before")
    if findings:
        raise typer.Exit(2)


def _against_hub(settings: Settings, findings: list[ConfigError | ContractBreach]) -> bool:
    """Find connectors that would read their source by something else than before; False where no hub runs."""
    from pophub.postgres import connect
    from pophub.stores.reading import Reading, known, redeclared

    if not (settings.home / "endpoints.json").exists() and "POPHUB_POSTGRES_HOST" not in os.environ:
        return False
    try:
        with closing(connect(settings, "pophub_read")) as connection:
            for connector in load_all(settings.project)[0]:
                before, now = known(connection, connector.stem), Reading.declared(connector)
                if before is not None and before != now:
                    findings.append(redeclared(connector.stem, before, now))
    except PophubError:
        return False
    return True


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
        print_json({"connectors": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        print_table("Connectors", names, rows)
    for error in errors:
        tell(error)
