"""A drop folder of CSV and XLSX files and JSON lines, each taken once, by content; an inventory, by name and content."""

from __future__ import annotations

import hashlib
import stat
import time
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType

from pophub.contracts.source_model import FilesSource
from pophub.domain.errors import PophubError, TransientError
from pophub.domain.record import Columns
from pophub.ports import DropFile
from pophub.sources import csv_file, json_file, xlsx_file
from pophub.sources.file_kind import kind_of
from pophub.sources.file_rows import Checked
from pophub.sources.manifest import (
    KINDS,
    SHA256,
    PromisedFile,
    composed,
    digests_of,
    is_manifest,
    not_there,
    promised,
    refuse_otherwise,
)

ROOMS: dict[str, ModuleType] = {"csv": csv_file, "xlsx": xlsx_file, "json": json_file}
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart")


class DropFolder:
    """The folder that an agency drops its files into (`ports.FolderSource`).

    `columns` are the columns that each file must have besides those of marker and deletion.
    """

    def __init__(
        self, source: FilesSource, folder: Path, *, columns: Sequence[str] = (), where: str = ""
    ) -> None:
        self._source = source
        self._folder = folder
        self._where = where
        wanted = [*columns, *source.marker.columns]
        wanted += [source.deleted.column] if source.deleted else []
        self._required = tuple(dict.fromkeys(wanted))
        self._bad: list[PophubError] = []
        self._again: set[str] = set()
        self._checked: dict[str, Checked] = {}
        self._promised: dict[str, PromisedFile] = {}

    def files(self, taken: Sequence[str]) -> Iterator[DropFile]:
        """Give complete files whose digest is not among `taken`, oldest name first.

        A file younger than `quiet_s` is waited for, once; one that still changes is left for the
        next call. A refused file never stops the others: `bad` tells of it afterwards.
        Errors: `source.unreachable` when the folder is not there.
        """
        self._bad, self._again, self._checked = [], set(), {}
        seen = set(taken)
        self._read_manifests()
        for path, before in self._resting():
            try:
                said = self._promised.get(composed(path.name))
                contents = digests_of(path, said)
                digest = self._named(path.name, contents[KINDS[SHA256]])
                if _state(path) != before:
                    continue
                if digest in seen:
                    self._again.add(path.name)
                    continue
                checked = self._check(path)
                if self._source.manifest is not None:
                    refuse_otherwise(said, contents, checked.rows, self._place(path.name))
            except PophubError as error:
                self._bad.append(error)
                continue
            except FileNotFoundError:
                continue  # taken away by the agency while we looked
            except OSError as error:
                self._bad.append(self._unreadable(path.name, error))
                continue
            seen.add(digest)
            self._checked[digest] = checked
            yield DropFile(path.name, digest, checked.told)
        self._bad += self._not_there(seen)

    def bad(self) -> list[PophubError]:
        """Give why files of the last `files()` were refused; complete once it was iterated."""
        return list(self._bad)

    def newest(self, rows: int) -> Columns:
        """Give the first rows of the file that was written last, without a wait; nothing where there is none yet.

        Errors: `source.unreachable`; why the file is refused.
        """
        found = self._listed()
        if not found:
            return {}
        path = max(found, key=lambda one: one[1][1])[0]
        try:
            return next(self._check(path).read(rows), {})
        except OSError as error:
            raise self._unreadable(path.name, error) from error

    def left_out(self) -> list[str]:
        """Give the names of finished files that the pattern leaves out, also by another case or Unicode form.

        Errors: `source.unreachable` when the folder is not there.
        """
        names = [name for name in self._names() if not is_unfinished(name)]
        return [
            name
            for name in names
            if not fnmatchcase(name, self._source.pattern)
            and not is_manifest(name, self._source)
            and _state(self._folder / name) is not None
        ]

    def no_longer_bad(self, names: Sequence[str]) -> dict[str, str]:
        """Give names whose file was taken away, or holds by now what was taken before; see `files`."""
        there = set(self._names())
        gone = {name: "the file was withdrawn" for name in names if name not in there}
        again = self._again.intersection(names)
        refused = {error.where.removeprefix(f"{self._where}: ").partition(":")[0] for error in self._bad}
        sound = [name for name in names if is_manifest(name, self._source) and name in there - refused]
        gone |= dict.fromkeys(sound, "the manifest is whole by now, and so are its files")
        return gone | dict.fromkeys(again, "the file holds by now what was taken before")

    def read(self, file: DropFile, chunk_rows: int) -> Iterator[Columns]:
        """Give the file's rows in their order, in chunks; blank rows are left out.

        Shape: the header's columns as the connector spells them, then `_extra`, `_place` and `_flaws`
        (see `pophub.ports`). `_extra` is None where the row has as many values as the header, else a
        JSON list of the surplus values (`[]` for a row that is too short, whose missing values are
        None). A value with undecodable bytes comes as bytes.
        Errors: `source.file_changed` when the content is not that of `file` any more.
        """
        path = self._folder / file.name
        try:
            if self._named(file.name, digests_of(path)[KINDS[SHA256]]) != file.digest:
                raise TransientError(
                    "source.file_changed",
                    "the file changed after it was found complete",
                    where=self._place(file.name),
                    remedy="the run tries again; agencies should drop files under a .part name",
                )
            checked = self._checked.get(file.digest) or self._check(path)
            yield from checked.read(chunk_rows)
        except OSError as error:
            raise self._unreadable(file.name, error) from error

    def _resting(self) -> list[tuple[Path, tuple[int, int, int]]]:
        found = self._listed()
        quiet_ns = self._source.quiet_s * 1_000_000_000
        youngest = max((state[1] for _, state in found), default=0)
        wait_ns = min(youngest + quiet_ns - time.time_ns(), quiet_ns)
        if wait_ns <= 0:
            return found
        time.sleep(wait_ns / 1e9)
        rested = dict(found)
        return [(path, state) for path, state in self._listed() if rested.get(path) == state]

    def _names(self) -> list[str]:
        try:
            return sorted(path.name for path in self._folder.iterdir())
        except OSError as error:
            raise TransientError(
                "source.unreachable",
                f"the drop folder cannot be listed ({type(error).__name__})",
                where=self._where,
                remedy="see that the folder is mounted and may be read; the run tries again",
            ) from error

    def _listed(self) -> list[tuple[Path, tuple[int, int, int]]]:
        found = []
        for name in self._names():
            path = self._folder / name
            wanted = fnmatchcase(name, self._source.pattern) and not is_manifest(name, self._source)
            if not is_unfinished(name) and wanted:
                state = _state(path)
                if state is not None:
                    found.append((path, state))
        return found

    def _read_manifests(self) -> None:
        if self._source.manifest is None:
            return
        names = [
            name for name in self._names() if is_manifest(name, self._source) and not is_unfinished(name)
        ]
        paths = [self._folder / name for name in names if _state(self._folder / name) is not None]
        self._promised, refused = promised(paths, self._source, self._where)
        self._bad += refused

    def _not_there(self, seen: set[str]) -> list[PophubError]:
        """Tell of files that did not come, by manifests with SHA-256; one that was taken may be gone."""
        there = set(map(composed, self._names()))
        missing: dict[str, list[str]] = {}
        for name, said in self._promised.items():
            known = len(said.digest or "") != SHA256 or self._named(name, str(said.digest)) in seen
            if name not in there and not known:
                missing.setdefault(said.by, []).append(name)
        return [not_there(names, self._place(by)) for by, names in missing.items()]

    def _check(self, path: Path) -> Checked:
        room = ROOMS[kind_of(path, self._source.encoding, self._place(path.name))]
        checked: Checked = room.check(path, self._source, self._required, self._place(path.name))
        return checked

    def _named(self, name: str, content: str) -> str:
        """Name a file's content; of an inventory its name too, since an older state may come again."""
        if self._source.marker.kind != "scan":
            return content
        return hashlib.sha256(f"{content} {name}".encode(errors="surrogateescape")).hexdigest()

    def _place(self, name: str) -> str:
        return f"{self._where}: {name}" if self._where else name

    def _unreadable(self, name: str, error: OSError) -> TransientError:
        return TransientError(
            "source.unreachable",
            f"the file cannot be read ({type(error).__name__})",
            where=self._place(name),
            remedy="see the folder's disk and rights; the run tries again",
        )


def is_unfinished(name: str) -> bool:
    """Tell whether a name says that the file is still written."""
    return name.startswith((".", "~$")) or name.lower().endswith(_UNFINISHED)


def _state(path: Path) -> tuple[int, int, int] | None:
    """Give inode, mtime and size; None for what is no plain file (links, pipes, folders)."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
