"""What a connector's own files tell of how complete they are."""

from __future__ import annotations

from pathlib import Path

from pophub.contracts.model import Connector
from pophub.contracts.personal import look_personal
from pophub.contracts.strict_yaml import Document, load_document
from pophub.scoring.findings import Scored

OPEN = "?"
"""What a draft writes where a person has to say something."""


def score_files(connector: Connector, project: Path, scored: Scored) -> None:
    """Look for what the three files leave open."""
    file = connector.file
    schema = project / "schemas" / file.agency / f"{file.dataset}.v{file.contract}.avsc"
    score_documents(connector, load_document(connector.path, project), load_document(schema, project), scored)


def score_documents(connector: Connector, document: Document, schema: Document, scored: Scored) -> None:
    """Look for what a connector's file and its schema leave open, wherever their texts come from."""
    file = connector.file
    if OPEN in (file.title.en, file.title.vi) or file.title.en == file.title.vi:
        what = "the title is one a draft gave, or the same in both languages"
        scored.advise("contract", 5, "connector.title", what, document.where("title"))
    if OPEN in (file.owner.name, file.owner.email) or "@" not in file.owner.email:
        scored.advise("owner", 10, "connector.owner", "no owner is named", document.where("owner"))
    if file.live.promise_s is None:
        scored.advise("promise", 10, "connector.promise", "no promise_s is set", document.where("live"))
    _score_personal(connector, scored, document.where("personal"))
    _score_docs(schema, scored)


def _score_personal(connector: Connector, scored: Scored, where: str) -> None:
    declared, looks = connector.file.personal, look_personal(connector)
    if declared is None:
        told = f"; by people, rules and names: {', '.join(sorted(looks))}" if looks else ""
        scored.advise("personal", 15, "connector.personal", f"no field is classified{told}", where)
    elif left_out := sorted(looks - set(declared)):
        what = f"{', '.join(left_out)} looks personal and is not listed"
        scored.advise("personal", 5, "connector.personal", what, where)


def _score_docs(document: Document, scored: Scored) -> None:
    for at, entry in enumerate(document.data["fields"]):
        if str(entry.get("doc") or "").strip() in ("", OPEN):
            what = f"the field {entry['name']} has no description"
            scored.advise("contract", 1, "connector.undocumented", what, document.where("fields", at))
