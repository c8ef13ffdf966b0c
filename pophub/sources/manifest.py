"""What an agency's manifests say of its files: a file that is otherwise, or that none names, is not taken."""

from __future__ import annotations

import csv
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from pophub.contracts.source_model import FilesSource, Manifest
from pophub.domain.errors import ContractBreach

MAX_BYTES = 16 << 20
PIECE_BYTES = 1 << 20
SHA256 = 64
KINDS = {32: "md5", 40: "sha1", SHA256: "sha256", 128: "sha512"}
"""Kind of a digest by its hexadecimal digits."""
_SUM = re.compile(r"\\?([0-9A-Fa-f]+) [ *](.+)\Z")
_REMEDY = "ask the agency to send the file and its manifest again"


class PromisedFile(NamedTuple):
    """What a manifest says of one file; `by` is the manifest's name."""

    by: str
    rows: int | None
    digest: str | None


def is_manifest(name: str, source: FilesSource) -> bool:
    """Tell whether a file of the folder is a manifest."""
    return source.manifest is not None and fnmatchcase(name, source.manifest.file)


def promised(
    paths: Iterable[Path], source: FilesSource, where: str
) -> tuple[dict[str, PromisedFile], list[ContractBreach]]:
    """Give what manifests say by the name of the file, composed; the last word counts. Give also the unreadable.

    Shape: names in NFC. The manifests are read in the order of their names.
    """
    assert source.manifest is not None
    found: dict[str, PromisedFile] = {}
    refused = []
    for path in sorted(paths):
        try:
            place = f"{where}: {path.name}" if where else path.name
            found |= {composed(name): one for name, one in _read(path, source, source.manifest, place)}
        except ContractBreach as breach:
            refused.append(breach)
    return found, refused


def refuse_otherwise(said: PromisedFile | None, digests: Mapping[str, str], rows: int, where: str) -> None:
    """Hold a file to what its manifest says; `digests` of its content by kind, that of the manifest among them.

    Errors: `source.manifest`.
    """
    if said is None:
        raise _refused("no manifest names the file", where, "ask the agency for the file's manifest")
    if said.digest is not None:
        kind = KINDS[len(said.digest)]
        if digests[kind] != said.digest:
            raise _refused(f"its {kind} is not the one that {said.by} says", where)
    if said.rows is not None and rows != said.rows:
        raise _refused(f"it has {rows:,} rows, and {said.by} says {said.rows:,}", where)


def digests_of(path: Path, said: PromisedFile | None = None) -> dict[str, str]:
    """Read a file once for its SHA-256, and for the digest of the kind that its manifest says, if another one."""
    kinds = {KINDS[SHA256]} | ({KINDS[len(said.digest)]} if said and said.digest else set())
    found = {kind: hashlib.new(kind) for kind in kinds}
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            for one in found.values():
                one.update(piece)
    return {kind: one.hexdigest() for kind, one in found.items()}


def not_there(names: Sequence[str], where: str) -> ContractBreach:
    """Make the refusal of a manifest whose files did not come."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    what = f"it names {names[0]}{more}, which {'are' if more else 'is'} not there"
    return _refused(what, where, "ask the agency for what is missing")


def composed(name: str) -> str:
    """Give a name as manifests are looked up by."""
    return unicodedata.normalize("NFC", name)


def _read(
    path: Path, source: FilesSource, manifest: Manifest, where: str
) -> Iterator[tuple[str, PromisedFile]]:
    if path.stat().st_size > MAX_BYTES:
        raise _refused(f"the manifest has more than {MAX_BYTES:,} bytes", where)
    try:
        text = path.read_bytes().decode(source.encoding)
    except UnicodeDecodeError:
        raise _refused(f"the manifest is not {source.encoding}", where) from None
    lines = text.splitlines()
    if manifest.name is None:
        yield from _sums(lines, path.name, where)
        return
    header, *records = list(csv.reader(lines, delimiter=source.delimiter)) or [[]]
    places = _places([composed(name).strip() for name in header], manifest, where)
    for number, record in enumerate(records, 2):
        if record:
            yield _promise(record, places, path.name, f"{where}:{number}")


def _sums(lines: Sequence[str], by: str, where: str) -> Iterator[tuple[str, PromisedFile]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = _SUM.match(line)
        if match is None or len(match[1]) not in KINDS:
            raise _refused("a line is no digest with a name behind it", f"{where}:{number}")
        yield match[2], PromisedFile(by, None, match[1].lower())


def _places(header: Sequence[str], manifest: Manifest, where: str) -> dict[str, int]:
    wanted = {"name": manifest.name, "rows": manifest.rows, "digest": manifest.digest}
    places = {}
    for part, column in wanted.items():
        if column is None:
            continue
        if composed(column) not in header:
            raise _refused(f"the manifest has no column {column}", where)
        places[part] = header.index(composed(column))
    return places


def _promise(record: Sequence[str], places: dict[str, int], by: str, where: str) -> tuple[str, PromisedFile]:
    told = {part: record[at].strip() if at < len(record) else "" for part, at in places.items()}
    rows, digest = told.get("rows"), told.get("digest")
    if not told["name"] or "" in (rows, digest):
        raise _refused("a line of the manifest is cut or lacks a value", where)
    if rows is not None and not (rows.isascii() and rows.isdigit()):
        raise _refused("the number of rows is no number", where)
    if digest is not None and (len(digest) not in KINDS or not re.fullmatch("[0-9A-Fa-f]+", digest)):
        raise _refused("the digest is neither MD5, SHA-1, SHA-256 nor SHA-512", where)
    return told["name"], PromisedFile(by, None if rows is None else int(rows), digest and digest.lower())


def _refused(what: str, where: str, remedy: str = _REMEDY) -> ContractBreach:
    return ContractBreach("source.manifest", what, where=where, remedy=remedy)
