"""Write a month's pack into a folder, sign the list of its files, and put on record for whom it was made."""

from __future__ import annotations

import csv
import hashlib
import json
from contextlib import closing
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from pophub.contracts.load import load_all
from pophub.domain.errors import ConfigError
from pophub.figures.declared import load_figures, load_words
from pophub.figures.pack import Pack, gather
from pophub.figures.pack_page import page
from pophub.ledger.checkpoint import make
from pophub.ledger.signing import canonical, fingerprint, sign
from pophub.postgres import connect, only_row, statements, transaction
from pophub.process.failpoints import reach
from pophub.quarantine.export import harmless
from pophub.settings import Settings

SQL = statements("ledger")
ROLE = "pophub_ledger"
GOVERNMENT_OFFICE = "government_office"
MANIFEST, SIGNATURE, SCRIPT = "pack.json", "pack.signature.json", "verify_pack.py"
README = """The pack of {month}{whose}, as of checkpoint {id}

    python verify_pack.py --key HEX  checks with Python alone that each file is what the hub signed

HEX is the hub's public key as its operator handed it to you by another way than this folder.

pack.html            the page, in Vietnamese and English, to read and to print
<figure>.<by>.csv    each figure in each way to count it, as of the month's end
changes.csv          what differs from the end of the month before
pack.json            month, checkpoint, and the SHA-256 of each file: this is what is signed
pack.signature.json  the signature (Ed25519) and the key that made it
verify_pack.py       the check; it shares no code with the hub, read it
"""


class PackMade(NamedTuple):
    """A pack that is written and on record; `changed` is false where the same one was made before."""

    pack: int
    month: str
    agency: str
    recipient: str
    checkpoint: int
    sha256: str
    public_key: str
    files: int
    made_by: str
    made_at: datetime
    changed: bool


def count(settings: Settings, month: str, agency: str = "") -> Pack:
    """Count a month's pack as of a checkpoint that is signed now, where something came since the last.

    Errors: those of `gather`; the first of what is wrong with a figure's file.
    """
    figures, errors = load_figures(settings.project)
    if errors:
        raise errors[0]
    return gather(settings, load_all(settings.project)[0], figures, make(settings), month, agency)


def make_pack(settings: Settings, month: str, folder: Path, by: str, agency: str = "") -> PackMade:
    """Write the pack of a month, of all agencies or of one, into a new folder; keep that it was made.

    Errors: those of `count`; `ledger.pack_exists` where the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(
            "ledger.pack_exists", "the folder of the pack is not empty", where=folder.name, remedy="name another --out"
        )  # fmt: skip
    pack = count(settings, month, agency)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, pack, page(pack, load_words(settings.project)))
    return _record(settings, folder, pack, by)


def _write(folder: Path, pack: Pack, html: str) -> None:
    """Write page, figures, changes and the script that checks them."""
    (folder / "pack.html").write_text(html, encoding="utf-8")
    for table in pack.tables:
        _csv(folder / f"{table.name}.csv", table.columns, table.rows)
    changes = [(table.name, *one) for table in pack.tables for one in table.changes()]
    _csv(folder / "changes.csv", ("figure", "row", "column", "before", "now"), changes)
    whose = f" of {pack.agency}" if pack.agency else ""
    told = README.format(month=pack.month, whose=whose, id=pack.checkpoint.id)
    (folder / "README.txt").write_text(told, encoding="utf-8")
    script = resources.files("pophub.ledger").joinpath(SCRIPT).read_text(encoding="utf-8")
    (folder / SCRIPT).write_text(script, encoding="utf-8")


def _csv(path: Path, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([[harmless(cell) for cell in row] for row in rows])


def _record(settings: Settings, folder: Path, pack: Pack, by: str) -> PackMade:
    """Sign the list of files beside them, then keep in one transaction that the pack was made."""
    recipient = pack.agency or GOVERNMENT_OFFICE
    files = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in sorted(folder.iterdir())}
    document = {"pack": 1, "month": pack.month, "agency": pack.agency, "recipient": recipient,
                "checkpoint": pack.checkpoint.as_json(), "files": files}  # fmt: skip
    signature, key = sign(settings, document, pack.checkpoint.due)
    (folder / MANIFEST).write_bytes(canonical(document))
    (folder / SIGNATURE).write_text(json.dumps({"signature": signature.hex(), "key": key.hex()}) + "\n")
    digest, month = fingerprint(document, signature), date.fromisoformat(f"{pack.month}-01")
    with (
        closing(connect(settings, ROLE)) as connection,
        transaction(connection, "recording a pack") as cursor,
    ):
        values = (month, pack.agency, recipient, pack.checkpoint.id, bytes.fromhex(digest), by)
        cursor.execute(SQL["pack_record"], values)
        changed = bool(cursor.rowcount)
        cursor.execute(SQL["pack_recorded"], (month, pack.agency, bytes.fromhex(digest)))
        number, recipient, made_by, made_at = only_row(cursor)
        reach("pack.recording")
    return PackMade(number, pack.month, pack.agency, recipient, pack.checkpoint.id, digest, key.hex(), len(files) + 2,
                    made_by, made_at, changed)  # fmt: skip
