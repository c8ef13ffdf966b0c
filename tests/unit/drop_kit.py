"""A drop folder of dossiers, and what is said of its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook

from pophub.contracts.source_model import FilesSource
from pophub.domain.record import Columns
from pophub.sources.files import DropFolder

HEADER = "Mã hồ sơ,Họ và tên,Cập nhật\n"
GOOD = HEADER + "H1,Nguyễn Văn A,01/02/2024 03:04:05\nH2,Trần Thị B,02/02/2024 03:04:05\n"


def folder(path: Path, **more: object) -> DropFolder:
    source = FilesSource.model_validate(
        {"kind": "files", "url": "${X}", "quiet_s": 0, "marker": {"column": "Cập nhật"}, **more}
    )
    return DropFolder(source, path, columns=("Mã hồ sơ",), where="thanhhoa.procedures")


def whole(drop: DropFolder, chunk_rows: int = 1) -> dict[str, list[Columns]]:
    return {file.name: list(drop.read(file, chunk_rows)) for file in drop.files([])}


def codes(drop: DropFolder) -> dict[str, str]:
    list(drop.files([]))
    return {error.where.split(": ")[1]: error.code for error in drop.bad()}


def workbook(path: Path, rows: Sequence[Sequence[object]]) -> None:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(list(row))
    book.save(path)
