"""Where a connector's data is and how it is read: the part `source` of a connector file, a model a kind."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pophub.contracts.patterns import NAME, REFERENCE, TABLE
from pophub.domain.dates import HO_CHI_MINH

Name = Annotated[str, StringConstraints(pattern=NAME)]
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
TableName = Annotated[str, StringConstraints(pattern=TABLE, max_length=260)]
Reference = Annotated[str, StringConstraints(pattern=REFERENCE)]


class Model(BaseModel):
    """A frozen part of a connector file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Marker(Model):
    """The change marker: what orders the versions of a key at the source.

    Inside the hub a marker is one 64-bit integer: microseconds since 1970 UTC (`time`) or the
    source's own number (`sequence`).
    """

    column: ColumnName = Field(description="column of the marker", examples=["cap_nhat_luc"])
    kind: Literal["time", "sequence"] = Field(
        "time", description="what the column holds: times, or a number that only grows", examples=["sequence"]
    )
    format: str | None = Field(
        None,
        description="strptime format where the time is text",
        examples=["%d/%m/%Y %H:%M:%S"],
    )
    time_zone: str = Field(
        HO_CHI_MINH.key, description="zone of times that carry none", examples=["Asia/Bangkok"]
    )
    changed_at: ColumnName | None = Field(
        None,
        description="for `sequence`: the column with the time of the change",
        examples=["thoi_diem_sua"],
    )


class Deleted(Model):
    """How the source marks a deleted row."""

    column: ColumnName = Field(description="soft-delete column", examples=["da_xoa"])
    values: tuple[bool | int | str, ...] = Field(
        min_length=1,
        description="values that mean deleted; a yes or no also as text or as 1 and 0",
        examples=[[True]],
    )
    living: tuple[bool | int | str, ...] = Field(
        (),
        description="values that mean not deleted, besides an empty one and the opposite of a yes or no",
        examples=[["A"]],
    )


class SourceFile(Model):
    """What every kind of source declares, and what the stages ask of it: never its kind."""

    reads: ClassVar[Literal["table", "folder"]]
    kind: str
    url: Reference
    marker: Marker = Field(description="what orders the versions of a key")
    deleted: Deleted | None = Field(None, description="how a deleted row is marked; without it none is")

    @property
    def window_us(self) -> int:
        """How far behind the position a table is read again, microseconds."""
        return 0

    @property
    def settling_s(self) -> int:
        """Seconds that a fresh marker is left to settle."""
        return 0

    @property
    def described(self) -> str:
        """What is read, in words for a person."""
        raise NotImplementedError


class SqlSource(SourceFile):
    """A table or view read through SQLAlchemy, in the order of marker and key."""

    reads = "table"

    kind: Literal["sql"] = Field(description="a table or view", examples=["sql"])
    url: Reference = Field(
        description="SQLAlchemy URL, as a variable",
        examples=["${POPHUB_SOURCE_MPS_URL}"],
    )
    table: TableName = Field(description="table or view, with its schema", examples=["dancu.cong_dan"])
    key: tuple[ColumnName, ...] = Field(
        min_length=1, description="columns that order rows of one marker", examples=[["so_ddcn", "id"]]
    )
    late_s: int = Field(
        0, ge=0, description="seconds that a row may commit late under an older marker", examples=[3600]
    )
    settle_s: int = Field(0, ge=0, description="seconds that a fresh marker is left to settle", examples=[30])

    @property
    def window_us(self) -> int:
        """How far behind the position the table is read again: only times commit late, microseconds."""
        return self.late_s * 1_000_000 if self.marker.kind == "time" else 0

    @property
    def settling_s(self) -> int:
        """Seconds that a fresh marker is left to settle."""
        return self.settle_s

    @property
    def described(self) -> str:
        """What is read, in words for a person."""
        return f"the table `{self.table}`"


class FilesSource(SourceFile):
    """A drop folder of CSV and XLSX files; each file is taken once, by content."""

    reads = "folder"

    kind: Literal["files"] = Field(description="a drop folder", examples=["files"])
    url: Reference = Field(
        description="the folder, as a variable",
        examples=["${POPHUB_SOURCE_THANHHOA_URL}"],
    )
    pattern: str = Field("*", description="glob of file names", examples=["ho_so_*.csv"])
    encoding: str = Field(
        "utf-8-sig", description="text encoding of CSV files, as Python names it", examples=["cp1258"]
    )
    delimiter: str = Field(
        ",", min_length=1, max_length=1, description="column separator of CSV files", examples=[";"]
    )
    multiline: bool = Field(
        False, description="true: a quoted value of a CSV file may span lines", examples=[True]
    )
    last_line: Literal["ends", "may_end_open"] = Field(
        "ends",
        description="whether the last line of a CSV file may lack its end, as a cut one does",
        examples=["may_end_open"],
    )
    sheet: str | None = Field(
        None,
        min_length=1,
        description="sheets of XLSX files: a name, or a pattern of visible ones ('*': all); none: the first visible",
        examples=["Hồ sơ *"],
    )
    unread_sheets: Literal["hold", "ignore"] = Field(
        "hold",
        description="a workbook with rows under the same columns in a sheet that is not read",
        examples=["ignore"],
    )
    quiet_s: int = Field(
        2, ge=0, description="seconds a file must rest unchanged before it is read", examples=[10]
    )

    @property
    def described(self) -> str:
        """What is read, in words for a person."""
        return "a drop folder"
